"""``imgtools registry`` on a Windows in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from imgtools.records.disks import Volume
from tests.support.command import Ran, imgtools
from tests.support.hives import Keys, make_hive
from tests.support.images import memory_image
from tests.support.memory import Content, MemoryFilesystem, memory_volume, serve
from tests.support.windows import SOFTWARE, windows_tree

Registry = Callable[..., Ran]
TYPES: Keys = dict(SOFTWARE) | {
    "Köln\\Typen": {
        "": "default",
        "text": "Grüße",
        "expand": (2, "%x%\0".encode("utf-16-le")),
        "multi": ["one", "two"],
        "dword": 255,
        "qword": (11, (2**40).to_bytes(8, "little")),
        "blob": b"\0\1\xff",
    },
    "Köln\\Leer": {},
}
SAM: Mapping[str, Content] = {"/Windows/System32/config/SAM": make_hive({"SAM": {}}, "SAM")}
ESP: Mapping[str, Content] = {"/EFI/Microsoft/Boot/BCD": make_hive({"Description": {"System": 1}}, "BCD")}


def registry_runner(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Run ``imgtools registry VERB win.img WORDS`` on a guest with a hive of every type, and an ESP."""

    def run(verb: str, *words: str, more: Mapping[str, Content] | None = None, code: int = 0) -> Ran:
        files = windows_tree(TYPES, more={**SAM, **(more or {})})
        volumes: dict[Volume, MemoryFilesystem] = {
            memory_volume("/dev/sda1", "vfat"): MemoryFilesystem(ESP, ignores_case=True),
            memory_volume("/dev/sda2", "ntfs"): MemoryFilesystem(files, ignores_case=True),
        }
        serve(monkeypatch, "registry", memory_image(volumes))
        return imgtools("registry", verb, "win.img", *words, code=code)

    return run
