"""Have Windows forget network cards that are no longer there, when it boots next: those of the template, in a clone.

Which are there only Windows finds out, on the clone's hardware. Their addresses are another operation's.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.units import parse_count

FIRST_BUILD = 19041  # Windows 10 2004, the first whose pnputil removes devices ("PnPUtil Command Syntax")
# Get-PnpDevice tells what is absent, too. Cards without hardware, such as that of the kernel's debugger, stay.
SCRIPT = rb"""$failed = 0
$cards = Get-PnpDevice -Class Net -ErrorAction SilentlyContinue
foreach ($card in $cards) {
    if (-not $card.Present -and $card.InstanceId -match '^(PCI|USB|VMBUS|XENVIF|XENBUS)\\') {
        & "$env:SystemRoot\System32\pnputil.exe" /remove-device $card.InstanceId
        if ($LASTEXITCODE -ne 0) { $failed = 1 }
    }
}
exit $failed
"""


def lacking(guest: Guest) -> str:
    """Return what a Windows lacks that cannot do it."""
    return "" if (parse_count(guest.os.build_id) or 0) >= FIRST_BUILD else "no pnputil that removes devices"


def plan(guest: Guest, params: object) -> Iterator[Change]:
    """Yield a script of the first boot.

    :raises UnsupportedGuest: nothing is known that would start it.
    """
    from imgtools.ops.windows_firstboot import at_first_boot_of_windows  # the shelf is read for every guest

    yield from at_first_boot_of_windows(guest, "network-cards.ps1", "ps1", SCRIPT)


OPERATION = Operation(
    summary="Have Windows forget network cards that are gone, at the next boot",
    families=WINDOWS,
    default=False,
    plan=plan,
    lacking=lacking,
    repeats=True,  # nobody can read which cards are gone
    notes="Since Windows 10 2004 and Server 2022; `customize --generalize` has every Windows do it. It is a script of "
    "the first boot: what `customize --firstboot` says of those holds for it. No Windows was there to try it.",
)
