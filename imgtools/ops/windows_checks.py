r"""What checks of Windows have in common: numbers of the registry that have to be as wanted, and facts read once.

Where a value is absent, Windows does what its release does by itself; a release whose default is not documented makes
the check not decidable. What a policy says counts before the setting. A domain sets its policies anew at each start, so
what one of them says is put right there, and not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import RegistrySet
from imgtools.guest.windows.release import Release
from imgtools.ops.check import Flaw, Seen, always
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

if TYPE_CHECKING:  # the shelf is read for every guest
    from imgtools.guest.windows.held_registry import HeldRegistry
    from imgtools.guest.windows.sam import WindowsUser
    from imgtools.guest.windows.system import WindowsDetails
    from imgtools.records.windows import WindowsService

HKLM = "HKEY_LOCAL_MACHINE"
CONTROL = rf"{HKLM}\SYSTEM\CurrentControlSet\Control"
SERVICES = rf"{HKLM}\SYSTEM\CurrentControlSet\Services"
LSA = rf"{CONTROL}\Lsa"
MICROSOFT = rf"{HKLM}\SOFTWARE\Microsoft"
CURRENT = rf"{MICROSOFT}\Windows\CurrentVersion"
WINLOGON = rf"{MICROSOFT}\Windows NT\CurrentVersion\Winlogon"
SYSTEM_POLICIES = rf"{CURRENT}\Policies\System"
POLICIES = rf"{HKLM}\SOFTWARE\Policies\Microsoft"
DISABLED = 4  # "Start" of a service ("CreateService function", learn.microsoft.com: SERVICE_DISABLED)
OF_DOMAIN = "a policy of the domain says so: change it there"

Wanted = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Setting:
    """A number of the registry. ``text`` says what is wrong if it is not ``wanted``.

    ``default`` is what Windows takes where it is absent: a number, None where nobody can tell, or what tells it by the
    release, which has to be known then. ``to`` is what the fix sets; None: there is none, and ``advice`` helps.
    ``policy`` is the key of a policy that counts before it, and the name of the value there. ``since``: the first build
    that knows it. ``as_text``: it is kept as REG_SZ.
    """

    key: str
    name: str
    wanted: Wanted
    text: str
    default: int | Callable[[Release], int | None] | None
    to: int | None = None
    policy: tuple[str, str] | None = None
    severity: Level | None = None
    advice: str = ""
    since: int = 0
    as_text: bool = False


def is_number(number: int) -> Wanted:
    """Want this number."""
    return lambda found: found == number


def at_least(number: int) -> Wanted:
    """Want this number or a higher one."""
    return lambda found: found >= number


def not_number(number: int) -> Wanted:
    """Want any other number."""
    return lambda found: found != number


def since(build: int, number: int, before: int | None) -> Callable[[Release], int | None]:
    """Return the default that is ``number`` from a build on."""
    return lambda release: number if release.build >= build else before


# -- facts, each read once ---------------------------------------------------------------------------------------


def held(examined: Examined) -> HeldRegistry:
    """Return the registry, open as long as the machine is looked at."""
    return examined.once(_held)


def _held(examined: Examined) -> HeldRegistry:
    from imgtools.guest.windows.held_registry import HeldRegistry

    return HeldRegistry(examined.system)


def details(examined: Examined) -> WindowsDetails:
    """Return what the system says of itself: its domain, among others."""
    return examined.once(_details)


def _details(examined: Examined) -> WindowsDetails:
    from imgtools.guest.windows.system import details_of

    return details_of(held(examined).registry)[0]


def is_governed(examined: Examined) -> bool:
    """Whether a domain sets policies of this guest."""
    return bool(details(examined).domain_joined) or details(examined).group_policy


def users(examined: Examined) -> tuple[WindowsUser, ...]:
    """Return the guest's own accounts."""
    return examined.once(_users)


def _users(examined: Examined) -> tuple[WindowsUser, ...]:
    from imgtools.guest.windows.sam import read_users

    return tuple(one for one in read_users(held(examined).registry) if one.local)


def services(examined: Examined) -> tuple[WindowsService, ...]:
    """Return services and drivers."""
    return examined.once(_services)


def _services(examined: Examined) -> tuple[WindowsService, ...]:
    from imgtools.guest.windows.facts import RegistryFacts
    from imgtools.guest.windows.services import read_services

    return read_services(RegistryFacts(held(examined).registry))


def service(examined: Examined, name: str) -> WindowsService | None:
    """Return a service that is not disabled; None if it is, or is not there."""
    found = next((one for one in services(examined) if one.name.lower() == name.lower()), None)
    return found if found is not None and found.start != "disabled" else None


# -- numbers -------------------------------------------------------------------------------------------------------


def settings(
    *wanted: Setting, unless: Callable[[Examined], str] = lambda examined: ""
) -> Callable[[Examined, Params], Iterator[Seen]]:
    """Return the look that wants all of these settings; ``unless`` says why a guest has nothing to do with them."""

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        if reason := unless(examined):
            yield NotThere(reason)
            return
        for one in wanted:
            yield from judged(examined, one)

    return look


def judged(examined: Examined, one: Setting) -> Iterator[Seen]:
    """Yield what is wrong with a setting, if anything is."""
    registry = held(examined)
    release = registry.release
    if 0 < release.build < one.since:
        yield NotThere(f"{one.name} is of a later Windows")
        return
    key, name, number = _effective(registry, one)
    taken = number
    if taken is None:
        taken = _default(release, one.default)
        if taken is None:
            yield NotKnown(f"{one.name} is not set, and what this Windows does then is not known")
            return
    if one.wanted(taken):
        return
    evidence = f"{number:#x}" if number is not None and number > 9999 else f"{number}"
    yield flaw(
        examined,
        key,
        name,
        one.text,
        evidence=evidence if number is not None else f"not set, which means {taken}",
        severity=one.severity,
        to=one.to,
        as_text=one.as_text,
        advice=one.advice,
    )


def _effective(registry: HeldRegistry, one: Setting) -> tuple[str, str, int | None]:
    if one.policy is not None:
        ruled = registry.number(*one.policy)
        if ruled is not None:
            return *one.policy, ruled
    return one.key, one.name, registry.number(one.key, one.name)


def _default(release: Release, default: int | Callable[[Release], int | None] | None) -> int | None:
    if callable(default):
        return default(release) if release.build else None
    return default


def flaw(
    examined: Examined,
    key: str,
    name: str,
    text: str,
    *,
    evidence: str = "",
    severity: Level | None = None,
    to: int | None = None,
    as_text: bool = False,
    advice: str = "",
) -> Flaw:
    """Return the flaw of a value of the registry, whose fix sets it to a number."""
    from imgtools.guest.windows.held_registry import short_name

    place = held(examined).registry.place(key)
    if to is not None and "\\Policies\\" in key and is_governed(examined):
        to, advice = None, OF_DOMAIN
    change = None
    if to is not None and as_text:
        change = RegistrySet(place.path, place.key, name, text=str(to))
    elif to is not None:
        change = RegistrySet(place.path, place.key, name, "REG_DWORD", number=to)
    return Flaw(
        text,
        place.path,
        subject=short_name(key, name),
        evidence=evidence,
        severity=severity,
        fix=always(change) if change is not None else None,
        advice=advice if change is None else "",
    )


def hive_flaw(
    examined: Examined, key: str, name: str, text: str, evidence: str = "", severity: Level | None = None
) -> Flaw:
    """Return the flaw of a value that a person has to look at."""
    return flaw(examined, key, name, text, evidence=shown(evidence), severity=severity)


def shown(text: str) -> str:
    """Return as much of a text of the guest as is shown: no passwords that a command line says."""
    from imgtools.guest.tokens import without_secrets
    from imgtools.guest.windows.held_registry import LONGEST

    text = without_secrets(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def each_user(examined: Examined) -> Iterator[tuple[str, str]]:
    r"""Yield the key of each user that has a hive (``HKU\S-1-...``), and the name of the folder of its profile."""
    from imgtools.errors import NoSuchGuestFile
    from imgtools.guest.windows.registry import USERS

    registry = held(examined).registry
    for profile in registry.profiles():
        key = rf"{USERS}\{profile.sid}"
        try:
            registry.place(key)
        except NoSuchGuestFile:
            continue
        yield key, profile.home.rpartition("/")[2]


def together(
    *looks: Callable[[Examined, Params], Iterable[Seen]],
) -> Callable[[Examined, Params], Iterator[Seen]]:
    """Return the look that makes several looks."""

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        for one in looks:
            yield from one(examined, params)

    return look


# -- what a guest has to do with a check ---------------------------------------------------------------------------


def no_remote_desktop(examined: Examined) -> str:
    """Say that nobody gets in by Remote Desktop, which is off by default; "" if somebody may."""
    registry = held(examined)
    ruled = registry.number(rf"{POLICIES}\Windows NT\Terminal Services", "fDenyTSConnections")
    denied = (
        ruled if ruled is not None else registry.number(rf"{CONTROL}\Terminal Server", "fDenyTSConnections")
    )
    return "Remote Desktop is off" if denied != 0 else ""


def no_smb_server(examined: Examined) -> str:
    """Say that no files are shared, the service being disabled or not there; "" if some may be."""
    return "" if service(examined, "LanmanServer") is not None else "the SMB server is off"


def no_domain(examined: Examined) -> str:
    """Say that the guest is in no domain; "" if it is in one, or nobody can tell."""
    return "the guest is in no domain" if details(examined).domain_joined is False else ""
