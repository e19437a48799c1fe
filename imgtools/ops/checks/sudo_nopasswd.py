"""Nobody becomes another user without a password.

With NOPASSWD whatever runs as the user, a browser or a script, is root as well. Cloud images give it to their first
user, who has no password. It is no fix of a tool: whoever has none would be locked out. Rules of doas (nopass) count
too. Source: sudoers(5), Tag_Spec; doas.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.guest.accounts.users import DOAS
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import of_sudo, shown, who
from imgtools.records.audit import Level

DOAS_LIMIT = 1 << 20  # bytes of doas.conf
ADVICE = "give the account a password, then take NOPASSWD out"


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield each rule that asks for no password."""
    seen: set[tuple[str, int]] = set()
    for one in rules.commands:
        if "NOPASSWD" in one.tags and not one.excluded and one.users != ("root",):
            weight = Level.HIGH if one.is_all else None
            if (one.path, one.line) not in seen:
                seen.add((one.path, one.line))
                text = f"sudo asks no password of {who(one)}"
                yield Flaw(text, one.path, one.line, who(one), shown(one), weight, advice=ADVICE)


_look = of_sudo(look)


def look_at_both(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the rules of sudo and of doas."""
    doas = [path for path in DOAS if examined.files.is_file(path)]
    if not doas:
        yield from _look(examined, params)
        return
    yield from (one for one in _look(examined, params) if isinstance(one, Flaw))
    for path in doas:
        for number, line in enumerate(examined.files.read_text(path, limit=DOAS_LIMIT).split("\n"), 1):
            if user := _without_password(line):
                yield Flaw(f"doas asks no password of {user}", path, number, user, line.strip()[:120])


def _without_password(line: str) -> str:
    """Return whom a line of doas.conf asks no password; "" if it asks, or forbids."""
    words = line.partition("#")[0].split()
    if words[:1] != ["permit"]:
        return ""
    nopass, inside = False, False
    for word in words[1:]:
        if inside or word.startswith(("setenv", "{")):
            inside = not word.endswith("}")
        elif word == "nopass":
            nopass = True
        elif word not in ("nolog", "persist", "keepenv"):
            return word if nopass else ""
    return ""


CHECK = Check(
    title="sudo asks for a password",
    severity=Level.MEDIUM,
    look=look_at_both,
    references=("CIS Debian 12 5.2.4", "NIST 800-53 IA-11"),
)
