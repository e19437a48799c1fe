"""Take the machine ID away, so that every clone makes its own when it first boots.

The policy says what is left behind: ``empty`` (systemd makes an ID at boot and counts the boot as the first only
if the file said so), ``uninitialized`` (systemd also runs its first-boot units), ``remove``, or ``keep``. Nothing
else in imgtools ever writes a machine ID.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.guest import Guest
from imgtools.image.change import Change, MakeLink, WriteFile
from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import remove_matching, truncate
from imgtools.records import FileKind

MACHINE_ID = "/etc/machine-id"
DBUS_MACHINE_ID = "/var/lib/dbus/machine-id"
POLICIES = ("empty", "uninitialized", "remove", "keep")
# machine-id(5): this text makes the next boot a first boot.
UNINITIALIZED = b"uninitialized\n"


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
    if params.policy == "remove":
        yield from remove_matching(guest.files, MACHINE_ID, DBUS_MACHINE_ID)
        return
    if params.policy == "empty":
        yield from truncate(guest.files, MACHINE_ID)
    elif guest.files.is_file(MACHINE_ID) and guest.files.read_bytes(MACHINE_ID) != UNINITIALIZED:
        yield WriteFile(MACHINE_ID, UNINITIALIZED)
    yield from _dbus(guest)


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
