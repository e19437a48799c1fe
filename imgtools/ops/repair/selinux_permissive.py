"""Have SELinux warn only, and forbid nothing, until somebody sets it back: mode permissive.

Labels are still kept, so that enforcing can be set again without labelling all files. ``enforcing=1`` among the
kernel's arguments, which would be stronger, goes.

Source: selinux(8), /etc/selinux/config.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.errors import UnsupportedGuest
from imgtools.guest.boot.cmdline import Arguments, edit_arguments
from imgtools.guest.guest import Guest
from imgtools.guest.selinux import CONFIG, find_selinux
from imgtools.ops.operation import LINUX, NoParams, Operation


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the edit of SELinux' own configuration, and of the kernel's arguments."""
    edit = LineEdit(r"(?i)^\s*SELINUX\s*=\s*enforcing\b.*$", "SELINUX=permissive")
    yield EditLines(guest.files.resolve(CONFIG), (edit,))
    try:
        yield from edit_arguments(guest.files, Arguments(remove=("enforcing=1",)))
    except UnsupportedGuest:  # no boot loader: then nobody gives the kernel arguments
        return


def lacking(guest: Guest) -> str:
    """Say that SELinux is not configured."""
    return "" if find_selinux(guest.files).mode else "no SELinux"


OPERATION = Operation(
    summary="Set SELinux to permissive",
    families=LINUX,
    plan=plan,
    default=False,
    lacking=lacking,
)
