"""LVM's RAID: the kernel's md behind dm-raid, with a superblock of its own beside each image.

Source: drivers/md/dm-raid.c of Linux 6.1 (struct dm_raid_superblock, raid_types, super_validate) and lib/raid/raid.c
of LVM2.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from imgtools.records.disks import MORE_DISKS, Declined
from imgtools.volumes.computed_disk import Mapping, computed
from imgtools.volumes.lvm_text import BadText, Section
from imgtools.volumes.md_superblock import survives
from imgtools.volumes.stripes import Copies, Mirrored, Parity, Striped
from imgtools.volumes.volume_file import DiskFile

SECTOR = 512
MAGIC = 0x64526D44  # "DmRd"
NEVER = 0xFFFFFFFFFFFFFFFF
RESHAPE_WORDS = ("data_offset", "reshape_count", "new_layout", "delta_disks")
MOST_IMAGES = 253  # MAX_RAID_DEVICES
# The kernel's numbers of the layouts (drivers/md/raid5.h), by LVM's names.
LAYOUTS = {
    # Its parity is on the first, unlike md's.
    "raid4": (5, 4), "raid5": (5, 2), "raid5_ls": (5, 2), "raid5_la": (5, 0), "raid5_ra": (5, 1), "raid5_rs": (5, 3),
    "raid5_n": (5, 5), "raid6": (6, 8), "raid6_zr": (6, 8), "raid6_nr": (6, 9), "raid6_nc": (6, 10),
    "raid6_ls_6": (6, 18), "raid6_rs_6": (6, 19), "raid6_la_6": (6, 16), "raid6_ra_6": (6, 17), "raid6_n_6": (6, 5),
}  # fmt: skip
KINDS = frozenset({"raid0", "raid0_meta", "raid1", "raid10", "raid10_near", *LAYOUTS})


class Super(NamedTuple):
    """What the superblock of an image says."""

    events: int
    failed: int  # bits, by the places of the images
    recovered: int
    is_reshaping: bool


def image_names(segment: Section, kind: str) -> Iterator[tuple[str, str]]:
    """The volumes with superblocks and those with data, in their order; RAID0 may have no superblocks.

    :raises BadText: there is no such list.
    """
    words = [str(word) for word in segment.words("raid0_lvs")]
    if words:
        yield from (("", word) for word in words)
        return
    words = [str(word) for word in segment.words("raids")]
    if len(words) % 2 or len(words) > 2 * MOST_IMAGES:
        raise BadText(f"a segment of kind {kind} has {len(words)} parts")
    yield from zip(words[::2], words[1::2], strict=True)


def put_together(
    kind: str,
    segment: Section,
    parts: Sequence[tuple[DiskFile | Declined | None, DiskFile | Declined]],
    device: str,
) -> DiskFile | Declined:
    """Put a volume together of its images.

    :param kind: one of KINDS.
    :param parts: superblock and data of each image, or why they are not there.
    :raises BadGeometry: its numbers fit no array.
    :raises BadText: a number is missing.
    """
    level, layout = _level(kind, segment)
    readable = _readable(level, parts)
    images = [image if isinstance(image, DiskFile) else None for _meta, image in parts]
    good = [image if ok else None for image, ok in zip(images, readable, strict=True)]
    lost = [number for number, image in enumerate(good) if image is None]
    if any(one is not None and one.is_reshaping for one in map(_super, parts)):
        return Declined(device, "it is being reshaped")
    if lost and (level not in (1, 10) or len(lost) == len(good)):
        return _incomplete(level, lost, parts, device)
    size = min(image.size for image in good if image is not None)
    files = [image if image is not None else DiskFile((), device) for image in good]
    rule = _rule(level, layout, [image is not None for image in good], size, segment)
    return computed(files, lambda _sources: rule(), device)


def _level(kind: str, segment: Section) -> tuple[int, int]:
    if kind in ("raid0", "raid0_meta"):
        return 0, 0
    if kind == "raid1":
        return 1, 0
    if kind in ("raid10", "raid10_near"):
        copies = segment.number("data_copies") if "data_copies" in segment.values else 2
        return 10, 0x100 | min(copies, 255)
    return LAYOUTS[kind]


def _rule(
    level: int, layout: int, readable: Sequence[bool], size: int, segment: Section
) -> Callable[[], Mapping]:
    if level == 1:
        return partial(Mirrored, size, readable.index(True))
    chunk = segment.number("stripe_size") * SECTOR
    if level == 0:
        return partial(Striped, [size] * len(readable), chunk)
    if level == 10:
        return partial(Copies, readable, chunk, layout, size)
    return partial(Parity, level, len(readable), chunk, layout, size)


def _readable(
    level: int, parts: Sequence[tuple[DiskFile | Declined | None, DiskFile | Declined]]
) -> list[bool]:
    """Which images may be read: those that are there, and of which the newest superblock knows nothing bad.

    Where no image has a superblock, the volume was never used since it was made: the first counts.
    """
    there = [isinstance(image, DiskFile) for _meta, image in parts]
    said = [_super(part) for part in parts]
    if level == 0 or not any(said):
        return there
    newest = max((one for one in said if one is not None), key=lambda one: one.events)
    return [
        is_there
        and one is not None
        and one.events == newest.events
        and one.recovered == NEVER
        and not newest.failed >> number & 1
        for number, (is_there, one) in enumerate(zip(there, said, strict=True))
    ]


def _super(part: tuple[DiskFile | Declined | None, DiskFile | Declined]) -> Super | None:
    meta = part[0]
    raw = meta.read_at(0, SECTOR) if isinstance(meta, DiskFile) else b""
    if len(raw) < SECTOR or struct.unpack_from("<I", raw)[0] != MAGIC:
        return None
    events, failed, recovered = struct.unpack_from("<QQQ", raw, 16)
    (flags,) = struct.unpack_from("<I", raw, 60)
    more = struct.unpack_from("<3Q", raw, 120)
    for number, word in enumerate(more, 1):
        failed |= word << 64 * number
    return Super(events, failed, recovered, bool(flags & 1))


def _incomplete(
    level: int,
    lost: Sequence[int],
    parts: Sequence[tuple[DiskFile | Declined | None, DiskFile | Declined]],
    device: str,
) -> Declined:
    """Why a volume is not read without some of its images; one that the kernel would start is the other engine's."""
    reasons = [part[1] for part in parts if isinstance(part[1], Declined)]
    why = f"{len(parts) - len(lost)} of its {len(parts)} images can be read"
    if reasons:
        why += f": {reasons[0].reason}"
    if survives(level, len(parts), len(parts) - len(lost)):
        return Declined(device, why)
    damaged = bool(reasons) and reasons[0].damaged
    return Declined(device, why, damaged=damaged, hint=MORE_DISKS if damaged else "")
