"""No start-up file, job or profile fetches and runs a program, or opens a shell to the network.

Who has got in once wants to stay: a line in a profile, a job of cron, a service does it. The lines are looked for in
what runs by itself: cron, at, rc.local, profiles of all and of each account, units below /etc, udev rules, MOTD
scripts.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.startup_words import suspicious_lines
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import LINUX, NoParams
from imgtools.ops.secret_checks import in_homes, matching_files, text_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

SYSTEM = (
    "/etc/crontab",
    "/etc/cron.*/*",
    "/var/spool/cron/*",
    "/var/spool/cron/*/*",
    "/etc/rc.local",
    "/etc/rc.d/rc.local",
    "/etc/init.d/*",
    "/etc/profile",
    "/etc/profile.d/*",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "/etc/zsh/*",
    "/etc/environment",
    "/etc/systemd/system/*.service",
    "/etc/systemd/system/*.timer",
    "/etc/systemd/system/*/*.conf",
    "/etc/udev/rules.d/*",
    "/etc/update-motd.d/*",
)
PERSONAL = (
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".config/systemd/user/*.service",
    ".config/autostart/*.desktop",
    ".ssh/rc",
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each line that does what nobody should need."""
    paths = dict.fromkeys([*matching_files(examined.files, *SYSTEM), *in_homes(examined, *PERSONAL)])
    for path in paths:
        for line, said in suspicious_lines(text_of(examined.files, path)):
            yield Flaw(said, path, line, advice="find out who wrote this line, and what it has run")


CHECK = Check(
    title="Nothing that runs by itself fetches programs or opens shells",
    severity=Level.HIGH,
    look=look,
    families=LINUX,
    references=("MITRE ATT&CK T1053", "MITRE ATT&CK T1546.004"),
)
