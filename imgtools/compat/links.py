"""Links under the programs' names that lead to imgtools."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from imgtools.compat.programs import PROGRAMS
from imgtools.errors import HostError, TargetExists, ToolMissing


@dataclass(frozen=True, slots=True)
class VirtReport:
    """The programs that there are, and the links that were made."""

    programs: tuple[str, ...]
    links: tuple[str, ...] = ()


def make_links(folder: Path, called: str) -> tuple[str, ...]:
    """Make a link for each program in a folder of the host; return their paths. One that leads here already stays.

    :param called: how this program was called.
    :raises TargetExists: something else has one of the names: nothing is made then.
    :raises HostError: the folder is none, or takes no links.
    :raises ToolMissing: where the program itself is cannot be told.
    """
    target = _own_path(called)
    if not folder.is_dir():
        raise HostError(f"{folder} is no folder", hint="make it first")
    places = [folder / name for name in PROGRAMS]
    taken = [
        place
        for place in places
        if _exists(place) and not (place.is_symlink() and place.readlink() == target)
    ]
    if taken:
        raise TargetExists(
            f"{taken[0]} is there already", hint="remove it, or name an empty folder before /usr/bin in PATH"
        )
    for place in places:
        if not _exists(place):
            try:
                place.symlink_to(target)
            except OSError as error:
                raise HostError(f"cannot make {place}: {error.strerror}") from None
    return tuple(map(str, places))


def _exists(place: Path) -> bool:
    return place.is_symlink() or place.exists()


def _own_path(called: str) -> Path:
    """Where the program is that was called: a script is called by its path, whoever found it; or beside this Python."""
    for found in (called, str(Path(sys.executable).parent / "imgtools")):
        if "/" in found and Path(found).name == "imgtools" and Path(found).is_file():
            return Path(found).resolve()
    raise ToolMissing("imgtools", hint="call it by its path: /PATH/imgtools virt --install FOLDER")
