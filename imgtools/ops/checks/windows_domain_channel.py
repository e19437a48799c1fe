"""What a member of a domain says to its controllers is signed and sealed, and its own password is changed.

Without it who stands between gives other answers than the controller. All of these are on by default: "Domain member:
Digitally encrypt or sign secure channel data" and its neighbours in "Security options" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import SERVICES, Setting, is_number, no_domain, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="What goes to the domain is signed and sealed",
    severity=Level.HIGH,
    look=settings(
        Setting(
            rf"{SERVICES}\Netlogon\Parameters",
            "RequireSignOrSeal",
            not_number(0),
            "what goes to a domain controller may be unsigned",
            default=1,
            to=1,
        ),
        Setting(
            rf"{SERVICES}\Netlogon\Parameters",
            "SealSecureChannel",
            not_number(0),
            "what goes to a domain controller is not encrypted",
            default=1,
            to=1,
        ),
        Setting(
            rf"{SERVICES}\Netlogon\Parameters",
            "SignSecureChannel",
            not_number(0),
            "what goes to a domain controller is not signed",
            default=1,
            to=1,
        ),
        Setting(
            rf"{SERVICES}\Netlogon\Parameters",
            "RequireStrongKey",
            not_number(0),
            "weak keys are used towards a domain controller",
            default=1,
            to=1,
        ),
        Setting(
            rf"{SERVICES}\Netlogon\Parameters",
            "DisablePasswordChange",
            is_number(0),
            "the machine never changes its own password",
            default=0,
            to=0,
        ),
        unless=no_domain,
    ),
    families=WINDOWS,
    references=("NIST 800-53 SC-8",),
)
