"""Who may change a file besides root: by its mode and owner, or by those of the folders above it.

Whoever may write to a folder may put another file in the place of one in it, unless the folder is sticky (inode(7)).
"""

from __future__ import annotations

from collections.abc import Collection

from imgtools.errors import GuestFileError
from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import FILE_LIMIT, GROUP, PASSWD
from imgtools.records.files import FileKind, FileStat

OTHERS, OF_GROUP, STICKY = 0o002, 0o020, 0o1000


def who_else(files: GuestReader, path: str, trusted: Collection[int] = (0,)) -> str:
    """Say who may change what a path leads to: "everybody may write to /opt"; "" if only those who are trusted may.

    :param trusted: the uids that may.
    """
    try:
        here = files.resolve(path)
    except GuestFileError:
        return ""
    while True:
        found = files.lstat(here)
        if found is not None and (who := _who(found, trusted)):
            return f"{who} {here}"
        if here == "/":
            return ""
        here = parent_of(here)


def _who(found: FileStat, trusted: Collection[int]) -> str:
    is_sticky = found.kind is FileKind.DIRECTORY and found.mode & STICKY
    if found.mode & OTHERS and not is_sticky:
        return "everybody may write to"
    # Who owns a folder may move away what is in it, whatever its mode.
    return "" if found.uid in trusted else f"the user {found.uid} owns"


def known_ids(files: GuestReader, path: str) -> frozenset[int]:
    """Return the numbers of /etc/passwd or /etc/group; lines that do not parse are passed over."""
    if not files.is_file(path) or files.stat(path).size > FILE_LIMIT:
        return frozenset()
    fields = (line.split(":") for line in files.read_text(path, limit=FILE_LIMIT).split("\n"))
    return frozenset(
        int(each[2])
        for each in fields
        if len(each) > 2 and each[2].isascii() and each[2].isdigit() and each[2:3]
    )


def user_ids(files: GuestReader) -> frozenset[int]:
    """Return the uids of /etc/passwd."""
    return known_ids(files, PASSWD)


def group_ids(files: GuestReader) -> frozenset[int]:
    """Return the gids of /etc/group."""
    return known_ids(files, GROUP)
