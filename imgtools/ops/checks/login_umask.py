"""What people make is not open for others.

The umask takes rights away from new files. 022 lets everybody read them, 027 only the group; 002 lets the group
write. What counts is what the shells' profiles say, else pam_umask with UMASK of login.defs. The fix changes the
lines that say more. Source: login.defs(5), umask(2), pam_umask(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.login_defs import LOGIN_DEFS, login_defs
from imgtools.ops.check import Check, Fix, Flaw, Seen
from imgtools.ops.common_plans import rewrite
from imgtools.ops.login_checks import LIMIT, saying, shell_lines
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``widest``: the umask, in octal, that takes the least away."""

    widest: str = "027"

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-7]{3}", self.widest):
            raise ValueError(f"not a umask in octal: {self.widest}")


EXPRESSION = r"(?:^|[\s;&])umask\s+(0?[0-7]{3}|[0-7]{1,2})\b"
NAME = "UMASK"


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield each place that says a umask which leaves others more than is allowed."""
    wanted = int(params.widest, 8)
    seen: set[str] = set()
    found = False
    for path, number, match in shell_lines(examined.files, EXPRESSION):
        found = True
        if wanted & ~int(match[1], 8) and path not in seen:
            seen.add(path)
            yield Flaw(
                f"new files may be open for others: umask {match[1]}",
                path,
                number,
                evidence=f"umask {match[1]}",
                fix=_narrowing(path, params.widest),
            )
    said = login_defs(examined.files).get(NAME)
    if said is not None and re.fullmatch("[0-7]{1,4}", said.value):
        if wanted & ~int(said.value, 8):
            fix = saying(said.path, NAME, params.widest) if said.path == LOGIN_DEFS[0] else None
            text = f"new files may be open for others: UMASK {said.value}"
            yield Flaw(text, said.path, said.line, NAME, f"UMASK {said.value}", fix=fix)
    elif not found and examined.files.is_file(LOGIN_DEFS[0]):
        fix = saying(LOGIN_DEFS[0], NAME, params.widest)
        yield Flaw("nothing says a umask: it is 022", LOGIN_DEFS[0], 0, NAME, fix=fix)


def _narrowing(path: str, widest: str) -> Fix:
    """Return the fix that narrows every umask of a file; those that are narrow enough stay."""

    def narrow(match: re.Match[str]) -> str:
        is_wide = int(widest, 8) & ~int(match[1], 8)
        return match[0][: match.start(1) - match.start()] + widest if is_wide else match[0]

    def fix(files: GuestReader) -> Iterator[Change]:
        lines = files.read_text(path, limit=LIMIT).split("\n")
        edited = [one if one.lstrip().startswith("#") else re.sub(EXPRESSION, narrow, one) for one in lines]
        yield from rewrite(files, path, "\n".join(edited))

    return fix


CHECK = Check(
    title="New files are not open for others",
    severity=Level.LOW,
    look=look,
    params=Params,
    references=("CIS Debian 12 5.4.3.3", "NIST 800-53 AC-6"),
)
