"""What the first bytes of a disk image say, in one record for all formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgtools.disk.headers.hostfile import HostFile
from imgtools.errors import BadImage

if TYPE_CHECKING:
    from imgtools.records.snapshots import Snapshot

# How many bytes of allocation tables a quick look reads to find a cut: a few milliseconds of work. A thorough
# look (before a conversion, say) reads them all, up to the second bound.
QUICK = 512 << 10
THOROUGH = 256 << 20


class Extent(NamedTuple):
    """A further file that a vmdk descriptor names. ``needs`` bytes have to be there for it to be whole."""

    name: bytes
    kind: str  # FLAT, VMFS, SPARSE, VMFSSPARSE, SESPARSE
    needs: int = 0


class Header(NamedTuple):
    """One image file by its own account. Names are the bytes that the file records, not yet trusted.

    ``needs`` is the length that the file must have to hold everything that its tables name, as far as the
    tables were read.
    """

    format: str
    virtual_size: int
    needs: int = 0
    backing: bytes = b""
    backing_format: str = ""  # as recorded; "" if the image does not say
    data_file: bytes = b""
    extents: tuple[Extent, ...] = ()
    encryption: str = ""
    dirty: bool = False
    snapshots: tuple[Snapshot, ...] = ()
    problems: tuple[str, ...] = ()  # what is odd, and keeps nobody from reading it
    to_repair: str = ""  # what keeps QEMU from opening it, and what its check mends


def damaged(file: HostFile, fact: str) -> BadImage:
    """The error for a header that contradicts itself or its format."""
    return BadImage(f"{file.name}: {fact}", hint="the image is damaged, or made to do harm")


def differencing(file: HostFile, format: str, cure: str) -> BadImage:
    """The error for an image that stands on another in a way that QEMU does not know."""
    return BadImage(f"{file.name}: a differencing {format}, which QEMU cannot read", hint=cure)


def piece(file: HostFile, offset: int, length: int, what: str) -> bytes:
    """Return exactly ``length`` bytes of the file.

    :raises BadImage: the file ends before; ``what`` names the piece in the message.
    """
    data = file.read(offset, length)
    if len(data) < length:
        raise BadImage(
            f"{file.name} is truncated: its {what} ends at byte {offset + length}, the file has {file.size}",
            hint="copy the image again from where it is whole",
        )
    return data


def spread(count: int, most: int) -> list[int]:
    """Return at most ``most`` indices below ``count``, even over the range and with the last one."""
    if count <= most:
        return list(range(count))
    return (
        sorted({round(step * (count - 1) / (most - 1)) for step in range(most)}) if most > 1 else [count - 1]
    )
