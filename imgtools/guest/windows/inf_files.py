r"""The files of a driver: where an INF file says that they lie, and where they go.

Sources (learn.microsoft.com): "INF CopyFiles Directive", "INF DestinationDirs Section", "INF SourceDisksFiles Section",
"INF SourceDisksNames Section" and "Using Dirids".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.errors import shorten
from imgtools.guest.windows.inf import Entry, Inf
from imgtools.guest.windows.inf_settings import read_number
from imgtools.guest.windows.target_os import TargetOs

# Where a driver's files go, below the folder of Windows, by DIRID. 13 is the package's own folder in the driver
# store, which Windows makes itself when it installs the package; what is put there by hand goes beside the others.
FOLDERS = {10: "", 11: "System32", 12: "System32/drivers", 13: "System32/drivers"}


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of the package, from the INF file's folder on, and where it goes below the folder of Windows.

    ``target`` is "" where that is another folder than those of :data:`FOLDERS`, such as the one of 32-bit programs.
    """

    source: str
    target: str


def file_name(inf: Inf, text: str) -> str:
    """Return the name of a file or a folder, and no path that leads elsewhere; "" stays.

    :raises HostError: it is none.
    """
    if text and (text in (".", "..") or not re.fullmatch(r'[^\\/:*?"<>|\0-\x1f]{1,255}', text)):
        raise inf.wrong(0, f"not the name of a file: {shorten(text)!r}")
    return text


def place_of(inf: Inf, entry: Entry) -> str:
    r"""Return where ``%12%\viostor.sys`` is, below the folder of Windows.

    :raises HostError: in none of a driver's folders.
    """
    text = entry.value(0)
    match = re.fullmatch(r"%(\d{1,5})%\\(.+)", text)
    if match is None or int(match[1]) not in FOLDERS:
        raise inf.wrong(entry.line, f"not a file in a folder of Windows: {shorten(text)!r}")
    return _joined(FOLDERS[int(match[1])], *_parts(inf, match[2]))


def copied_files(inf: Inf, section: str, target: TargetOs) -> Iterator[CopiedFile]:
    """Yield the files that an installation copies: ``CopyFiles = section`` or ``@file``.

    :raises HostError: a name is none.
    """
    for directive in inf.all(section, "CopyFiles"):
        for one in directive.values:
            if one.startswith("@"):
                yield _copied(inf, "DefaultDestDir", one[1:], one[1:], target)
                continue
            for entry in inf.entries(one):
                yield _copied(inf, one, entry.value(1) or entry.value(0), entry.value(0), target)


def _copied(inf: Inf, section: str, source: str, goal: str, target: TargetOs) -> CopiedFile:
    folder = _destination(inf, section)
    return CopiedFile(
        _source(inf, source, target), "" if folder is None else _joined(folder, file_name(inf, goal))
    )


def package_files(inf: Inf, target: TargetOs) -> Iterator[str]:
    """Yield all files that are named as those of the package, from the INF file's folder on.

    :raises HostError: a name is none.
    """
    for section in _of_processor("SourceDisksFiles", target):
        yield from (_source(inf, entry.key, target) for entry in inf.entries(section) if entry.key)


def _of_processor(section: str, target: TargetOs) -> tuple[str, str]:
    return (f"{section}.{target.processor}", section)


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _parts(inf: Inf, text: str) -> Iterator[str]:
    return (file_name(inf, part) for part in text.split("\\"))


def _destination(inf: Inf, section: str) -> str | None:
    """The folder of the files of a section, below that of Windows: ``section = dirid, subfolder``."""
    entry = inf.find("DestinationDirs", section, "DefaultDestDir")
    if entry is None:
        return FOLDERS[11]  # as the page of the section says, Remarks
    folder = FOLDERS.get(read_number(inf, entry.line, entry.value(0)))
    return None if folder is None else _joined(folder, *_parts(inf, entry.value(1)))


def _source(inf: Inf, file: str, target: TargetOs) -> str:
    file = file_name(inf, file)
    entry = _first(inf, _of_processor("SourceDisksFiles", target), file)
    if entry is None:
        return file
    disk = _first(inf, _of_processor("SourceDisksNames", target), entry.value(0))
    above = _parts(inf, disk.value(3)) if disk is not None else ()
    return _joined(*above, *_parts(inf, entry.value(1)), file)


def _first(inf: Inf, sections: tuple[str, ...], key: str) -> Entry | None:
    return next((found for one in sections if (found := inf.find(one, key)) is not None), None)
