"""A new password of a local account has a least length.

Short ones are guessed from their hashes within hours, whatever they are made of. Windows by itself wants none:
"Minimum password length" (learn.microsoft.com). What people have already stays as it is.
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
    """``letters`` that a password has at least; Windows keeps up to 14 without a further setting."""

    letters: int = 14

    def __post_init__(self) -> None:
        if not 1 <= self.letters <= 128:
            raise ValueError("letters is a number from 1 to 128")


def judge(examined: Examined, policy: PasswordPolicy, params: Params) -> Iterator[Seen]:
    """Yield the policy if it takes shorter ones."""
    if policy.shortest < params.letters:
        yield policy_flaw(
            examined,
            f"passwords may be shorter than {params.letters} letters",
            f"{policy.shortest} letters",
            lambda now: now.with_number("shortest", params.letters, f"passwords of {params.letters} letters"),
        )


CHECK = Check(
    title="Passwords have a least length",
    severity=Level.MEDIUM,
    look=of_policy(judge),
    families=WINDOWS,
    params=Params,
    references=("CIS Windows Server 2022 1.1.4", "NIST 800-53 IA-5"),
)
