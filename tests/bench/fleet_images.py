"""The fleets that are measured: linked clones of a guest, each with a name and a machine ID of its own; and stubs."""

from __future__ import annotations

from pathlib import Path

from fixtures import build
from imgtools import clone
from tests.bench.images import copy

AT_A_TIME = 50  # clones that are planned together
STUB = bytes(510) + b"\x55\xaa"  # a disk of one sector


def clones(guest: str, count: int, folder: Path) -> list[Path]:
    """Return linked clones of a fixture, made where they are not there yet; what they stand on is hidden there."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f".{guest}.qcow2"
    if not base.exists():
        copy(build.fixture(guest).image, base)
    names = [f"{guest}-{number:04}" for number in range(count)]
    missing = [name for name in names if not (folder / f"{name}.qcow2").exists()]
    for first in range(0, len(missing), AT_A_TIME):
        some = missing[first : first + AT_A_TIME]
        clone(base, some, output_dir=folder, linked=True, unprepared=True)
    return [folder / f"{name}.qcow2" for name in names]


def stubs(count: int, folder: Path) -> list[Path]:
    """Return small disks that nobody opens."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05}.raw" for number in range(count)]
    for path in paths:
        if not path.exists():
            path.write_bytes(STUB)
    return paths
