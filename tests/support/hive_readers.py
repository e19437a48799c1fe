"""What three readers find in a registry hive: hivex, libregf, and reged of Debian's chntpw."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pyregf

from imgtools.engine.hive import open_hive

Tree = dict[str, dict[str, tuple[int, bytes]]]
"""Keys by their paths below the root, which is ""; values by their names: type and data."""


def by_hivex(hive: bytes) -> Tree:
    with open_hive(hive, "/SYSTEM") as opened:
        return {
            key.path: {one.name: (one.type, one.data) for one in key.values()} for key in opened.root.walk()
        }


def by_libregf(hive: bytes, scratch: Path) -> Tree:
    """What libregf finds, which has its own idea of where a hive ends."""
    found: Tree = {}

    def walk(key: pyregf.key, name: str) -> None:
        values = [key.get_value(index) for index in range(key.number_of_values)]
        found[name] = {one.name or "": (one.type, one.data or b"") for one in values}
        for index in range(key.number_of_sub_keys):
            below = key.get_sub_key(index)
            walk(below, f"{name}\\{below.name}" if name else below.name)

    path = scratch / "hive"
    path.write_bytes(hive)
    file = pyregf.file()
    file.open(str(path))
    assert not file.is_corrupted()
    walk(file.get_root_key(), "")
    file.close()
    return found


def as_libregf_tells(tree: Tree, model: Tree) -> Tree:
    """What of the data libregf is asked for: texts to their first NUL; not one to three bytes, which it misreads."""

    def asked(type_: int, data: bytes, length: int) -> bytes:
        if length in (1, 2, 3):
            return b""
        ends = (
            [at for at in range(0, len(data) - 1, 2) if data[at : at + 2] == bytes(2)]
            if type_ in (1, 2)
            else []
        )
        return data[: ends[0] + 2] if ends else data

    return {
        key: {
            name: (type_, asked(type_, data, len(model[key][name][1])))
            for name, (type_, data) in values.items()
        }
        for key, values in tree.items()
    }


def by_reged(hive: bytes, scratch: Path) -> Tree:
    """What ``reged -x`` exports.

    Names are in Latin-1, texts in UTF-8; it forgets the end of the line after data of no bytes, and does not follow big
    data records.
    """
    path, text = scratch / "hive", scratch / "hive.reg"
    path.write_bytes(hive)
    done = subprocess.run(
        ["reged", "-x", path, "TOP", "\\", text],
        capture_output=True,
        text=True,
        check=False,
        errors="replace",
    )
    assert text.exists(), done.stdout + done.stderr
    found: Tree = {}
    here = ""
    joined = text.read_bytes().decode("latin-1").replace("\r\n", "\n").replace("\\\n  ", "")
    for line in re.sub(r"(=hex(?:\(\w+\))?:)(?=[\"@\[])", r"\1\n", joined).split("\n")[1:]:
        if line.startswith("["):
            here = line[1:-1].removeprefix("TOP").removeprefix("\\")
            found[here] = {}
        elif match := re.fullmatch(r'(?:@|"((?:[^"\\]|\\.)*)")=(.*)', line, re.DOTALL):
            found[here][re.sub(r"\\(.)", r"\1", match[1] or "")] = _value(match[2])
    return found


def _value(text: str) -> tuple[int, bytes]:
    if text.startswith("dword:"):
        return 4, int(text[6:], 16).to_bytes(4, "little")
    if text.startswith('"'):
        return 1, (re.sub(r"\\(.)", r"\1", text[1:-1]) + "\0").encode("latin-1").decode().encode("utf-16-le")
    head, _, numbers = text.partition(":")
    return int(head[4:-1] or "3", 16) if "(" in head else 3, bytes.fromhex(numbers.replace(",", " "))
