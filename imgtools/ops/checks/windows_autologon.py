"""Nobody is logged on without being asked, and no password for it stands in the registry.

AutoAdminLogon logs the user of DefaultUserName on when Windows starts; DefaultPassword is readable for every user of
the machine, and stays when it is turned off again: "How to turn on automatic logon" (KB324737). What is kept as a
secret of the LSA instead can be read by administrators.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import RegistryRemoveValue
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import WINLOGON, flaw, held, shown
from imgtools.records.audit import Level

PASSWORDS = ("DefaultPassword", "AltDefaultPassword")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the logon, and each password that stands there; it can go where nobody is logged on by it."""
    from imgtools.guest.windows.held_registry import short_name

    values = held(examined).values(WINLOGON)
    is_on = values.text("AutoAdminLogon") == "1" or values.number("AutoAdminLogon") == 1
    if is_on:
        yield flaw(
            examined,
            WINLOGON,
            "AutoAdminLogon",
            "somebody is logged on without being asked",
            evidence=f"as {shown(values.text('DefaultUserName') or 'nobody named')}",
            severity=Level.MEDIUM,
            advice="turn it off, once somebody knows the password",
        )
    for name in PASSWORDS:
        if not values.text(name):
            continue
        place = held(examined).registry.place(WINLOGON)
        removal = RegistryRemoveValue(place.path, place.key, name, private=True)
        yield Flaw(
            "a password stands in the registry in the clear",
            place.path,
            subject=short_name(WINLOGON, name),
            fix=None if is_on else always(removal),
            advice="change it, and turn the automatic logon off" if is_on else "",
        )


CHECK = Check(
    title="Nobody is logged on without being asked",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 IA-2", "NIST 800-53 IA-5"),
)
