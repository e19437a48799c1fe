"""The first program that the kernel starts, and the C library that it needs.

Without it the kernel stops: "No working init found", or "Attempted to kill init! exitcode=0x00007f00" where the loader
or the C library is missing.

Source: init/main.c of the kernel (kernel_init: /sbin/init, /etc/init, /bin/init, /bin/sh, in this order).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Evidence, Finding

INITS = ("/sbin/init", "/etc/init", "/bin/init", "/bin/sh")


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps init from starting."""
    files = examined.files
    if not any(files.is_file(path) for path in INITS):
        yield Finding(
            "init-missing",
            "the guest has no /sbin/init, and none of the programs that the kernel tries in its place",
            evidence=(Evidence("/sbin/init", text=_what_is_there(examined)),),
            advice="restore the package that has it (systemd-sysv, systemd, sysvinit)",
        )


def _what_is_there(examined: Examined) -> str:
    found = examined.files.lstat("/sbin/init")
    return f"a link to {examined.files.read_link('/sbin/init')}, which is not there" if found else "not there"


STATION = Station(
    summary="The first program and its libraries",
    place=400,
    look=look,
    families=LINUX,
    causes={
        "init-missing": "The kernel starts /sbin/init first. Where it is missing, or is a link to a file that is not "
        "there, the kernel panics: No working init found."
    },
)
