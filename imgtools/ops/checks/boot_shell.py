"""No entry of the boot menu leads to a shell of root without a password.

init=/bin/sh and its kin start a shell in the place of the system, systemd.debug_shell one beside it. Entries that are
meant for rescue are left out. Source: admin-guide/kernel-parameters (init), kernel-command-line(7),
dracut.cmdline(7).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.cmdline_checks import without_arguments
from imgtools.records.audit import Level

WORDS = (
    "rd.break",
    "rd.shell=1",
    "systemd.debug_shell",
    "systemd.debug-shell",
    "systemd.debug_shell=1",
    "systemd.debug-shell=1",
    "systemd.unit=debug-shell.service",
    "systemd.wants=debug-shell.service",
    "SYSTEMD_SULOGIN_FORCE=1",
    "systemd.setenv=SYSTEMD_SULOGIN_FORCE=1",
)


def is_shell(word: str) -> bool:
    """Whether an argument starts a shell in the place of init."""
    key, _, value = word.partition("=")
    name = value.rpartition("/")[2]
    return key in ("init", "rdinit") and name in ("sh", "bash", "dash", "ash", "busybox", "zsh", "ksh")


CHECK = Check(
    title="No usual boot entry leads to a shell of root",
    severity=Level.HIGH,
    look=without_arguments(WORDS, "whoever switches the machine on gets a shell of root", is_bad=is_shell),
    references=("NIST 800-53 AC-3", "NIST 800-53 IA-2"),
)
