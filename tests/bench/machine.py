"""What one has to know of the machine to read the figures; nothing that names it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

import imgtools

PACKAGES = ("qemu-utils", "qemu-system-x86", "libguestfs0", "guestfs-tools")


def facts() -> tuple[tuple[str, str], ...]:
    """Pairs of a name and a value: processor, memory, system, versions."""
    return (
        ("processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / (1 << 30):.0f} GiB"),
        ("system", f"{_system()}, Linux {re.match(r'[0-9.]+', platform.release())[0]}"),  # type: ignore[index]
        ("imgtools", f"{imgtools.__version__} on Python {platform.python_version()}"),
        *((name, _version(name)) for name in PACKAGES),
    )


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _system() -> str:
    return platform.freedesktop_os_release()["PRETTY_NAME"]


def _version(package: str) -> str:
    words = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
