"""Only root writes to what every shell reads when it starts.

root's shell reads it, too: a line there runs as root at his next login. Source: bash(1), "INVOCATION", environment(5)
of PAM.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.mode_checks import only_root_writes
from imgtools.records.audit import Level
from imgtools.records.files import FileKind

CHECK = Check(
    title="Only root writes to what every shell reads",
    severity=Level.HIGH,
    look=only_root_writes(
        "/etc/profile",
        "/etc/profile.d",
        "/etc/profile.d/*",
        "/etc/bashrc",
        "/etc/bash.bashrc",
        "/etc/bash.bash_logout",
        "/etc/zsh/*",
        "/etc/zshrc",
        "/etc/zprofile",
        "/etc/csh.*",
        "/etc/environment",
        "/etc/inputrc",
        "/etc/skel",
        "/etc/skel/.*",
        what="what shells read",
        kinds=(FileKind.FILE, FileKind.DIRECTORY),
    ),
    references=("ANSSI R50", "NIST 800-53 CM-5"),
)
