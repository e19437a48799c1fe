"""Have network interfaces ask DHCP for their address, by whatever configures the guest's network.

``interface`` names them, separated by commas; without it they are all that the guest's files name. What they were set
to goes, also the address of the card (MAC) that a clone does not have, and udev's list of names that old cards had
(70-persistent-net.rules). As ``imgtools customize --interface NAME=dhcp``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from imgtools.change.change import Change, Remove
from imgtools.change.sequence import ChangeSequence
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.network.configured import configured_interfaces
from imgtools.guest.network.interface import parse_interface
from imgtools.guest.network.interface_kind import require_plain
from imgtools.ops.interface_plans import set_interface
from imgtools.ops.linux_repairs import only_what_differs
from imgtools.ops.operation import LINUX, Operation

PINNED = ("/etc/udev/rules.d/70-persistent-net.rules",)


@dataclass(frozen=True, slots=True)
class Params:
    """``interface``: names such as eth0; without them all that the guest's files name."""

    interface: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.interface:
            try:
                parse_interface(f"{name}=dhcp")
            except UsageError as error:
                raise ValueError(error.message) from None


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the files of whatever configures the network, as far as they do not say so already.

    :raises UnsupportedGuest: that is not known here, no interface is named, or one that is named is no plain card.
    """
    names = params.interface or _plain_ones(guest)
    if not names:
        raise UnsupportedGuest(
            "the guest's files name no network card", hint="say it: --set network-dhcp.interface=eth0"
        )
    sequence = ChangeSequence(guest.files)
    for name in names:
        now = replace(guest, files=sequence.files)
        changes = set_interface(now, parse_interface(f"{name}=dhcp"))
        sequence.add(only_what_differs(now.files, changes))
    for path in PINNED:
        if guest.files.is_file(path):
            sequence.add([Remove(path, size=guest.files.stat(path).size)])
    yield from only_what_differs(guest.files, sequence.changes)


def _plain_ones(guest: Guest) -> tuple[str, ...]:
    """The cards; bridges, bonds and the like are left as they are."""
    found = []
    for name in configured_interfaces(guest.files):
        try:
            require_plain(guest.files, name)
        except UnsupportedGuest:
            continue
        found.append(name)
    return tuple(found)


OPERATION = Operation(
    summary="Have network interfaces ask DHCP for their address",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
)
