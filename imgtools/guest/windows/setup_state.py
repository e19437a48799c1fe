"""Whether a Windows was generalised by Microsoft's own sysprep, and waits for its first boot."""

from __future__ import annotations

from imgtools.files.tree import GuestReader
from imgtools.guest.windows.registry import MACHINE, Registry, open_registry
from imgtools.records.system import OsInfo

# "Windows Setup States" (learn.microsoft.com): what is left to do is to be done at the next boot, by each clone itself.
GENERALISED = ("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT")
STATE = rf"{MACHINE}\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
COMPLETE = "IMAGE_STATE_COMPLETE"


def is_generalised(files: GuestReader, os: OsInfo) -> bool:
    """Whether the image waits to be generalised machines of its own.

    :raises OddGuest: its SOFTWARE hive is damaged.
    """
    with open_registry(files, os.windows_systemroot) as registry:
        return image_state(registry) in GENERALISED


def image_state(registry: Registry) -> str:
    """Return what setup says of itself; of a system that never was an image, that it is complete."""
    return registry.text(STATE, "ImageState") or COMPLETE
