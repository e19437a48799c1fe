"""What goes over the line cannot be changed on the way.

MD5, RIPEMD-160 and codes cut to 96 bits are out of date. A stricter policy also takes away codes of 64 bits and
SHA-1. Source: sshd_config(5), MACs; RFC 6151.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import ADVICE, rest_of, setting, without
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``weak``: patterns of algorithms that are not to be offered."""

    weak: tuple[str, ...] = ("hmac-md5*", "hmac-sha1-96*", "hmac-ripemd160*", "none")


CHECK = Check(
    title="The SSH server offers no weak message authentication codes",
    severity=Level.MEDIUM,
    look=setting(
        "MACs", without("weak", "weak message authentication codes are offered: {}"), rest_of("weak"), ADVICE
    ),
    params=Params,
    references=("CIS Debian 12 5.1.15", "NIST 800-53 SC-13"),
)
