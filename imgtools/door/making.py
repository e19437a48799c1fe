"""The verbs that make image files, as functions: new ones, copies, other sizes, clones."""

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
    Size,
    StateOptions,
    make_request,
    maybe_path,
    maybe_secret,
    one_of,
    several,
    size_text,
    words,
)
from imgtools.door.writing import Orders, read_orders
from imgtools.errors import UsageError
from imgtools.records.progress import Progress
from imgtools.records.request import Backing, Secret

if TYPE_CHECKING:
    from imgtools.change.change import Change
    from imgtools.workflows.clone import CloneReport
    from imgtools.workflows.convert import ConvertReport
    from imgtools.workflows.create import CreateReport
    from imgtools.workflows.dd import DdReport
    from imgtools.workflows.make import MakeReport
    from imgtools.workflows.resize import ResizeReport
    from imgtools.workflows.resize_copy import ResizeCopyReport
    from imgtools.workflows.sparsify import SparsifyReport


def create(
    target: HostPath,
    size: Size = "",
    *,
    output_format: str | None = None,
    backing_file: HostPath | None = None,
    backing_format: str | None = None,
    options: Mapping[str, str] | None = None,
    preallocation: str = "",
    new_key: str | bytes | Secret | None = None,
    backing: BackingName = Backing.SAME_DIR,
    shrink: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> CreateReport:
    """Create a disk image: empty, on top of another (``backing_file``), encrypted with LUKS (``new_key``).

    :param output_format: without it, by the file's suffix, else qcow2.
    :param options: of the format, as qemu-img takes them with ``-o``.
    :param backing: which other files the backing file may name.
    :param shrink: allow less than the backing file's size.
    :raises TargetExists: the file is there already, and ``overwrite`` is not said.
    :raises UnsupportedFormat: the format cannot do what is asked.
    :raises NoRoom: a preallocated image does not fit.
    """
    from imgtools.workflows.create import CreateRequest
    from imgtools.workflows.create import create as make

    request = CreateRequest(
        target=Path(target),
        size=size_text(size),
        format=output_format,
        backing=maybe_path(backing_file),
        backing_format=backing_format,
        options=words(options),
        preallocation=preallocation,
        secret=maybe_secret(new_key),
        policy=one_of(Backing, backing),
        shrink=shrink,
        overwrite=overwrite,
    )
    return make(request, progress)


def make(
    target: HostPath,
    source: HostPath = "",
    *,
    size: Size = "",
    kind: str = "",
    partition: Literal["", "gpt", "mbr", "none"] = "",
    esp: Size = "",
    layout: str | Path = "",
    label: str = "",
    uuid: str = "",
    owner: str = "",
    block_size: Size = "",
    floppy: bool = False,
    platform: str = "",
    bootable: str = "",
    output_format: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> MakeReport:
    """Make a disk image with partitions, filesystems and files in it.

    :param source: a folder, a tar archive, an OCI layout or what ``docker save`` writes; empty: no files.
    :param size: of the disk; ``+500M``: that much free room; empty or ``auto``: what the files need.
    :param kind: of the filesystem: ext4, xfs, btrfs, vfat, exfat, ntfs, iso9660, udf, squashfs, swap ...
    :param layout: guestfish's ``disk``, ``part``, ``fs``, ``lv``, ``lvfs``, ``bootroot``, ``bootrootlv``; or a YAML
        file.
    :param owner: ``root``, ``keep`` or a map; empty: root for a folder, else keep.
    :param bootable: install the files' own GRUB for ``bios``, ``uefi`` or ``bios,uefi``.
    :param output_format: without it, by the file's suffix, else qcow2.
    :raises TooSmall: the size is too small; the least is named.
    :raises CannotHold: the filesystem cannot hold a file.
    :raises BadSource: the source is damaged, or leads out of itself.
    :raises BadLayout: the layout does not parse, or does not fit together.
    :raises NoKernel: it is to boot, and the files have no kernel.
    :raises NoBootLoader: it is to boot, and the files have no GRUB for that firmware.
    :raises TargetExists: the file is there already, and ``overwrite`` is not said.
    """
    from imgtools.workflows.make import MakeRequest
    from imgtools.workflows.make import make as carry_out

    request = MakeRequest(
        target=Path(target),
        source=str(source),
        size=size_text(size),
        kind=kind,
        partition=partition,
        esp=size_text(esp),
        label=label,
        uuid=uuid,
        owner=owner,
        format=output_format,
        block_size=size_text(block_size),
        floppy=floppy,
        layout=str(layout),
        platform=platform,
        bootable=bootable,
        overwrite=overwrite,
    )
    return carry_out(request, progress)


def convert(
    image: HostPath,
    target: HostPath,
    *,
    output_format: str | None = None,
    options: Mapping[str, str] | None = None,
    compress: Literal["", "zlib", "zstd"] = "",
    sparse: str = "",
    parallel: int | None = None,
    preallocation: str = "",
    new_key: str | bytes | Secret | None = None,
    backing_file: HostPath | None = None,
    backing_format: str | None = None,
    bitmaps: bool = False,
    salvage: bool = False,
    rate: Size = "",
    verify: bool = False,
    overwrite: bool = False,
    sync: bool = False,
    sparse_guest: bool = False,
    progress: Progress | None = None,
    **opening: Unpack[StateOptions],
) -> ConvertReport:
    """Copy an image, with all of its chain, into a new file of any format that QEMU writes.

    :param output_format: without it, by the file's suffix, else qcow2.
    :param options: of the format, as qemu-img takes them with ``-o``.
    :param sparse: so many zeros become a hole; ``off``: none do.
    :param parallel: requests of qemu-img in flight; None: 4, with ``compress`` one a processor.
    :param backing_file: keep an overlay an overlay, of this file.
    :param salvage: go on where the source cannot be read; zeros take its place.
    :param sync: wait until the host's disk has all of it.
    :param sparse_guest: leave out what nothing in the guest uses, as :func:`sparsify` does with ``output``.
    :raises TargetExists: the file is there already, and ``overwrite`` is not said.
    :raises RolledBack: the copy differs from the source; no file is left.
    """
    from imgtools.records.free_room import Wish
    from imgtools.workflows import convert as work

    request = work.ConvertRequest(
        source=make_request(image, **opening),
        target=Path(target),
        format=output_format,
        options=words(options),
        compress=compress,
        sparse=sparse,
        jobs=parallel,
        preallocation=preallocation,
        secret=maybe_secret(new_key),
        backing=maybe_path(backing_file),
        backing_format=backing_format,
        bitmaps=bitmaps,
        salvage=salvage,
        rate=size_text(rate),
        verify=verify,
        overwrite=overwrite,
        durable=sync,
        without_free=Wish() if sparse_guest else None,
    )
    return work.convert(request, progress)


def dd(
    image: HostPath,
    target: HostPath,
    *,
    output_format: str | None = None,
    bs: Size = "64K",
    count: int | None = None,
    skip: int = 0,
    seek: int = 0,
    write: bool = False,
    force: bool = False,
    directly: bool = False,
    progress: Progress | None = None,
    **opening: Unpack[StateOptions],
) -> DdReport:
    """Copy a stretch of a disk, as a guest reads it, into a new image, or with ``write`` into one that is there.

    :param bs: bytes of a block; ``count``, ``skip`` and ``seek`` are blocks.
    :param count: blocks to copy; None: all.
    :param skip: blocks of the source to leave out first.
    :param seek: blocks of the target to leave first.
    :param force: although other images stand on the target.
    :param directly: write at once, without a way back.
    :raises UsageError: the stretch is not on the disk, does not fit into the target, or is no whole sectors.
    :raises WouldLoseData: other images stand on the target.
    :raises NoRoom: the host has no room for it; nothing was written.
    """
    from imgtools.workflows.dd import DdRequest, copy_part

    request = DdRequest(
        source=make_request(image, **opening),
        target=Path(target),
        target_format=output_format,
        block=size_text(bs),
        count=count,
        skip=skip,
        seek=seek,
        write=write,
        force=force,
        directly=directly,
    )
    return copy_part(request, progress)


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
            None if size is None else size_text(size),
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
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[GuestOptions],
) -> ResizeCopyReport:
    """Copy a disk into a new image of another size that is divided anew; partitions keep numbers, GUIDs and names.

    :param resize: partition -> its size: 20G, +1G, -1G, +10%.
    :param resize_force: the same, whatever is cut off.
    :param delete: partitions to leave out.
    :param ignore: partitions to make and not to copy.
    :raises TargetExists: the target is there already, and ``overwrite`` is not said.
    :raises WouldLoseData: something would be cut off.
    """
    from imgtools.workflows.resize_copy import ResizeCopyRequest
    from imgtools.workflows.resize_copy import resize_copy as copy

    request = ResizeCopyRequest(
        make_request(images, **options),
        Path(target),
        size=None if size is None else size_text(size),
        format=output_format,
        expand=expand,
        shrink=shrink,
        lv_expand=lv_expand,
        resize=words(resize),
        resize_force=words(resize_force),
        delete=several(delete),
        ignore=several(ignore),
        alignment=alignment,
        align_first=align_first,
        write=write,
        overwrite=overwrite,
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
        folder=maybe_path(output_dir),
        linked=linked,
        format=output_format,
        hostname=hostname,
        sysprep=Selection() if sysprep else None,
        unprepared=unprepared,
        orders=read_orders(orders, False, "", None),
    )
    rows = [CloneRow(name) for name in several(names)]
    return make(make_request(images, **options), rows, how, progress=progress)


def sparsify(
    image: HostPath,
    *,
    ignore: str | Sequence[str] = (),
    zero: str | Sequence[str] = (),
    swap: bool = True,
    discard_encrypted: bool = False,
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: Literal["", "zlib", "zstd"] = "",
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ImageOptions],
) -> SparsifyReport:
    """Give the host back what nothing in a guest uses. Without ``write`` and ``output``, only say how much that is.

    :param ignore: devices to leave as they are.
    :param zero: devices to empty, whatever they hold.
    :param swap: give back the content of swap.
    :param discard_encrypted: also what is free in opened LUKS volumes, though it shows from outside.
    :param output: make a new image without it; this one is only read.
    :raises EditFailed: a filesystem is not clean, or two readers do not agree on what is free in it.
    :raises UnsupportedFormat: the image cannot give room back where it is; ``output`` is the way round.
    :raises WouldLoseData: other images stand on it.
    :raises ImageInUse: another program has it.
    """
    from imgtools.records.free_room import Wish
    from imgtools.workflows.sparsify import SparsifyRequest
    from imgtools.workflows.sparsify import sparsify as give_back

    if write and output is not None:
        raise UsageError("write and output are two ways to do it", hint="choose one")
    request = SparsifyRequest(
        make_request(image, **options),
        Wish(several(ignore), several(zero), swap, discard_encrypted),
        write=write or output is not None,
        output=maybe_path(output),
        format=output_format,
        compress=compress,
        overwrite=overwrite,
    )
    return give_back(request, progress)
