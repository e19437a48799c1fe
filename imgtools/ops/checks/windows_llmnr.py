"""Names that no DNS server knows are not asked of all machines nearby (LLMNR).

Whoever answers first is taken for the server, and is sent a logon whose hash can be guessed or passed on. It is on
unless a policy says otherwise: "Turn off multicast name resolution", ADMX_DnsClient (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import POLICIES, Setting, is_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="Names are not asked of all machines nearby (LLMNR)",
    severity=Level.LOW,
    look=settings(
        Setting(
            rf"{POLICIES}\Windows NT\DNSClient",
            "EnableMulticast",
            is_number(0),
            "names are asked of all machines nearby",
            default=1,
            to=0,
            since=VISTA,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
