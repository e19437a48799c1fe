"""Checks of the modes and owners of files that root reads, runs or believes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from imgtools.change.change import Change, SetMode, SetOwner
from imgtools.files.tree import GuestReader
from imgtools.ops.check import Flaw, Seen, always
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotKnown, NotThere
from imgtools.records.files import FileKind

MOST = 2000  # files of one check


def only_root_writes(
    *patterns: str, what: str, kinds: tuple[FileKind, ...] = (FileKind.FILE,), hidden: int = 0
) -> Callable[[Examined, Params], Iterable[Seen]]:
    """Return the look that wants files to belong to root, and nobody else to write to them.

    :param what: what they are, for a guest that has none: "the account files".
    :param hidden: further rights that nobody may have: 0o007 where others must not read them either.
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        there = list(matching(examined.files, patterns, kinds))
        if not there:
            yield NotThere(f"the guest has none of {what}")
        if len(there) > MOST:
            yield NotKnown(f"the guest has more than {MOST} of {what}; the rest was not looked at")
        for path in there[:MOST]:
            if (flaw := flaw_of(examined.files, path, hidden)) is not None:
                yield flaw

    return look


def matching(files: GuestReader, patterns: Iterable[str], kinds: tuple[FileKind, ...]) -> Iterator[str]:
    """Yield what is there of such files; links are followed, and what they lead to is told once."""
    seen: set[str] = set()
    for pattern in patterns:
        for path in files.glob(pattern):
            if not files.exists(path) or files.stat(path).kind not in kinds:
                continue
            true_path = files.resolve(path)
            if true_path not in seen:
                seen.add(true_path)
                yield true_path


def flaw_of(files: GuestReader, path: str, hidden: int = 0, owners: tuple[int, ...] = (0,)) -> Flaw | None:
    """Return what is wrong with the owner and the mode of a file; None if nothing is."""
    found = files.stat(path)
    forbidden = 0o022 | hidden
    # A group that is root's own may write.
    if found.gid == 0:
        forbidden &= ~0o020
    is_others, is_open = found.uid not in owners, bool(found.mode & forbidden)
    if not is_others and not is_open:
        return None
    changes: tuple[Change, ...] = ()
    if is_others:
        changes += (SetOwner(path, owners[0]),)
    if is_open or is_others:  # a new owner may lose the set-user-ID bits, and keeps the rest
        changes += (SetMode(path, found.mode & ~forbidden),)
    can = "write to" if is_others or found.mode & 0o022 & forbidden else "read"
    who = f"the user {found.uid}" if is_others else "others than root"
    return Flaw(
        f"{who} may {can} {path}",
        path,
        evidence=f"mode {found.mode:04o}, owner {found.uid}:{found.gid}",
        fix=always(*changes),
    )
