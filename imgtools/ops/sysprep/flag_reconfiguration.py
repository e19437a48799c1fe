"""Ask for the configuration wizard at the next boot.

The empty file ``/.unconfigured`` is what Red Hat systems up to version 6 look for. From version 7 on it is
``RUN_FIRSTBOOT=YES`` in ``/etc/sysconfig/firstboot``, the file ``/etc/reconfigSys``, and the services
``firstboot-graphical`` and ``initial-setup-graphical`` (or the newer ``initial-setup``), enabled.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, MakeLink, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.services.started import enabling_links, is_masked, unit_path
from imgtools.ops.operation import UNIX, NoParams, Operation

FIRSTBOOT = "/etc/sysconfig/firstboot"
YES = b"RUN_FIRSTBOOT=YES\n"
INITIAL_SETUP = ("initial-setup-graphical.service", "initial-setup.service")
WIZARDS = ("firstboot-graphical.service", *INITIAL_SETUP)


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the flag files that are not there yet, and the links that start the wizard."""
    files = guest.files
    if files.lstat("/.unconfigured") is None:
        yield WriteFile("/.unconfigured", b"")
    if files.is_dir("/etc/sysconfig") and guest.os.is_family("rhel", "fedora", "centos"):
        if not files.is_file(FIRSTBOOT) or files.read_bytes(FIRSTBOOT) != YES:
            yield WriteFile(FIRSTBOOT, YES)
        if any(unit_path(files, unit) for unit in INITIAL_SETUP) and files.lstat("/etc/reconfigSys") is None:
            yield WriteFile("/etc/reconfigSys", b"")
        yield from _enable_wizards(files)


def _enable_wizards(files: GuestReader) -> Iterator[Change]:
    for unit in WIZARDS:
        if unit_path(files, unit) and not is_masked(files, unit):
            for link in enabling_links(files, unit):
                if files.lstat(link.path) is None:
                    yield MakeLink(link.path, link.target)


OPERATION = Operation(
    summary="Ask for the configuration wizard at the next boot", families=UNIX, plan=plan, default=False
)
