"""sudo is not told to ask nobody.

Defaults !authenticate does for everybody what NOPASSWD does for one rule, and is easily overlooked. It is no fix of a
tool: whoever has no password would be locked out. Source: sudoers(5), authenticate.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import of_sudo
from imgtools.records.audit import Level


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield each line that turns the question off."""
    for one in rules.defaults:
        if one.name == "authenticate" and one.is_off:
            whom = f"of {one.scope[1:]}" if one.scope else "of anybody"
            text = f"sudo asks no password {whom}"
            yield Flaw(
                text,
                one.path,
                one.line,
                one.scope,
                f"Defaults{one.scope} !authenticate",
                advice="take it out",
            )


CHECK = Check(
    title="sudo is not told to ask for no password",
    severity=Level.HIGH,
    look=of_sudo(look),
    references=("CIS Debian 12 5.2.5", "NIST 800-53 IA-11"),
)
