"""What the guest's boot loader starts, read once for all the stations that look at it."""

from __future__ import annotations

from imgtools.guest.boot.start import Start, read_start, unified_kernels
from imgtools.guest.boot.unified import UnifiedKernel, read_unified
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import Severity

MOST_UNIFIED = 10  # unified kernel images that are looked at, the newest first
MAKE_AGAIN = (
    "make the unified kernel image again in the guest, with ukify or kernel-install: imgtools rescue --chroot"
)


def boot_start(examined: Examined) -> Start:
    """Return the boot menu; to be asked with :meth:`Examined.once`."""
    return read_start(examined.files)


def unified_images(examined: Examined) -> tuple[UnifiedKernel, ...]:
    """Return the unified kernel images on the ESP; the newest is unpacked, the others if asked for."""
    files = examined.files
    return tuple(
        read_unified(files, path, initrd=not number or examined.thorough)
        for number, path in enumerate(unified_kernels(files)[:MOST_UNIFIED])
        if files.is_file(path)
    )


def severity_of(examined: Examined, image: UnifiedKernel) -> Severity:
    """How bad it is that a unified kernel image does not start: it is, if nothing else is there to be started."""
    alone = examined.once(boot_start).default is None
    newest = next(iter(examined.once(unified_images)), image)
    return Severity.BROKEN if alone and newest.path == image.path else Severity.SUSPICIOUS
