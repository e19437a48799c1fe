r"""Whether a Windows can be generalised by its own sysprep.exe when it boots next, and what keeps it from it.

Sources: "Sysprep (Generalize) a Windows installation" and "Sysprep command-line options" (learn.microsoft.com); what
servicing and Windows Update leave where a restart is due: "Determine if a reboot is pending" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.errors import UnsupportedGuest
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.registry import MACHINE, Registry
from imgtools.guest.windows.setup_state import COMPLETE, image_state
from imgtools.guest.windows.system import windows_details
from imgtools.records.system import OsInfo

SYSPREP = "System32/Sysprep/sysprep.exe"
CURRENT_VERSION = rf"{MACHINE}\SOFTWARE\Microsoft\Windows\CurrentVersion"
SERVICING = rf"{CURRENT_VERSION}\Component Based Servicing"
PENDING_KEYS = {
    rf"{SERVICING}\RebootPending": "servicing waits for a restart",
    rf"{SERVICING}\PackagesPending": "packages wait to be installed",
    rf"{CURRENT_VERSION}\WindowsUpdate\Auto Update\RebootRequired": "Windows Update waits for a restart",
}
PENDING_FILE = "WinSxS/pending.xml"
SETUP = rf"{MACHINE}\SYSTEM\Setup"


def require_generalisable(files: GuestReader, os: OsInfo, registry: Registry) -> None:
    """Refuse a guest that its own sysprep would refuse, or that would lose something.

    :raises UnsupportedGuest: it has no sysprep, belongs to a domain, is being set up, or updates are pending.
    """
    if not files.is_file(join(os.windows_systemroot, SYSPREP)):
        raise UnsupportedGuest(f"the guest has no {SYSPREP}, which generalises it")
    if (state := image_state(registry)) != COMPLETE or any(
        registry.number(SETUP, name) for name in ("SystemSetupInProgress", "OOBEInProgress")
    ):
        raise UnsupportedGuest(
            f"the guest is being set up ({state})", hint="boot it until somebody can log on, and shut it down"
        )
    details, _ = windows_details(files, os)
    if details.domain_joined:
        raise UnsupportedGuest(
            f"the guest has joined the domain {details.domain}, which a generalised one has not",
            hint="take it out of the domain first, in the guest",
        )
    if reasons := list(_pending(files, os, registry)):
        raise UnsupportedGuest(
            f"the guest's sysprep refuses to run: {', '.join(reasons)}",
            hint="boot it, let it finish, and shut it down",
        )


def _pending(files: GuestReader, os: OsInfo, registry: Registry) -> Iterator[str]:
    for key, reason in PENDING_KEYS.items():
        if registry.find(key) is not None:
            yield reason
    if files.is_file(path := join(os.windows_systemroot, PENDING_FILE)):
        yield f"{path} has what servicing is to do at the next boot"
