"""Sessions that NTLM secures use its second version and keys of 128 bits.

Weaker ones are broken on today's computers. Windows 7 and later want 128 bits by default (0x20000000), and the second
version (0x00080000) only where it is said: "Minimum session security for NTLM SSP" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.guest.windows.release import WIN7
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import LSA, Setting, settings, since
from imgtools.records.audit import Level

STRONG = 0x20080000


def _strong(found: int) -> bool:
    return found & STRONG == STRONG


CHECK = Check(
    title="Sessions of NTLM use its second version and 128 bits",
    severity=Level.LOW,
    look=settings(
        Setting(
            rf"{LSA}\MSV1_0",
            "NTLMMinClientSec",
            _strong,
            "programs take weak sessions from servers",
            default=since(WIN7, 0x20000000, before=0),
            to=STRONG,
        ),
        Setting(
            rf"{LSA}\MSV1_0",
            "NTLMMinServerSec",
            _strong,
            "weak sessions of clients are taken",
            default=since(WIN7, 0x20000000, before=0),
            to=STRONG,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 SC-8",),
)
