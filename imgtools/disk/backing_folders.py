"""Folders whose files an image may name beside those of its own folder: where somebody keeps templates.

They are those that a command names (``--backing-folder``), those of the environment variable IMGTOOLS_BACKING_FOLDERS
(several with colons between), and the lines of ``~/.config/imgtools/backing-folders``, which only its owner obeys.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from imgtools.engine.own_files import NotOurs, read_own

VARIABLE = "IMGTOOLS_BACKING_FOLDERS"
LARGEST = 64 << 10  # bytes of the file


def backing_folders(named: Iterable[Path] = ()) -> set[Path]:
    """Return the folders, links resolved; what is no absolute path in a setting is left out."""
    words = [*os.environ.get(VARIABLE, "").split(os.pathsep), *_lines()]
    settings = (Path(word) for word in words if word.startswith("/"))
    return {Path(os.path.realpath(folder)) for folder in (*named, *settings)}


def settings_file() -> Path:
    """Return where the user's folders are listed, a line each; ``#`` begins a comment."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(base) / "imgtools" / "backing-folders"


def _lines() -> list[str]:
    try:
        content = read_own(settings_file(), LARGEST)
    except (OSError, NotOurs, RuntimeError):  # RuntimeError: there is no home
        return []
    return [os.fsdecode(line.strip()) for line in content.splitlines()]
