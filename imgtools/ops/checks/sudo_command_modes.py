"""What runs as root by a rule can be changed by root alone.

Who may write the program of a rule, or the folder that it is in, decides what runs as root. Programs that are not
there yet count by their folder. Source: sudoers(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.paths import parent_of
from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import bare_command, of_sudo, who
from imgtools.records.audit import Level


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield each program of a rule that others may write."""
    seen: set[str] = set()
    for one in rules.commands:
        path = bare_command(one).split(" ")[0].replace("\\", "")
        if one.excluded or not path.startswith("/") or path in seen or re.search(r"[*?\[]", path):
            continue
        seen.add(path)
        for place in (path, parent_of(path)):
            if not examined.files.exists(place):
                continue
            stat = examined.files.stat(place)
            if stat.uid or stat.mode & 0o002 or (stat.mode & 0o020 and stat.gid):
                yield Flaw(
                    f"others than root can change {path}, which {who(one)} may run as root",
                    examined.files.resolve(place),
                    subject=path,
                    evidence=f"owner {stat.uid}, mode {stat.mode:04o}; {one.path}, line {one.line}",
                    advice=f"imgtools chown root {place}; imgtools chmod go-w {place}",
                )
                break


CHECK = Check(
    title="Commands of sudo can be changed by root alone",
    severity=Level.HIGH,
    look=of_sudo(look),
    references=("NIST 800-53 AC-6",),
)
