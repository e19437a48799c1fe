"""Only root writes to the units of systemd and to the scripts of init.

They say what root runs: whoever writes there is root after the next start. Source: systemd.unit(5), "UNIT FILE LOAD
PATH".
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.mode_checks import only_root_writes
from imgtools.records.audit import Level
from imgtools.records.files import FileKind

PATTERNS = (
    "/etc/systemd/{system,user}",
    "/etc/systemd/{system,user}/*",
    "/etc/systemd/{system,user}/*.d/*",
    "/etc/systemd/*.conf",
    "/etc/systemd/system-generators/*",
    "{/usr,}/lib/systemd/system",
    "{/usr,}/lib/systemd/system/*",
    "/usr/local/lib/systemd/system/*",
    "/etc/init.d/*",
    "/etc/rc.local",
    "/etc/rc.d/rc.local",
    "/etc/inittab",
    "/etc/xinetd.d/*",
    "/etc/udev/rules.d/*",
)

CHECK = Check(
    title="Only root writes to what says which programs are started",
    severity=Level.CRITICAL,
    look=only_root_writes(*PATTERNS, what="units and scripts", kinds=(FileKind.FILE, FileKind.DIRECTORY)),
    references=("ANSSI R50", "NIST 800-53 CM-5"),
)
