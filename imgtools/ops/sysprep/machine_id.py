"""Take the machine ID away, so that every clone makes its own when it first boots.

The policy says what is left behind: ``empty`` (systemd makes an ID at boot and counts the boot as the first only
if the file said so), ``uninitialized`` (systemd also runs its first-boot units), ``remove``, or ``keep``. Nothing
else in imgtools ever writes a machine ID. What says ``uninitialized`` is prepared already, and ``empty`` leaves it so.

An ID on the kernel's command line (``systemd.machine_id=``) would be stronger than the file, so it goes too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, EditLines, LineEdit, MakeLink, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootmenu import CONFIG_LIMIT
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_matching, rewrite, truncate
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.files import FileKind

MACHINE_ID = "/etc/machine-id"
DBUS_MACHINE_ID = "/var/lib/dbus/machine-id"
POLICIES = ("empty", "uninitialized", "remove", "keep")
# machine-id(5): this text makes the next boot a first boot.
UNINITIALIZED = b"uninitialized\n"
# kernel-command-line(7), and where boot loaders keep that line.
ARGUMENT = re.compile(r"\s*\bsystemd\.machine_id=[^\s\"']+")
CMDLINES = (
    "/etc/default/grub",
    "/etc/default/grub.d/*.cfg",
    "/etc/kernel/cmdline",
    "/boot/{grub,grub2}/grub.cfg",
    "/boot/extlinux/extlinux.conf",
    "/{boot,efi,boot/efi}/loader/entries/*.conf",
)
# grub-editenv(1): a block of 1,024 bytes, filled up with "#", which GRUB writes to in place.
GRUBENV = "/boot/{grub,grub2}/grubenv"


@dataclass(frozen=True, slots=True)
class Params:
    """``policy`` is one of empty, uninitialized, remove, keep."""

    policy: str = "empty"

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ValueError(f"no such policy: {self.policy!r}; one of {', '.join(POLICIES)}")


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield what the policy asks for; a guest that is so already needs nothing."""
    if params.policy == "keep":
        return
    yield from _command_lines(guest.files)
    if params.policy == "remove":
        yield from remove_matching(guest.files, MACHINE_ID, DBUS_MACHINE_ID)
        return
    is_ready = guest.files.is_file(MACHINE_ID) and is_uninitialized(guest.files.read_bytes(MACHINE_ID))
    if params.policy == "empty" and not is_ready:
        yield from truncate(guest.files, MACHINE_ID)
    elif params.policy == "uninitialized" and guest.files.is_file(MACHINE_ID) and not is_ready:
        yield WriteFile(MACHINE_ID, UNINITIALIZED)
    yield from _dbus(guest)


def is_uninitialized(content: bytes) -> bool:
    """Whether the next boot is a first boot: the ID as with ``empty``, and more for the units (machine-id(5))."""
    return content.strip() == UNINITIALIZED.strip()


def _command_lines(files: GuestReader) -> Iterator[Change]:
    edit = LineEdit(ARGUMENT.pattern, "")
    for path in dict.fromkeys(match for pattern in CMDLINES for match in files.glob(pattern)):
        if files.is_file(path) and files.stat(path).size <= CONFIG_LIMIT:
            yield EditLines(files.resolve(path), (edit,))
    for path in files.glob(GRUBENV):
        if files.is_file(path) and files.stat(path).size <= CONFIG_LIMIT:
            text = files.read_text(path)
            yield from rewrite(files, path, ARGUMENT.sub("", text).ljust(len(text), "#"))


def _dbus(guest: Guest) -> Iterator[Change]:
    """D-Bus has its own copy on old guests; where systemd has one, a link keeps the two from differing."""
    stat = guest.files.lstat(DBUS_MACHINE_ID)
    if stat is None or stat.kind is not FileKind.FILE:
        return
    if guest.files.is_file(MACHINE_ID):
        yield MakeLink(guest.files.locate(DBUS_MACHINE_ID), MACHINE_ID)
    else:
        # Without systemd, dbus-uuidgen --ensure makes a new one at boot only if there is no file at all.
        yield from remove_matching(guest.files, DBUS_MACHINE_ID)


OPERATION = Operation(summary="Empty the machine ID", families=LINUX, plan=plan, params=Params)
