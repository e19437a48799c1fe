"""Copy a file or directory inside the guest: ``SOURCE:TARGET``, with modes, owners, times and attributes.

As ``cp -a`` does it: a target that is a directory takes the copy in, any other becomes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, MakeDirectory, MakeLink, MakeSpecial, SetTimes, SetXattr, WriteFile
from imgtools.change.compose import is_private
from imgtools.errors import NoSuchGuestFile, UsageError
from imgtools.files.paths import join, normalise_keeping_dots, parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file, require_there, split_pair
from imgtools.ops.operation import ANY, Operation
from imgtools.records.files import FileKind
from imgtools.records.found import FoundFile

LIMIT = 256 << 20  # bytes that are copied in one order: a plan is kept in memory


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield what makes the copy.

    :raises NoSuchGuestFile: the source, or a directory for the target, is not there.
    :raises UsageError: a directory would be copied into itself, or it is too much for a plan.
    """
    files = guest.files
    text, wanted = split_pair(order.text, "SOURCE:TARGET")
    source, target = require_there(files, text), normalise_keeping_dots(guest_file(wanted))
    if files.is_dir(target):
        target = join(files.resolve(target), source.rpartition("/")[2])
    elif not files.is_dir(parent_of(target)):
        raise NoSuchGuestFile(f"no such directory in the guest: {parent_of(target)}", path=target)
    if f"{target}/".startswith(f"{source}/"):
        raise UsageError(f"{source} cannot be copied into itself")
    size = 0
    for found in _tree(files, source):
        size += found.stat.size if found.stat.kind is FileKind.FILE else 0
        if size > LIMIT:
            raise UsageError(
                f"{source} has more than {LIMIT >> 20} MiB", hint=f"--run-command 'cp -a {source} {target}'"
            )
        yield from _copy(files, found, target + found.path[len(source) :])


def _tree(files: GuestReader, source: str) -> Iterator[FoundFile]:
    """The source itself, a link not followed, and all below it."""
    stat = files.lstat(source)
    if stat is not None and stat.kind is not FileKind.DIRECTORY:
        yield FoundFile(source, stat)
    else:
        yield from files.walk(source)


def _copy(files: GuestReader, found: FoundFile, path: str) -> Iterator[Change]:
    stat = found.stat
    match stat.kind:
        case FileKind.DIRECTORY:
            yield MakeDirectory(path, stat.mode, stat.uid, stat.gid)
        case FileKind.FILE:
            content = files.read_bytes(found.path, limit=LIMIT)
            yield WriteFile(path, content, stat.mode, stat.uid, stat.gid, private=is_private(found.path))
        case FileKind.LINK:
            yield MakeLink(path, files.read_link(found.path), stat.uid, stat.gid)
        case _:
            yield MakeSpecial(path, stat.kind.value, stat.device, stat.mode, stat.uid, stat.gid)
    for name, value in files.xattrs(found.path).items():
        if name != "security.selinux":  # a new file gets the label that the policy has for its place
            yield SetXattr(path, name, value)
    if stat.kind is FileKind.FILE and stat.mtime:  # one that the plan itself makes has no time yet
        yield SetTimes(path, stat.atime, stat.mtime)


OPERATION = Operation(
    summary="Copy a file or directory inside the guest",
    plan=plan,
    params=Order,
    families=ANY,
    metavar="SOURCE:TARGET",
)
