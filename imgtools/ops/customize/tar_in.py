"""Unpack a tar archive of the host into a directory of the guest: ``TAR:DIR``; gzip, xz, bzip2 and zstd too.

Owners by number, modes, times, links and attributes are those of the archive. No member leads out of the directory.

Linux and Windows guests; on NTFS there are neither owners nor modes, and an archive with a link in it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from imgtools.change.archive import plain_archive
from imgtools.change.change import Change, Remove, SetTimes, Upload, WriteFile
from imgtools.change.fit_to_filesystem import fitted
from imgtools.change.unpack import unpacked
from imgtools.change.writable_tree import open_upload
from imgtools.errors import HostError, NotADirectory, UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file, split_pair
from imgtools.ops.operation import LINUX_OR_WINDOWS, Operation
from imgtools.records.system import Warned

LIMIT = 256 << 20  # bytes of a packed archive's files: they are kept in memory until they are written


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield what the archive stands for.

    :raises HostError: the archive cannot be read, is damaged, or has what cannot be unpacked.
    :raises NotADirectory: the guest has no such directory.
    :raises UsageError: it is packed, and too large unpacked.
    """
    name, text = split_pair(order.text, "TAR:DIR")
    folder, archive = guest_file(text), Path(name)
    if not guest.files.is_dir(folder):
        raise NotADirectory(f"not a directory in the guest: {folder}", path=folder)
    with plain_archive(archive, BytesIO()) as plain:
        room = LIMIT
        members = unpacked(plain, guest.files.resolve(folder), archive, guest.files)
        for one in fitted(members, guest.mounts):
            if isinstance(one, Warned):
                raise HostError(f"{archive}: {one.path}: {one.text}")
            if isinstance(one, Upload) and plain != archive.absolute():
                room -= one.size
                if room < 0:
                    raise UsageError(
                        f"{archive} holds more than {LIMIT >> 20} MiB", hint="unpack it to a plain .tar first"
                    )
                yield from _held(one)
            else:
                yield one


def _held(change: Upload) -> Iterator[Change]:
    """A member of an archive that will be gone when the plan is carried out, with its content."""
    with open_upload(change) as stream:
        content = stream.read()
    if change.replace:
        yield Remove(change.path)
    yield WriteFile(change.path, content, change.mode, change.uid, change.gid)
    yield SetTimes(change.path, change.mtime, change.mtime)


OPERATION = Operation(
    summary="Unpack a tar archive into a directory of the guest",
    plan=plan,
    params=Order,
    families=LINUX_OR_WINDOWS,
    metavar="TAR:DIR",
)
