"""sudo asks for the password again after a while.

A password that was given stays good for the terminal for so many minutes, for whoever sits down at it; a negative
number is for ever. 15 is the default of Debian and 5 that of sudo. Source: sudoers(5), timestamp_timeout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import of_sudo, setting_for_all
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: after how many minutes."""

    most: int = 15


def look(examined: Examined, rules: SudoRules, params: Params) -> Iterator[Seen]:
    """Yield a password that stays good for long."""
    setting = rules.setting("timestamp_timeout")
    if setting is None or not re.fullmatch(r"-?\d{1,6}(\.\d{1,6})?", setting.value):
        return
    minutes = float(setting.value)
    if minutes < 0 or minutes > params.most:
        yield Flaw(
            "sudo does not ask for the password again"
            + (f" for {setting.value} minutes" if minutes >= 0 else ""),
            setting.path,
            setting.line,
            evidence=f"timestamp_timeout={setting.value}",
            fix=setting_for_all(f"Defaults timestamp_timeout={params.most}"),
        )


CHECK = Check(
    title="sudo asks for the password again after a while",
    severity=Level.LOW,
    look=of_sudo(look),
    params=Params,
    references=("CIS Debian 12 5.2.6", "NIST 800-53 IA-11"),
)
