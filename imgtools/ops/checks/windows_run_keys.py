r"""What starts when somebody logs on lies where only administrators write, and hides nothing.

The keys Run and RunOnce are where programs put themselves to be started, and malware too (MITRE ATT&CK T1547.001). Of
the machine's own every place counts that users may write to: who changes the file is run by the next one who logs on.
Of a user's own only odd commands and folders for temporary files count, since programs of users live in their
profiles.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import HKLM, each_user, held, hive_flaw
from imgtools.ops.windows_persistence import looks_odd, where_from
from imgtools.records.audit import Level

BELOW = r"Microsoft\Windows\CurrentVersion"
NAMES = ("Run", "RunOnce", "RunOnceEx", "RunServices", r"Policies\Explorer\Run")
OF_ALL = ("in a folder for temporary files", "on a share", "in a folder that users may write to")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each command that is odd, or whose program users may change."""
    for view in ("", r"WOW6432Node" + "\\"):
        for name in NAMES:
            yield from _commands(examined, rf"{HKLM}\SOFTWARE\{view}{BELOW}\{name}", None)
    for user, _folder in each_user(examined):
        for name in NAMES:
            yield from _commands(examined, rf"{user}\Software\{BELOW}\{name}", OF_ALL)


def _commands(examined: Examined, key: str, places: tuple[str, ...] | None) -> Iterator[Seen]:
    from imgtools.guest.windows.services import program_of

    for value in held(examined).values(key).values():
        if not value.text:
            continue
        place = where_from(program_of(value.text))
        if odd := looks_odd(value.text):
            yield hive_flaw(
                examined, key, value.name, f"what starts at a logon is odd: {odd}", value.text, Level.HIGH
            )
        elif place and (places is None or place in places):
            text = f"what starts at a logon lies {place}"
            yield hive_flaw(examined, key, value.name, text, value.text)


CHECK = Check(
    title="What starts at a logon is plain, and no user can change it",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
