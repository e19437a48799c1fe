"""Let administrators in by Windows Remote Management, which Ansible and PowerShell use.

Windows guests. The service starts with Windows, its rules in the firewall are switched on, and at the next boot the
guest's own Enable-PSRemoting makes the listener. From public networks only the same subnet gets in, as Windows has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_firstboot import at_first_boot_of_windows

SCRIPT = b"""\
$ErrorActionPreference = 'Stop'
if ((Get-Command Enable-PSRemoting).Parameters.ContainsKey('SkipNetworkProfileCheck')) {
    Enable-PSRemoting -SkipNetworkProfileCheck -Force
} else {
    Enable-PSRemoting -Force
}
"""


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the service, the firewall, and what makes the listener.

    :raises UnsupportedGuest: the guest has no such service, or nothing is known that would start the script.
    """
    from imgtools.guest.windows.registry import open_registry  # the shelf is read for every guest
    from imgtools.guest.windows.remote import has_listener, winrm_changes

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        changes, listens = tuple(winrm_changes(registry)), has_listener(registry)
    yield from changes
    if not listens:
        yield from at_first_boot_of_windows(guest, "winrm.ps1", "ps1", SCRIPT)


OPERATION = Operation(
    summary="Let administrators in by Windows Remote Management",
    plan=plan,
    params=Order,
    families=WINDOWS,
    metavar="",
    notes="The script that makes the listener is one of the first boot: what is said of `firstboot` holds for it.",
)
