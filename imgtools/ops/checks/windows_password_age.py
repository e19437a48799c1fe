"""Passwords have to be changed after a while, where a site wants that.

Windows by itself wants a new one after 42 days: "Maximum password age" (learn.microsoft.com). NIST 800-63B no longer
asks for it: a site that follows that skips this check.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import of_policy, policy_flaw
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.password_policy import PasswordPolicy


@dataclass(frozen=True, slots=True)
class Params:
    """``days`` after which a password has to be changed at the latest."""

    days: int = 365


def judge(examined: Examined, policy: PasswordPolicy, params: Params) -> Iterator[Seen]:
    """Yield the policy if passwords may be older."""
    if policy.oldest is None or policy.oldest > params.days:
        yield policy_flaw(
            examined,
            f"passwords may be older than {params.days} days",
            "they never expire" if policy.oldest is None else f"{policy.oldest} days",
            advice=f"net accounts /maxpwage:{params.days}; passwords that are older by then expire at once",
        )


CHECK = Check(
    title="Passwords have to be changed after a while",
    severity=Level.LOW,
    look=of_policy(judge),
    families=WINDOWS,
    params=Params,
    references=("CIS Windows Server 2022 1.1.2", "NIST 800-53 IA-5"),
)
