"""Old passwords cannot be taken again.

Where a password has to be changed, people take the last but one, which somebody may have by now. Windows by itself
remembers none outside of a domain: "Enforce password history" (learn.microsoft.com).
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
    """``remembered``: how many old passwords at least; Windows remembers up to 24."""

    remembered: int = 24

    def __post_init__(self) -> None:
        if not 1 <= self.remembered <= 24:
            raise ValueError("remembered is a number from 1 to 24")


def judge(examined: Examined, policy: PasswordPolicy, params: Params) -> Iterator[Seen]:
    """Yield the policy if it remembers fewer."""
    if policy.history < params.remembered:
        yield policy_flaw(
            examined,
            f"fewer than {params.remembered} old passwords are remembered",
            f"{policy.history} remembered",
            lambda now: now.with_number(
                "history", params.remembered, f"remember {params.remembered} passwords"
            ),
        )


CHECK = Check(
    title="Old passwords cannot be taken again",
    severity=Level.LOW,
    look=of_policy(judge),
    families=WINDOWS,
    params=Params,
    references=("CIS Windows Server 2022 1.1.1", "NIST 800-53 IA-5"),
)
