"""Where the host keeps firmware for UEFI machines: QEMU's firmware descriptors (docs/interop/firmware.json)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from imgtools.errors import ToolMissing

# The order in which a descriptor of one name hides another (docs/interop/firmware.json, "directories").
FOLDERS = (Path("/etc/qemu/firmware"), Path("/usr/share/qemu/firmware"))
LARGEST = 1 << 20  # bytes of a descriptor; 1 kB is usual
# What makes a firmware one that refuses loaders, or a machine that has to be told more.
UNWANTED = {"enrolled-keys", "secure-boot", "requires-smm"}


class Firmware(NamedTuple):
    """A firmware in two flash chips: its code, and the variables that a new machine begins with."""

    code: Path
    variables: Path


def find_uefi(machine: str, folders: tuple[Path, ...] = FOLDERS) -> Firmware:
    """Return the host's UEFI firmware for x86 machines, without Secure Boot.

    :param machine: QEMU's name of the chipset: ``q35``, ``pc``.
    :raises ToolMissing: there is none.
    """
    for told in _descriptors(folders):
        found = _firmware(told, machine)
        if found is not None and found.code.is_file() and found.variables.is_file():
            return found
    raise ToolMissing("no UEFI firmware for QEMU (OVMF) is installed", hint="apt-get install ovmf")


def _descriptors(folders: tuple[Path, ...]) -> Iterator[dict[str, Any]]:  # Any: JSON
    """Yield the descriptors, the first choice first; an empty file takes one away."""
    named: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in folder.glob("*.json"):
                named.setdefault(path.name, path)
    for _name, path in sorted(named.items()):
        try:
            told = json.loads(path.read_bytes()[:LARGEST])
        except (OSError, ValueError):
            continue
        if isinstance(told, dict):
            yield told


def _firmware(told: dict[str, Any], machine: str) -> Firmware | None:  # Any: JSON
    """Return what a descriptor names, if it is for us."""
    try:
        targets = [one for one in told["targets"] if one["architecture"] == "x86_64"]
        kinds = [kind for one in targets for kind in one["machines"]]
        mapping = told["mapping"]
        if mapping["device"] != "flash" or "uefi" not in told["interface-types"]:
            return None
        if UNWANTED & set(told["features"]) or not any(f"-{machine}-" in f"{kind}-" for kind in _long(kinds)):
            return None
        names = [mapping[part]["filename"] for part in ("executable", "nvram-template")]
        if any(mapping[part]["format"] != "raw" for part in ("executable", "nvram-template")):
            return None
    except (KeyError, TypeError):
        return None
    return Firmware(Path(names[0]), Path(names[1]))


def _long(kinds: list[str]) -> list[str]:
    """QEMU's machines by their long names: ``pc-i440fx-*`` is what ``pc`` stands for."""
    return [kind.replace("pc-i440fx", "pc-pc") for kind in kinds]
