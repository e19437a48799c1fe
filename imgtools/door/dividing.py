"""The verbs below the files of a guest, as functions: partitions, groups and volumes, filesystems made anew.

Without ``write`` and ``output``, those that change something only say what would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from imgtools.door.opening import (
    GuestOptions,
    HostPath,
    Images,
    Size,
    make_output,
    make_request,
    several,
    size_text,
)
from imgtools.records.request import Target

if TYPE_CHECKING:
    from imgtools.workflows.format import FormatReport
    from imgtools.workflows.lvm import LvmReport
    from imgtools.workflows.partition import PartitionReport
    from imgtools.workflows.partition_table import PartitionsReport


def _target(
    write: bool, output: HostPath | None, output_format: str | None, compress: bool, overwrite: bool
) -> Target:
    return Target(write=write, output=make_output(output, output_format, compress, overwrite))


def partition_list(images: Images, **options: Unpack[GuestOptions]) -> PartitionsReport:
    """List the partitions of a disk, what they hold, and what is free."""
    from imgtools.workflows.partition_table import list_partitions

    return list_partitions(make_request(images, **options))


def partition_add(
    images: Images,
    *,
    size: Size = "rest",
    start: Size | None = None,
    type: str = "linux",
    name: str | None = None,
    uuid: str | None = None,
    attribute: str | Sequence[str] = (),
    bootable: bool = False,
    number: int | None = None,
    logical: bool = False,
    alignment: Size | None = None,
    table: str | None = None,
    holds: str | Sequence[str] = (),
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
    **options: Unpack[GuestOptions],
) -> PartitionReport:
    """Make a partition in free room, and a table where there is none.

    :param size: bytes, or ``rest``: the largest gap.
    :param type: a name such as ``esp`` or ``lvm``, a GUID, or the byte of an MBR.
    :param attribute: of a GPT: ``required``, ``no-block-io``, ``legacy-boot``, ``guid:48`` to ``guid:63``.
    :param table: of a disk that has none: ``gpt`` or ``mbr``.
    :param holds: what a disk without a table holds that may be destroyed.
    :raises NoRoomInside: there is no room for it, or no entry in the table.
    :raises WouldLoseData: the disk has no table, but something that was not named.
    """
    from imgtools.workflows.partition import NewPartition, add_partition, alignment_of

    wanted = NewPartition(
        size_text(size),
        None if start is None else size_text(start),
        type,
        name,
        uuid,
        several(attribute),
        bootable,
        number,
        logical,
        alignment_of(None if alignment is None else size_text(alignment)),
    )
    request = make_request(images, **options)
    target = _target(write, output, output_format, compress, overwrite)
    return add_partition(request, wanted, target, table=table, holds=several(holds))


def partition_remove(
    images: Images,
    part: str,
    *,
    holds: str | Sequence[str] = (),
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
    **options: Unpack[GuestOptions],
) -> PartitionReport:
    """Remove a partition; its content is lost.

    :param part: its device or number.
    :param holds: what it holds: the type, label or UUID of its filesystem, or the group that it is a part of.
    :raises WouldLoseData: it holds something that was not named.
    """
    from imgtools.workflows.partition import remove_partition

    request = make_request(images, **options)
    return remove_partition(
        request, part, _target(write, output, output_format, compress, overwrite), holds=several(holds)
    )


def partition_set(
    images: Images,
    part: str | None = None,
    *,
    size: Size | None = None,
    type: str | None = None,
    name: str | None = None,
    uuid: str | None = None,
    attribute: str | Sequence[str] | None = None,
    bootable: bool | None = None,
    mend: bool = False,
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
    **options: Unpack[GuestOptions],
) -> PartitionReport:
    """Change what a table says of a partition; what the partition holds stays as it is.

    :param part: its device or number.
    :param size: it may grow into the room behind it: bytes, ``+1G``, or ``rest``.
    :param mend: without ``part``: only put a damaged GPT in order.
    :raises NoRoomInside: there is no such room behind it.
    :raises WouldLoseData: it would become smaller, and holds something.
    """
    from imgtools.workflows.partition import Facts, set_partition

    facts = Facts(
        None if size is None else size_text(size),
        type,
        name,
        uuid,
        None if attribute is None else several(attribute),
        bootable,
    )
    request = make_request(images, **options)
    return set_partition(
        request, part, facts, _target(write, output, output_format, compress, overwrite), mend=mend
    )


def format(
    images: Images,
    device: str,
    type: str,
    *,
    label: str = "",
    uuid: str = "",
    holds: str | Sequence[str] = (),
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
    **options: Unpack[GuestOptions],
) -> FormatReport:
    """Make an empty filesystem on a partition, volume or disk; what that holds is lost.

    :param type: ``ext4``, ``xfs``, ``swap`` ..., or ``none``: only what is there goes.
    :param holds: what is there and may be destroyed: its type, label or UUID, ``gpt``, ``mbr``, a group's name.
    :raises WouldLoseData: something is there that was not named.
    """
    from imgtools.workflows.format import NewFilesystem, format_volume

    request = make_request(images, **options)
    wanted = NewFilesystem(type.lower(), label, uuid)
    return format_volume(
        request,
        device,
        wanted,
        _target(write, output, output_format, compress, overwrite),
        holds=several(holds),
    )


def lvm_create(
    images: Images,
    name: str,
    *,
    pv: str | Sequence[str] = (),
    size: Size | None = None,
    extent_size: Size | None = None,
    holds: str | Sequence[str] = (),
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
    **options: Unpack[GuestOptions],
) -> LvmReport:
    """Make a volume group of devices, a logical volume, or both.

    :param name: ``VG``, or ``VG/LV``.
    :param pv: the devices that a new group is made of.
    :param size: of the logical volume; None: all that is free.
    :param holds: what the devices hold that may be destroyed.
    :raises NoRoomInside: the group has no room for the volume, or a device is too small.
    :raises WouldLoseData: a device holds something that was not named.
    """
    from imgtools.workflows.lvm import create

    return create(
        make_request(images, **options),
        name,
        _target(write, output, output_format, compress, overwrite),
        pvs=several(pv),
        size=None if size is None else size_text(size),
        extent_size=None if extent_size is None else size_text(extent_size),
        holds=several(holds),
    )


def lvm_extend(
    images: Images,
    name: str,
    *,
    pv: str | Sequence[str] = (),
    size: Size | None = None,
    holds: str | Sequence[str] = (),
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
    **options: Unpack[GuestOptions],
) -> LvmReport:
    """Add devices to a group, or let a logical volume grow with what it holds.

    :param name: ``VG``, or ``VG/LV``.
    :param size: ``+5G``, or bytes; None: all that is free.
    :raises NoRoomInside: the group has no room for it.
    """
    from imgtools.workflows.lvm import extend

    return extend(
        make_request(images, **options),
        name,
        _target(write, output, output_format, compress, overwrite),
        pvs=several(pv),
        size=None if size is None else size_text(size),
        holds=several(holds),
    )


def lvm_reduce(
    images: Images,
    name: str,
    *,
    pv: str | Sequence[str] = (),
    size: Size | None = None,
    holds: str | Sequence[str] = (),
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
    **options: Unpack[GuestOptions],
) -> LvmReport:
    """Take a device out of a group, or make a logical volume smaller; an ext filesystem in it shrinks first.

    :param name: ``VG``, or ``VG/LV``.
    :param size: ``-1G``, or bytes.
    :param holds: what may be cut off, where nothing shrinks it.
    :raises WouldLoseData: a filesystem would be cut, or logical volumes lie on the device.
    """
    from imgtools.workflows.lvm import reduce

    return reduce(
        make_request(images, **options),
        name,
        _target(write, output, output_format, compress, overwrite),
        pvs=several(pv),
        size=None if size is None else size_text(size),
        holds=several(holds),
    )


def lvm_remove(
    images: Images,
    name: str,
    *,
    holds: str | Sequence[str] = (),
    write: bool = False,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
    **options: Unpack[GuestOptions],
) -> LvmReport:
    """Remove a logical volume, or a group with all that is in it.

    :param holds: what they hold: types, labels or UUIDs of filesystems.
    :raises WouldLoseData: something was not named.
    """
    from imgtools.workflows.lvm import remove

    request = make_request(images, **options)
    return remove(
        request, name, _target(write, output, output_format, compress, overwrite), holds=several(holds)
    )
