"""What a person names among the files of a guest: one path, or a shell pattern for several."""

from __future__ import annotations

import difflib
import fnmatch
import re

from imgtools.errors import ImgtoolsError, NoSuchGuestFile
from imgtools.files.paths import join, normalise_keeping_dots
from imgtools.files.tree import GuestReader

PATTERN = re.compile(r"[*?\[{]")
COMPARED = 5000  # names of a folder that are compared with a wrong one


def named_paths(files: GuestReader, text: str) -> list[str]:
    """Return what ``text`` names, sorted: itself, if a file has that name, else all that it matches as a pattern.

    A link is not followed, and one that leads nowhere is named too: a pattern is never a shorter list than what there
    is.

    :raises NoSuchGuestFile: there is nothing; the hint has the name that is most like it.
    :raises GuestFileError: a path that is no pattern leads over what is no folder.
    """
    if files.lstat(text) is not None:
        return [text]
    if not PATTERN.search(text):
        files.locate(text)  # says what is wrong on the way, if it is not the last name
        raise NoSuchGuestFile(f"no such file in the guest: {text}", path=text, hint=nearest(files, text))
    found = list(files.glob(text))
    if not found:
        raise NoSuchGuestFile(f"nothing in the guest matches: {text}", path=text, hint=nearest(files, text))
    return found


def nearest(files: GuestReader, text: str) -> str:
    """Return a hint with the path that is most like one that is not there, or that nothing matches; "" without any."""
    parts = normalise_keeping_dots(text).strip("/").split("/")
    here = "/"
    try:
        for part in parts:
            names = [entry.name for entry in files.list_dir(here)]
            if part not in names:
                return _like(here, part, names)
            here = join(here, part)
    except ImgtoolsError:  # a hint is no reason for another error
        return ""
    return ""


def _like(folder: str, part: str, names: list[str]) -> str:
    """Return a hint with the name of a folder that is most like ``part``; if none is, how much there is."""
    if PATTERN.search(part) and any(fnmatch.fnmatchcase(name, part) for name in names):
        return ""  # the pattern's folders are there, what is wanted in them is not
    bare = PATTERN.sub("", part.replace("]", "").replace("}", ""))
    by_letters = {name.lower(): name for name in names[:COMPARED]}
    found = difflib.get_close_matches(bare.lower(), by_letters, n=1, cutoff=0.5)
    if found:
        return f"there is {join(folder, by_letters[found[0]])}"
    return f"there are {len(names)} files in {folder}: imgtools ls" if names else f"{folder} is empty"
