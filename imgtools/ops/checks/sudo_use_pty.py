"""Commands of sudo run on a terminal of their own.

Without it a program that is run as another user can put keys into the terminal of whoever ran it, and a program that
stays behind keeps the terminal. It is on by itself since sudo 1.9.14. Source: sudoers(5), use_pty; the NEWS of sudo
1.9.14.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import of_sudo, setting_for_all, version_of
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown

ON_SINCE = (1, 9, 14)


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield that they share the user's."""
    setting, version = rules.setting("use_pty"), version_of(examined)
    if setting is None and version is None:
        yield NotKnown("use_pty is not said, and sudo's version is not known")
    elif setting is None and version is not None and version < ON_SINCE:
        text = "commands of sudo share the terminal of whoever runs them"
        yield Flaw(
            text, rules.files[0], evidence="use_pty is not said", fix=setting_for_all("Defaults use_pty")
        )
    elif setting is not None and setting.is_off:
        text = "commands of sudo share the terminal of whoever runs them"
        yield Flaw(
            text, setting.path, setting.line, evidence="!use_pty", fix=setting_for_all("Defaults use_pty")
        )


CHECK = Check(
    title="sudo runs commands on a terminal of their own",
    severity=Level.LOW,
    look=of_sudo(look),
    references=("CIS Debian 12 5.2.2",),
)
