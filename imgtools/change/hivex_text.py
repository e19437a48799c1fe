"""Registry keys and values as hivex' own programs print them: Win::Hivex::Regedit's export, and hivexget."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.engine.hive import HiveKey
from imgtools.engine.regvalue import RegistryValue

STRINGS, DWORD = (1, 2), 4


def _bytes_of(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def exported(key: HiveKey, prefix: str, *, readable: bool) -> Iterator[bytes]:
    """Yield the text of a key and all below it as Win::Hivex::Regedit's reg_export prints it.

    Keys and values are in the order of the bytes of their names. A key of any depth: no hive is deeper than 512.
    """
    yield b"[" + printed(prefix) + printed(f"\\{key.path}") + b"]\n"
    for value in sorted(key.values(), key=lambda one: _bytes_of(one.name)):
        name = value.name.replace("\\", "\\\\").replace('"', '\\"')
        yield b'"' + printed(name) + b'"=' if value.name else b"@="
        yield printed(f"{_data(value, readable=readable)}\n")
    yield b"\n"
    for child in sorted(key.subkeys(), key=lambda one: _bytes_of(one.name)):
        yield from exported(child, prefix, readable=readable)


def printed(text: str) -> bytes:
    """Return text as Perl prints it to a stream without an encoding: Latin-1 where that holds it, else UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _data(value: RegistryValue, *, readable: bool) -> str:
    kind = int(value.type)
    if kind == DWORD and len(value.data) == 4:
        return f"dword:{int.from_bytes(value.data, 'little'):08x}"
    if readable and kind in STRINGS:
        text = value.data.decode("utf-16-le", "replace").removesuffix("\0").replace('"', '\\"')
        return f'str({kind:x}):"{text}"'
    return f"hex({kind:x}):" + value.data.hex(",")


def value_text(value: RegistryValue) -> str:
    """Return one value as hivexget prints it: texts and numbers a line each, anything else in hexadecimal."""
    kind, data = int(value.type), value.data
    if kind in (1, 2, 6):
        return data.decode("utf-16-le", "replace").partition("\0")[0] + "\n"
    if kind == 7:
        texts = data.decode("utf-16-le", "replace").split("\0")
        return "".join(f"{one}\n" for one in texts[: texts.index("")] if one)
    if kind in (4, 5, 11) and len(data) in (4, 8):
        order = "big" if kind == 5 else "little"
        return f"{int.from_bytes(data, order, signed=True)}\n"  # type: ignore[arg-type]
    return f"hex({kind:x}):" + data.hex(",") + "\n"
