"""No update waits for a restart.

Until then the old programs run, and what the update mends is open. The keys that say so are those that Windows' own
programs look for (updates, component store, renames of files at the next start).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import MICROSOFT, held
from imgtools.ops.windows_updates import update_packages
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield why a restart is waited for, and the updates that are on their way."""
    from imgtools.guest.windows.facts import RegistryFacts
    from imgtools.guest.windows.updates import PENDING, pending_reboot

    registry = held(examined)
    path = registry.path(MICROSOFT)
    reasons = [one for one in pending_reboot(RegistryFacts(registry.registry)) if one != "file-renames"]
    if reasons:
        advice = "start it, let it finish, and shut it down"
        yield Flaw(
            "Windows waits for a restart", path, subject="restart", evidence=", ".join(reasons), advice=advice
        )
    for one in update_packages(examined):
        if one.state in PENDING:
            advice = "start it, and let it finish"
            yield Flaw("an update is on its way", path, subject=one.name, evidence=one.state, advice=advice)


CHECK = Check(
    title="No update waits for a restart",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SI-2",),
)
