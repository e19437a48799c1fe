r"""Whether a Windows can be generalised by its own sysprep.exe when it boots next, and what keeps it from it.

Sources: "Sysprep (Generalize) a Windows installation" and "Sysprep command-line options" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.errors import OddGuest, UnsupportedGuest
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.facts import RegistryFacts
from imgtools.guest.windows.registry import MACHINE, Registry
from imgtools.guest.windows.setup_state import COMPLETE, image_state
from imgtools.guest.windows.system import windows_details
from imgtools.guest.windows.updates import pending_reboot
from imgtools.records.system import OsInfo

SYSPREP = "System32/Sysprep/sysprep.exe"
# What of that for which a restart is due keeps sysprep from running; it does not mind files that wait for new names.
REFUSED = {
    "component-servicing": "servicing waits for a restart",
    "windows-update": "Windows Update waits for a restart",
    "servicing-transaction": "WinSxS/pending.xml has what servicing is to do at the next boot",
}
SETUP = rf"{MACHINE}\SYSTEM\Setup"


def require_generalisable(files: GuestReader, os: OsInfo, registry: Registry) -> None:
    """Refuse a guest that its own sysprep would refuse, or that would lose something.

    :raises UnsupportedGuest: it has no sysprep, belongs to a domain, is being set up, or updates are pending.
    :raises OddGuest: whether it is so cannot be read.
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
    if reasons := _pending(registry):
        raise UnsupportedGuest(
            f"the guest's sysprep refuses to run: {', '.join(reasons)}",
            hint="boot it, let it finish, and shut it down",
        )


def _pending(registry: Registry) -> tuple[str, ...]:
    facts = RegistryFacts(registry)
    found = tuple(REFUSED[reason] for reason in pending_reboot(facts) if reason in REFUSED)
    if facts.warnings:  # what cannot be read could be a reason
        raise OddGuest(facts.warnings[0].text)
    return found
