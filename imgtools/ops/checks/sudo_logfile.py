"""sudo keeps a log of its own.

It also tells syslog what it did, among all else, and where syslog is turned off nobody knows. A file of its own is
easier to watch and to keep. Source: sudoers(5), logfile, syslog.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.sudoers import SudoRules
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.sudo_checks import of_sudo, setting_for_all
from imgtools.records.audit import Level

LINE = 'Defaults logfile="/var/log/sudo.log"'


def look(examined: Examined, rules: SudoRules, params: NoParams) -> Iterator[Seen]:
    """Yield that there is none."""
    setting, syslog = rules.setting("logfile"), rules.setting("syslog")
    if setting is not None and not setting.is_off and setting.value:
        return
    silent = syslog is not None and syslog.is_off
    yield Flaw(
        "sudo logs nothing" if silent else "sudo keeps no log of its own",
        rules.files[0],
        severity=Level.MEDIUM if silent else None,
        fix=setting_for_all(LINE),
    )


CHECK = Check(
    title="sudo keeps a log of its own",
    severity=Level.LOW,
    look=of_sudo(look),
    references=("CIS Debian 12 5.2.3", "NIST 800-53 AU-12"),
)
