"""A logical unit of an iSCSI target: QEMU's own driver reads it, by libiscsi (qemu-block-drivers(7))."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imgtools.engine.qemu.nodes import Node, iscsi_node
from imgtools.engine.remote.between import Between, Meaning
from imgtools.engine.remote.netrc_login import Login, find_login
from imgtools.engine.remote.through_qemu import qemu_between
from imgtools.errors import RemoteDenied, RemoteNotFound, RemoteTimeout, RemoteUnreachable
from imgtools.records.remote import Address, RemoteOptions

PORT = 3260  # IANA
INITIATOR = "iqn.2008-11.org.linux-kvm:imgtools"  # QEMU's own naming authority, and who asks
LOGIN = "it is read from ~/.netrc (or what NETRC names): machine HOST login USER password SECRET"
# What QEMU's block/iscsi.c passes on of libiscsi's lib/login.c, lib/socket.c and lib/scsi-lowlevel.c.
MEANINGS = (
    Meaning(
        ("Can not reconnect", "Connection refused"),
        RemoteUnreachable,
        "connection refused",
        "no target listens there",
    ),
    Meaning(("resolv",), RemoteUnreachable, "there is no host of that name", "check the name, and DNS"),
    Meaning(("Authentication", "CHAP"), RemoteDenied, "the target does not accept the login", LOGIN),
    Meaning(
        ("Authorization",), RemoteDenied, "the target does not let us in", "check its lists of initiators"
    ),
    Meaning(
        ("Target not found",), RemoteNotFound, "there is no such target", "iscsi-ls shows those of a host"
    ),
    Meaning(
        ("LOGICAL_UNIT_NOT_SUPPORTED",),
        RemoteNotFound,
        "the target has no such LUN",
        "iscsi-ls -s shows those of a host",
    ),
    Meaning(
        ("timed out", "TIMEOUT"),
        RemoteTimeout,
        "the target did not answer in time",
        "--remote-timeout SECONDS gives it longer",
    ),
)


@contextmanager
def started(address: Address, options: RemoteOptions) -> Iterator[Between]:
    """Start qemu-nbd for a logical unit. A login by CHAP is read from the file of logins.

    :raises RemoteDenied: a user is named, and there is no password for it.
    """
    login = find_login(address.host, address.user)
    if address.user and login is None:
        raise RemoteDenied(f"{address.shown}: there is no password for {address.user}", hint=LOGIN)
    with qemu_between(address, unit_node(address, options, login), MEANINGS) as between:
        yield between


def unit_node(address: Address, options: RemoteOptions, login: Login | None = None) -> Node:
    """Return the node of a logical unit."""
    target, _, lun = address.place.rpartition("/")
    host = f"[{address.host}]" if ":" in address.host else address.host
    portal = f"{host}:{address.port or PORT}"
    return iscsi_node(portal, target, lun, INITIATOR, max(1, round(options.timeout)), login)
