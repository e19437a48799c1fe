"""virt-win-reg: export keys of a Windows guest's registry, or merge .reg files into it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.sources import drives as drives_of
from imgtools.compat.sources import request_of
from imgtools.compat.text import put, put_bytes
from imgtools.compat.words import Takes, Words, idle, refused, switch, valued
from imgtools.errors import HostError, UsageError
from imgtools.records.request import Target

if TYPE_CHECKING:
    from imgtools.engine.hive import HiveKey
    from imgtools.engine.regvalue import RegistryValue

OPTIONS = (
    switch("--help", "-?"),
    switch("--version"),
    switch("--long-options"),
    switch("--short-options"),
    valued("--connect", "-c"),
    idle("nothing is traced", "--debug", "-d"),
    valued("--format"),
    switch("--merge"),
    refused("strings are stored as Windows stores them, UTF-16LE", "--encoding", takes=Takes.VALUE),
    switch("--unsafe-printable-strings"),
)
SINGLE_DASH = True
DEFAULT = ("HKEY_USERS\\.DEFAULT", "HKEY_LOCAL_MACHINE\\.DEFAULT")  # what it is, and what the peer calls it
STRINGS, DWORD = (1, 2), 4


def run(words: Words) -> int:
    """Export a key or print a value; with --merge change the registry."""
    if not words.rest:
        raise UsageError("no libvirt domain name or disk image given", hint="virt-win-reg IMAGE KEY")
    image, *rest = words.rest
    request = request_of(words, drives_of(words, [image]))
    if words.last("--format"):
        disks = tuple(replace(disk, format=words.last("--format")) for disk in request.disks)
        request = replace(request, disks=disks)
    if words.has("--merge"):
        from imgtools.workflows.registry_edit import How, merge

        contents = [(name, _content(name)) for name in rest] or [("standard input", sys.stdin.buffer.read())]
        report = merge(replace(request, share=False), Target(write=True), contents, how=How())
        report_warnings(words, report.warnings)
        return 0
    if len(rest) not in (1, 2):
        raise UsageError(
            "expecting 1 or 2 more parameters, subkey path and optionally the value to export",
            hint="virt-win-reg IMAGE KEY [VALUE]",
        )
    from imgtools.workflows.registry import one_value, open_export

    with open_export(request, rest[0].removeprefix("\\")) as export:
        if len(rest) == 2:
            value = one_value(export.place, export.key, "" if rest[1] == "@" else rest[1])
            put(value_text(value))
        else:
            known, called = DEFAULT
            prefix = called if export.place.prefix.upper() == known else export.place.prefix
            for line in exported(export.key, prefix, readable=words.has("--unsafe-printable-strings")):
                put_bytes(line)
    return 0


def _content(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise HostError(f"cannot read {name}: {error.strerror}") from None


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
