"""What a walk through the files of a guest meets."""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.records.files import FileStat


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file that a walk met, with its full guest path."""

    path: str
    stat: FileStat
    target: str = ""  # of a symbolic link, when the walk was asked for it
