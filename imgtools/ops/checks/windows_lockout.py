"""An account is locked for a while after some wrong passwords.

Else a program guesses as long as it likes. Windows sets 10 since 11 22H2, and nothing before: "Account lockout
threshold" (learn.microsoft.com). The built-in Administrator is not locked by it at the console.
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
    """``tries`` after which an account is locked at the latest."""

    tries: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.tries <= 999:
            raise ValueError("tries is a number from 1 to 999")


def judge(examined: Examined, policy: PasswordPolicy, params: Params) -> Iterator[Seen]:
    """Yield the policy if it allows more."""
    if not 0 < policy.threshold <= params.tries:
        yield policy_flaw(
            examined,
            f"more than {params.tries} passwords can be tried",
            f"locked after {policy.threshold}" if policy.threshold else "never locked",
            lambda now: now.with_number(
                "threshold", params.tries, f"lock after {params.tries} wrong passwords"
            ),
        )


CHECK = Check(
    title="Accounts are locked after wrong passwords",
    severity=Level.MEDIUM,
    look=of_policy(judge),
    families=WINDOWS,
    params=Params,
    references=("CIS Windows Server 2022 1.2.2", "NIST 800-53 AC-7"),
)
