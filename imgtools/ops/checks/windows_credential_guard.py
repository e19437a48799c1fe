"""Credential Guard keeps secrets of logons out of reach of the system itself.

Who has administrator's rights cannot read the hashes and tickets of others then. Enterprise and Education editions and
servers have it since 2016; Windows 11 22H2 and Server 2025 turn it on by themselves where the hardware allows that:
"Configure Credential Guard" (learn.microsoft.com). Whether the hardware does is not in the image.
"""

from __future__ import annotations

from imgtools.guest.windows.release import WIN11_22H2, WIN1607, Release
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import LSA, POLICIES, Setting, held, not_number, settings
from imgtools.records.audit import Level

EDITIONS = ("Enterprise", "Education", "Server", "IoTEnterprise")


def _default(release: Release) -> int | None:
    return 0 if release.build < WIN11_22H2 else None


def no_such_edition(examined: Examined) -> str:
    """Say that this edition has none; "" if it has, or is not known."""
    edition = held(examined).release.edition
    return "this edition has no Credential Guard" if edition and not edition.startswith(EDITIONS) else ""


CHECK = Check(
    title="Credential Guard is on",
    severity=Level.LOW,
    look=settings(
        Setting(
            LSA,
            "LsaCfgFlags",
            not_number(0),
            "Credential Guard is off",
            default=_default,
            policy=(rf"{POLICIES}\Windows\DeviceGuard", "LsaCfgFlags"),
            advice="turn it on where the (virtual) hardware has Secure Boot and nothing needs NTLMv1",
            since=WIN1607,
        ),
        unless=no_such_edition,
    ),
    families=WINDOWS,
    references=("NIST 800-53 SC-39",),
)
