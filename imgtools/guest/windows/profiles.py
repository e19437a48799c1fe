r"""The profiles of a Windows guest, and the programs that its users have installed for themselves.

``ProfileList\SID``: "User profiles" (learn.microsoft.com); the FILETIMEs of loading and unloading are in two halves.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from imgtools.engine.hive import HiveKey
from imgtools.errors import NoSuchGuestFile
from imgtools.guest.windows.facts import RegistryFacts, Values
from imgtools.guest.windows.registry import MACHINE, PROFILE_LIST, USERS, Profile
from imgtools.records.packages import Application
from imgtools.records.windows import WindowsProfile

UNINSTALL = r"Microsoft\Windows\CurrentVersion\Uninstall"
# The view that 64-bit programs see, and that of 32-bit ones: "Registry Redirector" (learn.microsoft.com).
VIEWS = ((64, rf"{MACHINE}\SOFTWARE\{UNINSTALL}"), (32, rf"{MACHINE}\SOFTWARE\WOW6432Node\{UNINSTALL}"))
WIDE = frozenset({"x86_64", "aarch64", "ia64"})


def read_profiles(facts: RegistryFacts) -> tuple[WindowsProfile, ...]:
    """Return the profiles, in the order of the SIDs."""

    def one(key: HiveKey) -> WindowsProfile | None:
        values = Values(key.values())
        path = values.text("ProfileImagePath")
        if not path:
            return None
        home = facts.registry.guest_path(path)
        times = (
            values.time(f"LocalProfile{what}TimeHigh", f"LocalProfile{what}TimeLow")
            for what in ("Unload", "Load")
        )
        used = max((time for time in times if time is not None), default=None)
        return WindowsProfile(key.name, home, facts.attempt(lambda: facts.files.is_dir(home), None), used)

    return facts.each(PROFILE_LIST, one)


def read_applications(facts: RegistryFacts, arch: str) -> tuple[Application, ...]:
    """Return the installed programs: those of the machine in both views, then those of each user.

    Only what has a DisplayName is one; so does Windows itself.

    :param arch: of the guest; one of 32 bits has one view.
    """
    found: list[Application] = []
    for bits, place in VIEWS:
        own = bits if arch in WIDE else 32 if arch == "i386" else 0
        found += facts.each(place, partial(_application, bits=own, user=""))
    for name, hive in _user_hives(facts):
        place = rf"{hive}\Software\{UNINSTALL}"
        found += facts.each(place, partial(_application, bits=0, user=name))
    return tuple(found)


def _user_hives(facts: RegistryFacts) -> Iterator[tuple[str, str]]:
    """Yield the name of the folder and the hive of each user that has one; services' accounts have programs too."""
    nobody: tuple[Profile, ...] = ()
    for profile in facts.attempt(facts.registry.profiles, nobody):
        hive = rf"{USERS}\{profile.sid}"
        try:
            facts.registry.place(hive + r"\Software")
        except NoSuchGuestFile:
            continue
        yield profile.home.rpartition("/")[2], hive


def _application(key: HiveKey, bits: int, user: str) -> Application | None:
    values = Values(key.values())
    if not values.text("DisplayName"):
        return None
    return Application(
        key.name,
        version=values.text("DisplayVersion"),
        display_name=values.text("DisplayName"),
        install_path=values.text("InstallLocation"),
        publisher=values.text("Publisher"),
        url=values.text("URLInfoAbout"),
        description=values.text("Comments"),
        bits=bits,
        user=user,
    )
