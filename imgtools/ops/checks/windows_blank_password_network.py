"""Accounts without a password can log on at the console only, and not over the network.

LimitBlankPasswordUse is 1 by default since XP ("Accounts: Limit local account use of blank passwords to console logon
only", learn.microsoft.com); with 0 an empty password opens Remote Desktop and shares.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import LSA, Setting, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="Accounts without a password cannot log on over the network",
    severity=Level.HIGH,
    look=settings(
        Setting(
            LSA,
            "LimitBlankPasswordUse",
            not_number(0),
            "accounts without a password can log on over the network",
            default=1,
            to=1,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 IA-5",),
)
