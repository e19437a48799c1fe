"""Passwords are complex, and only their hashes are kept.

"Store passwords using reversible encryption" is as good as keeping them in the clear; it is off by default. That a
password has letters of several kinds is on by default in a domain and on servers ("Password must meet complexity
requirements", learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import of_policy, policy_flaw
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.password_policy import PasswordPolicy


def judge(examined: Examined, policy: PasswordPolicy, params: NoParams) -> Iterator[Seen]:
    """Yield the policy if it keeps passwords themselves, or takes simple ones."""
    if policy.is_reversible:
        yield policy_flaw(
            examined,
            "passwords themselves are kept, not only their hashes",
            "reversible encryption",
            lambda now: now.with_hashes_only("keep only hashes of passwords"),
            severity=Level.HIGH,
        )
    if not policy.is_complex:
        yield policy_flaw(
            examined,
            "passwords of one kind of letters are taken",
            "no complexity is required",
            lambda now: now.with_complex("complex passwords"),
        )


CHECK = Check(
    title="Passwords are complex, and only their hashes are kept",
    severity=Level.MEDIUM,
    look=of_policy(judge),
    families=WINDOWS,
    references=("CIS Windows Server 2022 1.1.5", "NIST 800-53 IA-5"),
)
