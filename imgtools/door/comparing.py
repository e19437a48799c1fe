"""The verbs that tell how guests differ, and what happened in one, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Unpack

from imgtools.door.opening import GuestOptions, Images, make_request, one_of, several
from imgtools.errors import UsageError
from imgtools.records.comparison import ContentCheck
from imgtools.records.timeline import Happening

if TYPE_CHECKING:
    from imgtools.records.request import ImageRequest
    from imgtools.workflows.diff import GuestDiffReport
    from imgtools.workflows.timeline import TimelineReport

CheckName = ContentCheck | Literal["times", "changed", "all"]
HappeningName = Happening | Literal["file", "package", "login", "log", "event"]


def diff(
    images: Images,
    other: Images | None = None,
    *,
    other_format: str | None = None,
    other_snapshot: str | None = None,
    path: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    only: Literal["facts", "files"] | None = None,
    compare: CheckName = ContentCheck.CHANGED,
    content: bool = False,
    checksum: str = "",
    times: bool = False,
    **options: Unpack[GuestOptions],
) -> GuestDiffReport:
    """Tell how two guests differ: their systems, and their files; ``report.same`` is the answer in short.

    :param other: another image, all disks of one, or a folder of the host with a root; None: the image
        itself at another time.
    :param path: only files here and below.
    :param exclude: shell patterns of names, or of paths, that are left out.
    :param only: facts of the systems, or files.
    :param compare: which contents are compared, and how.
    :param content: tell how text files differ.
    :param checksum: md5, sha1, sha256, sha512 ...: the checksums of what differs.
    :param times: a time of change that differs counts.
    :raises UsageError: both are the same file in the same state.
    :raises NoSuchGuestFile: a path is in neither guest.
    """
    from imgtools.workflows.diff import DiffWish
    from imgtools.workflows.diff import diff as look
    from imgtools.workflows.diff_files import FileWish

    first = make_request(images, **options)
    second = _second(first, other, other_format, other_snapshot)
    paths = several(path)
    files = FileWish(paths, several(exclude), one_of(ContentCheck, compare), checksum, times, content)
    if only not in (None, "facts", "files"):
        raise UsageError(f"no such half: {only}", hint="facts or files")
    return look(first, second, DiffWish(files, not paths and only != "files", only != "facts"))


def _second(
    first: ImageRequest, other: Images | None, image_format: str | None, snapshot: str | None
) -> ImageRequest:
    if other is not None:
        like = first.disks[0]
        named = make_request(other, format=image_format, snapshot=snapshot, backing_folder=like.folders)
        disks = tuple(
            replace(disk, remote=like.remote, sector_size=disk.sector_size or like.sector_size)
            for disk in named.disks
        )
        keys, share = (*first.keys, *named.keys), first.share or named.share
        return replace(first, disks=disks, keys=keys, share=share, domain=named.domain)
    if snapshot is None:
        raise UsageError("compare with what?", hint="other=IMAGE, or other_snapshot=NAME")
    return replace(first, disks=tuple(replace(disk, snapshot=snapshot) for disk in first.disks))


def timeline(
    images: Images,
    *,
    kind: HappeningName | Sequence[HappeningName] = (),
    since: str = "",
    until: str = "",
    path: str = "/",
    atime: bool = False,
    **options: Unpack[GuestOptions],
) -> TimelineReport:
    """Tell what happened in a guest, the oldest first: times of files, packages, logins, logs, events of Windows.

    :param kind: only what these tell of.
    :param since: as ``imgtools log`` has it: 2024-03-01, yesterday, 2 hours ago.
    :param path: of files, only those here and below.
    :param atime: also when files were read last.
    :raises UsageError: a word is none of those that there are.
    """
    from imgtools.workflows.timeline import TimelineWish
    from imgtools.workflows.timeline import timeline as look

    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    wish = TimelineWish(tuple(one_of(Happening, one) for one in kinds), since, until, path, atime)
    return look(make_request(images, **options), wish)
