"""No share or pipe is open to those who give neither name nor password.

NullSessionShares and NullSessionPipes name what RestrictNullSessAccess leaves open; a member server and a client need
none: "Network access: Shares that can be accessed anonymously" and "Named Pipes that can be accessed anonymously"
(learn.microsoft.com). A domain controller names the pipes that its members ask.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import RegistryRemoveValue
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import CONTROL, SERVICES, held, no_smb_server, shown
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

KEY = rf"{SERVICES}\LanmanServer\Parameters"
OF_CONTROLLERS = frozenset({"netlogon", "samr", "lsarpc"})


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each of the two lists if it names something; its fix removes the list."""
    from imgtools.guest.windows.held_registry import short_name

    if reason := no_smb_server(examined):
        yield NotThere(reason)
        return
    registry = held(examined)
    kind = registry.values(rf"{CONTROL}\ProductOptions").text("ProductType")
    place = registry.registry.place(KEY)
    for name, what, severity in (
        ("NullSessionShares", "shares", Level.HIGH),
        ("NullSessionPipes", "pipes", Level.MEDIUM),
    ):
        named = registry.values(KEY).texts(name)
        if kind == "LanmanNT" and name == "NullSessionPipes":
            named = tuple(one for one in named if one.lower() not in OF_CONTROLLERS)
        if named:
            yield Flaw(
                f"{what} are open to anybody",
                place.path,
                subject=short_name(KEY, name),
                evidence=shown(", ".join(named)),
                severity=severity,
                fix=None if kind == "LanmanNT" else always(RegistryRemoveValue(place.path, place.key, name)),
                advice="name only what members ask" if kind == "LanmanNT" else "",
            )


CHECK = Check(
    title="No share or pipe is open to anybody",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 AC-14",),
)
