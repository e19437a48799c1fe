"""Why the appliance did not start: the line of its log that says it, and what mends it.

Every sign below has been seen (tests/unit/engine/appliance/test_failure.py holds the logs).
"""

from __future__ import annotations

import re

from imgtools.engine.qemu.kernels import KernelFact, find_kernels
from imgtools.errors import ApplianceFailed, ToolMissing

# Signs in a log, the most telling first, and the hint that goes with each.
SIGNS: tuple[tuple[str, str], ...] = (
    ("failed to set MSR", "KVM is broken here: export LIBGUESTFS_BACKEND_SETTINGS=force_tcg"),
    ("Could not access KVM", "KVM is not usable here: export LIBGUESTFS_BACKEND_SETTINGS=force_tcg"),
    ("failed to initialize kvm", "KVM is not usable here: export LIBGUESTFS_BACKEND_SETTINGS=force_tcg"),
    ("No space left on device", "make room, or name another folder with TMPDIR (it holds 0.4 GB)"),
    ("Cannot allocate memory", "the host has too little free memory: the appliance takes 1.3 to 2 GB"),
    ("for reading: Permission denied", "sudo chmod 0644 /boot/vmlinuz-*"),
    ("failed to find a suitable kernel", "apt-get install linux-image-cloud-amd64"),
    ("Failed to connect to", "the server of the disk has ended; run the command again"),
    ("cannot find any suitable libguestfs supermin", "unset LIBGUESTFS_PATH, or apt-get install libguestfs0"),
    ("supermin: not found", "apt-get install supermin"),
    ("Kernel panic", ""),
    ("Assertion", ""),
    ("qemu-system", ""),
    ("supermin: ", ""),
    ("guestfsd: ", ""),
    ("No such file or directory", ""),
    ("error", ""),
)
# What libguestfs and QEMU say at every launch, also when nothing is wrong.
CHATTER = re.compile(
    r"Formatting '|WARNING: Image format was not specified|Automatically detecting the format is dangerous"
    r"|Specify the 'raw' format explicitly|To see full error messages|Do:$|export LIBGUESTFS|and run the command"
    r"|http://libguestfs|You can also run|into a bug report|This usually means|guestfs_launch failed"
    r"|command failed, see earlier errors|supermin exited with error status"
)
HOST_WORDS = ("qemu-", "libguestfs:", "guestfsd:")  # how lines begin that are not the console's
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|c)")  # terminal sequences of the appliance's console
DOCTOR = "`imgtools doctor --launch` tells what works on this host"
LONGEST = 300  # letters of a quoted line


def launch_failed(log: str, message: str) -> ApplianceFailed | ToolMissing:
    """Return the named error for a launch that failed, with its cause and its cure."""
    text = f"{log}\n{message}"
    missing = _missing_tool(text)
    if missing is not None:
        return missing
    cure = _cure(text) or kernel_cure(find_kernels())
    line = decisive_line(text)
    return ApplianceFailed(
        f"the libguestfs appliance did not start: {line}", hint=f"{cure}; {DOCTOR}" if cure else DOCTOR
    )


def _missing_tool(text: str) -> ToolMissing | None:
    if re.search(r"supermin.*(not found|No such file)", text) and "supermin.d" not in text:
        return ToolMissing(
            "supermin, which builds the appliance, is not installed", hint="apt-get install supermin"
        )
    return None


def _cure(text: str) -> str:
    return next((hint for sign, hint in SIGNS if hint and sign in text), "")


def decisive_line(text: str) -> str:
    """Return the line of a log that says why; the last line if none does."""
    lines = [line for raw in text.splitlines() if (line := _plain(raw)) and not CHATTER.search(line)]
    for sign, _ in SIGNS:
        for line in lines:
            if sign in line:
                return line[:LONGEST]
    return lines[-1][:LONGEST] if lines else "it says nothing"


def console_has_begun(log: str) -> bool:
    """Whether the machine has said something, and not only libguestfs and QEMU."""
    lines = (_plain(raw) for raw in log.splitlines())
    return any(line and not CHATTER.search(line) and not line.startswith(HOST_WORDS) for line in lines)


def without_doctor(hint: str) -> str:
    """Return a hint without the advice to ask doctor, for doctor itself."""
    return hint.replace(f"; {DOCTOR}", "").removeprefix(DOCTOR)


def _plain(line: str) -> str:
    return ESCAPES.sub("", line).replace("\r", "").strip()


def kernel_cure(kernels: tuple[KernelFact, ...]) -> str:
    """Return what makes a kernel usable for the appliance; empty if one is."""
    if any(kernel.readable and kernel.has_modules for kernel in kernels):
        return ""
    closed = [kernel for kernel in kernels if not kernel.readable]
    if closed:
        # Ubuntu ships kernels with mode 0600 (Launchpad bug 759725).
        return (
            "sudo chmod 0644 /boot/vmlinuz-* (until the next kernel; for good: "
            f"sudo dpkg-statoverride --update --add root root 0644 {closed[-1].path})"
        )
    if kernels:
        return f"the modules of {kernels[-1].path} are missing: apt-get install --reinstall linux-image-cloud-amd64"
    return "there is no kernel in /boot: apt-get install linux-image-cloud-amd64, or set SUPERMIN_KERNEL"
