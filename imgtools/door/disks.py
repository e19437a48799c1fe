"""The verbs on image files, as functions: what they are, their tables, their sizes, copies and clones of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from imgtools.door.opening import (
    BackingName,
    GuestOptions,
    HostPath,
    ImageOptions,
    Images,
    StateOptions,
    as_secret,
    make_request,
    one_of,
    several,
)
from imgtools.door.writing import Orders, read_orders
from imgtools.errors import UsageError
from imgtools.records.image import DiskSource
from imgtools.records.progress import Progress
from imgtools.records.request import Backing, Secret

if TYPE_CHECKING:
    from imgtools.change.change import Change
    from imgtools.workflows.check import CheckReport
    from imgtools.workflows.clone import CloneReport
    from imgtools.workflows.compare import CompareReport
    from imgtools.workflows.convert import ConvertReport
    from imgtools.workflows.create import CreateReport
    from imgtools.workflows.info import InfoReport
    from imgtools.workflows.measure import MeasureReport
    from imgtools.workflows.recover import RecoverReport
    from imgtools.workflows.resize import ResizeReport
    from imgtools.workflows.resize_copy import ResizeCopyReport
    from imgtools.workflows.snapshot import SnapshotReport, SnapshotsReport

Size = str | int  # "20G", "+5G", "-5G" in powers of 1024, or bytes


def info(images: Images, *, partitions: bool = True, **options: Unpack[GuestOptions]) -> InfoReport:
    """Tell what an image file is: format, sizes, chain, snapshots, and the partition table on it.

    :raises BadImage: a file is not a disk image, or is damaged.
    :raises UntrustedBacking: one names files that ``backing`` does not allow.
    """
    from imgtools.workflows.info import describe_image

    return describe_image(make_request(images, **options), partitions=partitions)


def check(
    image: HostPath,
    *,
    repair: Literal["", "leaks", "all"] = "",
    write: bool = False,
    output: HostPath | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ImageOptions],
) -> CheckReport:
    """Check an image's tables, and repair them; ``report.clean`` says whether they are in order.

    :param output: repair a copy there; ``force`` lets it take the place of a file that is there.
    :raises UnsupportedFormat: nobody checks this format.
    """
    from imgtools.workflows.check import check as look

    return look(
        make_request(image, **options),
        repair=repair,
        write=write,
        output=None if output is None else Path(output),
        force=force,
        progress=progress,
    )


def compare(
    image: HostPath,
    other: HostPath,
    *,
    other_format: str | None = None,
    other_snapshot: str | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    **options: Unpack[StateOptions],
) -> CompareReport:
    """Compare two images as a guest would read them; ``report.identical`` is the answer.

    :param strict: sizes and allocation have to be the same too.
    """
    from imgtools.workflows.compare import compare as look

    second = DiskSource(Path(other), other_format, other_snapshot)
    return look(make_request(image, **options), second, strict=strict, progress=progress)


def create(
    target: HostPath,
    size: Size = "",
    *,
    format: str | None = None,
    backing: HostPath | None = None,
    backing_format: str | None = None,
    options: Mapping[str, str] | None = None,
    preallocation: str = "",
    secret: str | bytes | Secret | None = None,
    chain: BackingName = Backing.SAME_DIR,
    shrink: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> CreateReport:
    """Create a disk image: empty, on top of another (``backing``), encrypted with LUKS (``secret``).

    :param format: without it, by the file's suffix, else qcow2.
    :param options: of the format, as qemu-img takes them with ``-o``.
    :param chain: which other files the backing file may name.
    :raises TargetExists: the file is there already, and ``force`` is not said.
    :raises UnsupportedFormat: the format cannot do what is asked.
    :raises NoRoom: a preallocated image does not fit.
    """
    from imgtools.workflows.create import CreateRequest
    from imgtools.workflows.create import create as make

    request = CreateRequest(
        target=Path(target),
        size=_size(size) or "",
        format=format,
        backing=None if backing is None else Path(backing),
        backing_format=backing_format,
        options=_words(options),
        preallocation=preallocation,
        secret=None if secret is None else as_secret(secret),
        policy=one_of(Backing, chain),
        shrink=shrink,
        force=force,
    )
    return make(request, progress)


def convert(
    image: HostPath,
    target: HostPath,
    *,
    output_format: str | None = None,
    options: Mapping[str, str] | None = None,
    compress: Literal["", "zlib", "zstd"] = "",
    preallocation: str = "",
    secret: str | bytes | Secret | None = None,
    bitmaps: bool = False,
    verify: bool = False,
    force: bool = False,
    sync: bool = False,
    progress: Progress | None = None,
    **opening: Unpack[StateOptions],
) -> ConvertReport:
    """Copy an image, with all of its chain, into a new file of any format that QEMU writes.

    :param output_format: without it, by the file's suffix, else qcow2.
    :param options: of the format, as qemu-img takes them with ``-o``.
    :param verify: read both again and compare.
    :param sync: wait until the host's disk has all of it.
    :raises TargetExists: the file is there already, and ``force`` is not said.
    :raises NoRoom: the result does not fit; no file is left.
    :raises RolledBack: the copy differs from the source; no file is left.
    """
    from imgtools.workflows.convert import ConvertRequest
    from imgtools.workflows.convert import convert as copy

    request = ConvertRequest(
        source=make_request(image, **opening),
        target=Path(target),
        format=output_format,
        options=_words(options),
        compress=compress,
        preallocation=preallocation,
        secret=None if secret is None else as_secret(secret),
        bitmaps=bitmaps,
        verify=verify,
        force=force,
        durable=sync,
    )
    return copy(request, progress)


def measure(
    image: HostPath,
    output_format: str = "qcow2",
    *,
    options: Mapping[str, str] | None = None,
    **opening: Unpack[StateOptions],
) -> MeasureReport:
    """Tell how large an image would become in another format. Nothing is written.

    :raises UnsupportedFormat: QEMU does not write that format.
    """
    from imgtools.workflows.measure import measure as look

    return look(make_request(image, **opening), "", output_format, _words(options))


def resize_disk(
    images: Images,
    size: Size | None = None,
    *,
    expand: str | None = None,
    shrink: str | None = None,
    lv_expand: str | None = None,
    changes: Sequence[Change] = (),
    check: bool = True,
    write: bool = False,
    **options: Unpack[GuestOptions],
) -> ResizeReport:
    """Give a disk another size in place, and let its partitions follow. Without ``write``, only say what would be.

    :param size: without it the disk stays as large as it is.
    :param expand: this partition, or ``auto``, gets the free room behind it.
    :param shrink: this partition gives what is missing.
    :param lv_expand: this logical volume gets the free room of its group.
    :param changes: to files of the guest, made first and in the same transaction.
    :param check: refuse what of them would lock people out of the guest, or stop its boot.
    :raises WouldLoseData: something would be cut off.
    :raises UnsupportedFormat: the format cannot be resized in place; :func:`resize_copy` makes a new image.
    """
    from imgtools.workflows.resize import ResizeRequest, resize

    return resize(
        ResizeRequest(
            make_request(images, **options),
            _size(size),
            expand,
            shrink,
            lv_expand,
            write,
            tuple(changes),
            check,
        )
    )


def resize_copy(
    images: Images,
    target: HostPath,
    size: Size | None = None,
    *,
    output_format: str | None = None,
    expand: str | None = None,
    shrink: str | None = None,
    lv_expand: str | None = None,
    resize: Mapping[str, str] | None = None,
    resize_force: Mapping[str, str] | None = None,
    delete: str | Sequence[str] = (),
    ignore: str | Sequence[str] = (),
    alignment: str = "1M",
    align_first: Literal["auto", "always", "never"] = "auto",
    write: bool = False,
    progress: Progress | None = None,
    **options: Unpack[GuestOptions],
) -> ResizeCopyReport:
    """Copy a disk into a new image of another size that is divided anew; partitions keep numbers, GUIDs and names.

    :param resize: partition -> its size: 20G, +1G, -1G, +10%.
    :param resize_force: the same, whatever is cut off.
    :param delete: partitions to leave out.
    :param ignore: partitions to make and not to copy.
    :raises TargetExists: the target is there already.
    :raises WouldLoseData: something would be cut off.
    """
    from imgtools.workflows.resize_copy import ResizeCopyRequest
    from imgtools.workflows.resize_copy import resize_copy as copy

    request = ResizeCopyRequest(
        make_request(images, **options),
        Path(target),
        size=_size(size),
        format=output_format,
        expand=expand,
        shrink=shrink,
        lv_expand=lv_expand,
        resize=_words(resize),
        resize_force=_words(resize_force),
        delete=several(delete),
        ignore=several(ignore),
        alignment=alignment,
        align_first=align_first,
        write=write,
    )
    return copy(request, progress)


def clone(
    images: Images,
    names: str | Sequence[str],
    *,
    output_dir: HostPath | None = None,
    linked: bool = False,
    output_format: Literal["qcow2", "raw"] = "qcow2",
    hostname: str = "{name}",
    sysprep: bool = False,
    unprepared: bool = False,
    orders: Orders = (),
    progress: Progress | None = None,
    **options: Unpack[GuestOptions],
) -> CloneReport:
    """Make clones of a template, ``NAME.qcow2`` each; all are planned before the first is made.

    :param output_dir: where they go; without it, beside the template.
    :param linked: make overlays that need the template.
    :param hostname: host name of each; {name} is its name.
    :param sysprep: prepare what is cloned; the template stays as it is.
    :param unprepared: also clone a template that was never prepared.
    :param orders: what to change in every clone, as :func:`customize` takes it.
    :raises TargetExists: a clone of that name is there already; nothing was made.
    :raises UnsupportedGuest: the template was never prepared.
    :raises NoRoom: the host has no room for all of them; nothing was made.
    """
    from imgtools.ops.selection import Selection
    from imgtools.workflows.clone import CloneRequest
    from imgtools.workflows.clone import clone as make
    from imgtools.workflows.clone_table import CloneRow

    how = CloneRequest(
        folder=None if output_dir is None else Path(output_dir),
        linked=linked,
        format=output_format,
        hostname=hostname,
        sysprep=Selection() if sysprep else None,
        unprepared=unprepared,
        orders=read_orders(orders, False, "", None),
    )
    rows = [CloneRow(name) for name in several(names)]
    return make(make_request(images, **options), rows, how, progress=progress)


def recover(
    image: HostPath, *, discard: bool = False, backing: BackingName = Backing.SAME_DIR
) -> RecoverReport:
    """Finish an edit that was cut while it was being committed (:class:`imgtools.errors.UnfinishedEdit`).

    :param discard: take the edit back, if nothing of it was written yet.
    """
    from imgtools.workflows.recover import recover as finish

    return finish(Path(image), discard=discard, backing=one_of(Backing, backing))


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


def _words(pairs: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return pairs as the command line writes them."""
    return tuple(f"{name}={value}" for name, value in (pairs or {}).items())


def _size(size: Size | None) -> str | None:
    if isinstance(size, int) and size < 0:
        raise UsageError(f"not a size: {size}", hint='a text says how much less: "-5G"')
    return None if size is None else str(size)
