"""Only root writes to the rules of sudo, doas and polkit.

Whoever writes there gives himself all rights. sudo refuses rules that others may write, which then count for nobody.
Source: sudoers(5), doas.conf(5), polkit(8).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.mode_checks import only_root_writes
from imgtools.records.audit import Level
from imgtools.records.files import FileKind

CHECK = Check(
    title="Only root writes to the rules of sudo, doas and polkit",
    severity=Level.CRITICAL,
    look=only_root_writes(
        "/etc/sudoers",
        "/etc/sudoers.d",
        "/etc/sudoers.d/*",
        "/etc/doas.conf",
        "/etc/doas.d/*",
        "/etc/polkit-1/rules.d/*",
        "/usr/share/polkit-1/rules.d/*",
        what="the rules of sudo, doas and polkit",
        kinds=(FileKind.FILE, FileKind.DIRECTORY),
    ),
    references=("ANSSI R39", "NIST 800-53 AC-6"),
)
