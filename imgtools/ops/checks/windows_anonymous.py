"""Nobody learns the names of accounts and shares without a password.

A list of accounts is what guessing begins with. RestrictAnonymousSAM is 1 by default since XP,
EveryoneIncludesAnonymous 0, and RestrictAnonymous 0, which still tells the names of shares: "Network access" in
"Security options" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import LSA, Setting, is_number, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="Nobody learns accounts and shares without a password",
    severity=Level.MEDIUM,
    look=settings(
        Setting(
            LSA,
            "RestrictAnonymousSAM",
            not_number(0),
            "accounts are listed for anybody",
            default=1,
            to=1,
        ),
        Setting(
            LSA,
            "RestrictAnonymous",
            not_number(0),
            "shares are listed for anybody",
            default=0,
            to=1,
            severity=Level.LOW,
        ),
        Setting(
            LSA,
            "EveryoneIncludesAnonymous",
            is_number(0),
            "who gave no password has the rights of everyone",
            default=0,
            to=0,
        ),
    ),
    families=WINDOWS,
    references=(
        "NIST 800-53 AC-14",
        "NIST 800-53 CM-7",
    ),
)
