"""What checks of a Windows guest's own accounts have in common: each account, and the policy of passwords."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.files.tree import GuestReader
from imgtools.ops.check import Fix, Flaw, Seen
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import HKLM, held, users
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown

if TYPE_CHECKING:  # the shelf is read for every guest
    from imgtools.change.change import RegistrySet
    from imgtools.guest.windows.account import Account
    from imgtools.guest.windows.password_policy import PasswordPolicy
    from imgtools.guest.windows.registry import Registry
    from imgtools.guest.windows.sam import WindowsUser

SAM = rf"{HKLM}\SAM"
NO_SAM = "the guest has no SAM: its accounts are not known"
ADMINISTRATOR, GUEST = "-500", "-501"  # the ends of the SIDs of the two built-in accounts


def each_account(
    judge: Callable[[Examined, WindowsUser, Params], Iterator[Seen]],
) -> Callable[[Examined, Params], Iterator[Seen]]:
    """Return the look that judges every local account that somebody can log on to."""

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        found = users(examined)
        if not found:
            yield NotKnown(NO_SAM)
        for user in found:
            if not user.disabled:
                yield from judge(examined, user, params)

    return look


def of_account(
    examined: Examined,
    user: WindowsUser,
    text: str,
    *,
    evidence: str = "",
    severity: Level | None = None,
    fix: Fix | None = None,
    advice: str = "",
) -> Flaw:
    """Return a flaw of an account."""
    return Flaw(text, held(examined).path(SAM), 0, user.name, evidence, severity, fix, advice)


def account_of(registry: Registry, user: WindowsUser) -> Account:
    """Return the bytes of an account that was read from a registry, which may say something else by now."""
    from imgtools.guest.windows.account import find_account

    return find_account(registry, user.name)


def with_account_facts(
    examined: Examined, user: WindowsUser, make: Callable[[bytes], bytes], what: str
) -> Fix:
    """Return the fix that gives an account what ``make`` leaves of its F; ``what`` that means."""
    systemroot = examined.system.os.windows_systemroot

    def fix(files: GuestReader) -> Iterator[Change]:
        from imgtools.guest.windows.registry import open_registry

        with open_registry(files, systemroot) as registry:
            account = account_of(registry, user)
            yield from account.with_facts(make(account.facts), what)

    return fix


# -- the policy of passwords -----------------------------------------------------------------------------------


def password_policy(examined: Examined) -> PasswordPolicy | None:
    """Return what is wanted of passwords; None if the guest has no SAM."""
    return examined.once(_password_policy)


def _password_policy(examined: Examined) -> PasswordPolicy | None:
    from imgtools.guest.windows.password_policy import read_password_policy

    return read_password_policy(held(examined).registry)


def of_policy(
    judge: Callable[[Examined, PasswordPolicy, Params], Iterator[Seen]],
) -> Callable[[Examined, Params], Iterator[Seen]]:
    """Return the look that judges what is wanted of passwords."""

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        policy = password_policy(examined)
        if policy is None:
            yield NotKnown(NO_SAM)
        else:
            yield from judge(examined, policy, params)

    return look


def policy_flaw(
    examined: Examined,
    text: str,
    evidence: str,
    change: Callable[[PasswordPolicy], RegistrySet] | None = None,
    *,
    severity: Level | None = None,
    advice: str = "",
) -> Flaw:
    """Return a flaw of the policy, and the fix that makes a change of it as it is by then."""
    systemroot = examined.system.os.windows_systemroot

    def fix(files: GuestReader) -> Iterator[Change]:
        from imgtools.guest.windows.password_policy import read_password_policy
        from imgtools.guest.windows.registry import open_registry

        with open_registry(files, systemroot) as registry:
            policy = read_password_policy(registry)
            if policy is not None and change is not None:
                yield change(policy)

    path, subject = held(examined).path(SAM), "the policy of passwords"
    return Flaw(text, path, 0, subject, evidence, severity, fix if change is not None else None, advice)
