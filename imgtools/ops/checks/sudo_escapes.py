"""No rule allows a program that starts others.

An editor, a pager, an interpreter or a shell gives a shell as root to whoever may run it, whatever the rule was meant
for. With the tag NOEXEC sudo keeps most of them from it, and sudoedit lets files be edited as the user. Source:
sudoers(5), Preventing shell escapes.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import bare_command, of_sudo, others_than_root, shown, who
from imgtools.records.audit import Level

NAMES = """
    ash awk bash csh dash emacs env expect find gawk gdb git ksh less lua man mawk more nano nice perl pico python
    python2 python3 rlwrap ruby script setsid sh ssh strace su tar tclsh tcsh timeout vi view vim watch xargs zsh
"""
PROGRAMS = frozenset(NAMES.split())


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield each rule for such a program."""
    for one in rules.commands:
        if one.excluded or "NOEXEC" in one.tags or not others_than_root(one, rules):
            continue
        program = bare_command(one).split()[:1]
        name = program[0].rpartition("/")[2] if program and program[0].startswith("/") else ""
        if name in PROGRAMS:
            yield Flaw(
                f"{name} gives {who(one)} a shell as {one.runas or 'root'}",
                one.path,
                one.line,
                f"{who(one)} {name}",
                shown(one),
                advice="sudoedit for files, NOEXEC: in front of it, or a script of root's in its place",
            )


CHECK = Check(
    title="Rules of sudo allow no programs that start others",
    severity=Level.MEDIUM,
    look=of_sudo(look),
    references=("NIST 800-53 AC-6",),
)
