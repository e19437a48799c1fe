"""Ask for the configuration wizard at the next boot.

The empty file ``/.unconfigured`` is what Red Hat systems up to version 6 look for; from version 7 on
``RUN_FIRSTBOOT=YES`` in ``/etc/sysconfig/firstboot`` and ``/etc/reconfigSys`` are.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.guest import Guest
from imgtools.image.change import Change, WriteFile
from imgtools.ops.api import UNIX, NoParams, Operation

FIRSTBOOT = "/etc/sysconfig/firstboot"
YES = b"RUN_FIRSTBOOT=YES\n"


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the flag files that are not there yet."""
    if guest.files.lstat("/.unconfigured") is None:
        yield WriteFile("/.unconfigured", b"")
    if guest.files.is_dir("/etc/sysconfig") and guest.os.is_family("rhel", "fedora", "centos"):
        if not guest.files.is_file(FIRSTBOOT) or guest.files.read_bytes(FIRSTBOOT) != YES:
            yield WriteFile(FIRSTBOOT, YES)
        wizard = "/usr/lib/systemd/system/initial-setup.service"
        if guest.files.exists(wizard) and guest.files.lstat("/etc/reconfigSys") is None:
            yield WriteFile("/etc/reconfigSys", b"")


OPERATION = Operation(
    summary="Ask for the configuration wizard at the next boot", families=UNIX, plan=plan, default=False
)
