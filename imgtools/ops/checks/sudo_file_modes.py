"""Only root can read or change sudo's rules.

Who may write one of them is root at once; sudo refuses such files, and with them everybody. Who may read them knows
whom to attack. All files are looked at that sudo reads. Source: sudoers(5), sudoers_mode; sudo_secure_path() of sudo.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import SetMode
from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import of_sudo
from imgtools.records.audit import Level


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield each file or folder that gives others more than is needed."""
    for path in dict.fromkeys((*rules.files, *rules.folders)):
        stat = examined.files.stat(path)
        loose = stat.mode & 0o022 if path in rules.folders else stat.mode & ~0o440 & 0o037
        if stat.uid:
            advice = f"look at what it says, then: imgtools chown root {path}"
            yield Flaw(
                f"{path} belongs to user {stat.uid}", path, evidence=f"owner {stat.uid}", advice=advice
            )
        elif loose:
            can = "write" if stat.mode & 0o022 else "read"
            yield Flaw(
                f"others than root may {can} {path}",
                path,
                evidence=f"mode {stat.mode:04o}",
                severity=None if stat.mode & 0o022 else Level.LOW,
                fix=always(SetMode(path, stat.mode & ~loose)),
            )


CHECK = Check(
    title="Only root can read or change sudo's rules",
    severity=Level.HIGH,
    look=of_sudo(look),
    references=("NIST 800-53 AC-6",),
)
