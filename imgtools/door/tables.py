"""The verbs on the tables of an image, as functions: internal snapshots and persistent bitmaps.

Without ``write``, those that change something only say what would be.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import HostPath, ImageOptions, Size, make_request, size_text
from imgtools.records.image import DiskSource

if TYPE_CHECKING:
    from imgtools.workflows.bitmap import BitmapReport, BitmapsReport
    from imgtools.workflows.snapshot import SnapshotReport, SnapshotsReport


def list_snapshots(image: HostPath, **options: Unpack[ImageOptions]) -> SnapshotsReport:
    """List the internal snapshots of an image."""
    from imgtools.workflows.snapshot import list_snapshots as look

    return look(make_request(image, **options))


def create_snapshot(
    image: HostPath, name: str, *, write: bool = False, **options: Unpack[ImageOptions]
) -> SnapshotReport:
    """Keep the present state of an image as an internal snapshot. Without ``write``, only say what would be.

    :raises UnsupportedFormat: the format has no internal snapshots.
    """
    from imgtools.workflows.snapshot import create_snapshot as make

    return make(make_request(image, **options), name, write=write)


def apply_snapshot(
    image: HostPath,
    name: str,
    *,
    keep: str | None = None,
    write: bool = False,
    **options: Unpack[ImageOptions],
) -> SnapshotReport:
    """Make a disk what it was when an internal snapshot was made. Without ``write``, only say what would be.

    :param keep: first keep the present state under this name.
    :raises UsageError: there is no such snapshot.
    """
    from imgtools.workflows.snapshot import apply_snapshot as go_back

    return go_back(make_request(image, **options), name, keep=keep, write=write)


def delete_snapshot(
    image: HostPath, name: str, *, write: bool = False, **options: Unpack[ImageOptions]
) -> SnapshotReport:
    """Delete an internal snapshot. Without ``write``, only say what would be.

    :raises UsageError: there is no such snapshot.
    """
    from imgtools.workflows.snapshot import delete_snapshot as delete

    return delete(make_request(image, **options), name, write=write)


def bitmap_list(image: HostPath, **options: Unpack[ImageOptions]) -> BitmapsReport:
    """List the persistent bitmaps of a qcow2 image, which record what is written."""
    from imgtools.workflows.bitmap import list_bitmaps

    return list_bitmaps(make_request(image, **options))


def bitmap_add(
    image: HostPath,
    name: str,
    *,
    granularity: Size = "",
    disabled: bool = False,
    write: bool = False,
    **options: Unpack[ImageOptions],
) -> BitmapReport:
    """Add a persistent bitmap, which records what is written from now on.

    :param granularity: bytes for each bit, a power of two from 512 to 2G; without it 64K.
    :param disabled: it does not record yet.
    :raises UsageError: the name is taken, or cannot be one.
    :raises UnsupportedFormat: the image's format has no bitmaps.
    """
    from imgtools.workflows.bitmap import add_bitmap

    request = make_request(image, **options)
    return add_bitmap(request, name, granularity=size_text(granularity), disabled=disabled, write=write)


def bitmap_clear(
    image: HostPath, name: str, *, write: bool = False, **options: Unpack[ImageOptions]
) -> BitmapReport:
    """Forget what a persistent bitmap has recorded.

    :raises UsageError: there is no such bitmap.
    """
    from imgtools.workflows.bitmap import change_bitmap

    return change_bitmap(make_request(image, **options), name, "clear", write=write)


def bitmap_delete(
    image: HostPath, name: str, *, write: bool = False, **options: Unpack[ImageOptions]
) -> BitmapReport:
    """Delete a persistent bitmap.

    :raises UsageError: there is no such bitmap.
    """
    from imgtools.workflows.bitmap import change_bitmap

    return change_bitmap(make_request(image, **options), name, "remove", write=write)


def bitmap_disable(
    image: HostPath, name: str, *, write: bool = False, **options: Unpack[ImageOptions]
) -> BitmapReport:
    """Stop a persistent bitmap recording.

    :raises UsageError: there is no such bitmap.
    """
    from imgtools.workflows.bitmap import change_bitmap

    return change_bitmap(make_request(image, **options), name, "disable", write=write)


def bitmap_enable(
    image: HostPath, name: str, *, write: bool = False, **options: Unpack[ImageOptions]
) -> BitmapReport:
    """Let a persistent bitmap record.

    :raises UsageError: there is no such bitmap.
    """
    from imgtools.workflows.bitmap import change_bitmap

    return change_bitmap(make_request(image, **options), name, "enable", write=write)


def bitmap_merge(
    image: HostPath,
    source: str,
    name: str,
    *,
    other: HostPath | None = None,
    other_format: str | None = None,
    write: bool = False,
    **options: Unpack[ImageOptions],
) -> BitmapReport:
    """Add to the persistent bitmap ``name`` what ``source`` has recorded.

    :param other: the image that ``source`` is a bitmap of; None: the image itself.
    :raises UsageError: one of the bitmaps is not there, or the disks differ in size.
    """
    from imgtools.workflows.bitmap import merge_bitmap

    place = None if other is None else DiskSource(Path(other), other_format)
    return merge_bitmap(make_request(image, **options), source, name, other=place, write=write)
