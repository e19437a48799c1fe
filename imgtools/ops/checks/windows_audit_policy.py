"""What has to be known after a break-in is written into the security log: logons, accounts, groups, policies.

Windows by itself leaves failed logons of some kinds, changes of groups and new processes out, depending on the
release. The policy is the one in force, whoever set it: the value PolAdtEv, as auditpol shows it ("Advanced security
audit policy settings", learn.microsoft.com). Before Vista there are no subcategories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.files.tree import GuestReader
from imgtools.ops.check import Check, Fix, Flaw, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import held
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown

SUCCESS, FAILURE = 1, 2


@dataclass(frozen=True, slots=True)
class Params:
    """The subcategories, by auditpol's names, of which ``success`` and of which ``failure`` is written."""

    success: tuple[str, ...] = (
        "Logon", "Special Logon", "Account Lockout", "User Account Management", "Security Group Management",
        "Audit Policy Change", "Authentication Policy Change", "Security State Change",
        "Security System Extension", "System Integrity", "Credential Validation",
    )  # fmt: skip
    failure: tuple[str, ...] = (
        "Logon", "Account Lockout", "User Account Management", "System Integrity", "Credential Validation",
    )  # fmt: skip

    def __post_init__(self) -> None:
        from imgtools.guest.windows.audit_policy import SUBCATEGORIES

        for name in (*self.success, *self.failure):
            if name not in SUBCATEGORIES:
                raise ValueError(f"no such subcategory: {name!r}; there are {', '.join(SUBCATEGORIES)}")


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield each subcategory of which less is written."""
    from imgtools.guest.windows.audit_policy import WORDS, read_audit_policy

    policy = read_audit_policy(held(examined).registry)
    if policy is None:
        yield NotKnown("the guest has no audit policy with subcategories in its registry")
        return
    for name in dict.fromkeys((*params.success, *params.failure)):
        wanted = (SUCCESS if name in params.success else 0) | (FAILURE if name in params.failure else 0)
        written = policy.of(name)
        if written is not None and wanted & ~written:
            yield Flaw(
                f"{WORDS[wanted & ~written]} of {name} is not logged",
                policy.path,
                subject=name,
                evidence=f"logged: {WORDS[written]}",
                fix=_fix(examined, name, wanted),
            )


def _fix(examined: Examined, name: str, wanted: int) -> Fix:
    systemroot = examined.system.os.windows_systemroot

    def fix(files: GuestReader) -> Iterator[Change]:
        from imgtools.guest.windows.audit_policy import read_audit_policy
        from imgtools.guest.windows.registry import open_registry

        with open_registry(files, systemroot) as registry:
            policy = read_audit_policy(registry)
            if policy is not None:
                yield policy.with_also(name, wanted)

    return fix


CHECK = Check(
    title="Logons and changes of accounts and policies are logged",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 AU-2", "NIST 800-53 AU-12"),
)
