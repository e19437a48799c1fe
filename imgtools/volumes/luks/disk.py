"""The data of an encrypted volume in clear, sector by sector as it is read."""

from __future__ import annotations

from imgtools.errors import BadImage
from imgtools.records.disks import Declined
from imgtools.volumes.luks.cipher import SECTOR, Cipher, why_unknown
from imgtools.volumes.luks.header import LuksHeader, Segment
from imgtools.volumes.volume_file import DiskFile

STEP = 1 << 20  # bytes that are decrypted at a time: more does not go faster


class LuksDisk:
    """What an encrypted volume holds; implements ``DiskServer`` of ``volume_file.py``, and serves nobody else.

    :param file: the encrypted device.
    :raises BadImage: the device is too small for its data.
    """

    socket = ""
    warning = ""

    def __init__(self, file: DiskFile, segment: Segment, key: bytes) -> None:
        self.file, self.segment, self.key = file, segment, key
        self.size = data_size(file, segment)
        self._cipher = Cipher(segment.cipher, key, segment.sector_size)

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset`` in clear; fewer only at the end."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        grain = self.segment.sector_size
        start, end = offset - offset % grain, -(-(offset + length) // grain) * grain
        parts = [self._sectors(place, min(STEP, end - place)) for place in range(start, end, STEP)]
        clear = parts[0] if len(parts) == 1 else b"".join(parts)
        return clear if (start, end) == (offset, offset + length) else clear[offset - start :][:length]

    def _sectors(self, offset: int, length: int) -> bytes:
        content = self.file.read_past_cache(self.segment.offset + offset, length)
        return self._cipher.decrypt(content, self.segment.iv_tweak + offset // SECTOR)

    def over(self, file: DiskFile) -> LuksDisk:
        """Return the same over another way to the device's bytes, for another process of ours."""
        return LuksDisk(file, self.segment, self.key)


def data_size(file: DiskFile, segment: Segment) -> int:
    """Return the bytes of the data of a volume.

    :raises BadImage: the device is too small for them.
    """
    room = file.size - segment.offset
    size = room if segment.size is None else segment.size
    if not 0 < size <= room:
        raise BadImage(
            f"{file.name}: its data should end at byte {segment.offset + max(size, 1)}, and it has {file.size}",
            hint="the image is truncated, or the header is another volume's",
        )
    return size


def why_not(header: LuksHeader, file: DiskFile) -> Declined | None:
    """Say why the data is not decrypted here; None: it is.

    :raises BadImage: the device is too small for its data.
    """
    segment = header.segment
    if reason := why_unknown(segment.cipher, header.key_size):
        return Declined(file.name, reason)
    if data_size(file, segment) % segment.sector_size:
        return Declined(file.name, f"it is not made of whole sectors of {segment.sector_size} bytes")
    return None
