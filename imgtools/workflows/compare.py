"""Compare what two disk images hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from imgtools.disk.image_file import Compared, Disk, key_warnings, open_disk
from imgtools.disk.sources.opening import opened_disk
from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from imgtools.records.system import Warned

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class CompareReport:
    """Whether two images read the same. ``offset`` is the first byte that differs, where one is known.

    ``reason`` is a sentence for people, empty if they are identical.
    """

    image: str
    other: str
    identical: bool
    offset: int | None
    reason: str
    virtual_size: int
    other_virtual_size: int
    warnings: tuple[Warned, ...] = ()


def compare(
    request: ImageRequest, other: DiskSource, *, strict: bool = False, progress: Progress | None = None
) -> CompareReport:
    """Compare two images as a guest would read them; a shorter one counts as if zeros followed.

    :param strict: the sizes, and what is allocated, have to be the same too.
    """
    with opened_disk(request) as one, opened_disk(replace(request, disks=(other,))) as two:
        return _compare(open_disk(one), open_disk(two), strict=strict, progress=progress)


def _compare(first: Disk, second: Disk, *, strict: bool, progress: Progress | None) -> CompareReport:
    found = first.compare(second, strict=strict, progress=progress)
    return CompareReport(
        image=first.name,
        other=second.name,
        identical=found.identical,
        offset=found.offset,
        reason=_reason(found, first, second),
        virtual_size=first.info.virtual_size,
        other_virtual_size=second.info.virtual_size,
        warnings=(*first.info.warnings, *second.info.warnings, *key_warnings(first, second)),
    )


def _reason(found: Compared, first: Disk, second: Disk) -> str:
    """Say in what they differ; qemu-img's own words name a sector, and neither size."""
    if found.identical:
        return ""
    if found.offset is not None:
        return f"the content differs from byte {found.offset} on"
    if "size" in found.reason:
        return f"the sizes differ: {first.info.virtual_size} and {second.info.virtual_size} bytes"
    if place := re.search(r"Offset (\d+) block status", found.reason):
        return f"what is allocated differs from byte {place[1]} on"
    return found.reason
