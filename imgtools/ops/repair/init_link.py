"""Make /sbin/init again: a link to systemd, where the guest has it and nothing else is init.

Source: init/main.c of the kernel, which starts /sbin/init first; systemd-sysv's postinst and file list.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, MakeLink
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, NoParams, Operation

# The programs that are init, and what a distribution's link in /sbin says.
PROGRAMS = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/usr/sbin/openrc-init", "/sbin/openrc-init",
            "/lib/sysvinit/init")  # fmt: skip


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the link, if it is missing or leads nowhere."""
    files = guest.files
    if files.is_file("/sbin/init") or files.is_file("/usr/sbin/init") or not files.is_dir("/sbin"):
        return
    program = _program(files)
    if program:
        yield MakeLink("/sbin/init", program, 0, 0)


def _program(files: GuestReader) -> str:
    return next((path for path in PROGRAMS if files.is_file(path)), "")


def lacking(guest: Guest) -> str:
    """Say so if the guest has no program that could be init: only its package can bring it back."""
    is_there = guest.files.is_file("/sbin/init") or _program(guest.files)
    return "" if is_there else "no program that could be /sbin/init"


OPERATION = Operation(
    summary="Make the link to init again",
    families=LINUX,
    plan=plan,
    lacking=lacking,
    order=300,
)
