"""The volume of Windows is encrypted by BitLocker.

Who gets hold of the image, or of a backup of it, reads everything else, hashes of passwords among it. Where whoever
runs the machine encrypts below it, this check is for others: it sees the image alone ("BitLocker overview",
learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.disks import ENCRYPTED


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the volume if nothing encrypts it in the image."""
    root = examined.system.root
    if not any(one.content in ENCRYPTED for one in examined.layout.volumes if one.device in root.parents):
        yield Flaw(
            "the volume of Windows is not encrypted",
            subject=root.device,
            advice="turn BitLocker on in the guest, or encrypt the image or what it lies on",
        )


CHECK = Check(
    title="The volume of Windows is encrypted",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SC-28",),
)
