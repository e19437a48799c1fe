"""The process that knows passwords (LSA) is protected from other programs.

With RunAsPPL only what Microsoft has signed is loaded into it, and administrators cannot read its memory. It is known
since Windows 8.1, and off unless said; Windows 11 22H2 turns it on by itself on some machines: "Configure added LSA
protection" (learn.microsoft.com). A foreign package that is not signed for it no longer works, so there is no fix
where one is.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.windows.release import WIN11_22H2, WIN81, Release
from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import LSA, POLICIES, Setting, held, judged, not_number
from imgtools.ops.windows_persistence import foreign_packages
from imgtools.records.audit import Level

WITHOUT_LOCK = 2  # nothing is kept in the firmware; known since 11 22H2


def _default(release: Release) -> int | None:
    return 0 if release.build < WIN11_22H2 or release.is_server else None


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the setting if it is off."""
    others = ", ".join(one.package for one in foreign_packages(examined))
    build = held(examined).release.build
    yield from judged(
        examined,
        Setting(
            LSA,
            "RunAsPPL",
            not_number(0),
            "the process that knows passwords is not protected",
            default=_default,
            to=None if others else WITHOUT_LOCK if build >= WIN11_22H2 else 1,
            policy=(rf"{POLICIES}\Windows\System", "RunAsPPL"),
            advice=f"see first that {others} is signed for it",
            since=WIN81,
        ),
    )


CHECK = Check(
    title="The process that knows passwords (LSA) is protected",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SC-39",),
)
