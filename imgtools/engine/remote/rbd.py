"""An image of a Ceph cluster: QEMU's own driver reads it, by librbd (qemu-block-drivers(7)).

Monitors, user and keyring are those of ceph.conf: nothing of them is in an argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgtools.engine.qemu.nodes import Node, rbd_node
from imgtools.engine.remote.between import Between, Meaning
from imgtools.engine.remote.through_qemu import qemu_between
from imgtools.errors import RemoteDenied, RemoteNotFound, RemoteTimeout, RemoteUnreachable, UsageError
from imgtools.records.remote import Address, RemoteOptions

SETTINGS = Path("/etc/ceph")
# What QEMU's block/rbd.c says, with the host's words for an error number.
MEANINGS = (
    Meaning(
        ("error connecting: No such file", "DNS SRV"),
        RemoteUnreachable,
        "no monitor of the cluster is known",
        "ceph.conf names them (mon_host); rbd:POOL/IMAGE:conf=FILE names another one",
    ),
    Meaning(
        ("error connecting: Connection timed out",),
        RemoteTimeout,
        "the monitors of the cluster did not answer in time",
        "client_mount_timeout of ceph.conf, and --remote-timeout, say how long",
    ),
    Meaning(
        ("error connecting: Permission denied", "error connecting: Operation not permitted"),
        RemoteDenied,
        "the cluster does not accept the key",
        "ceph.conf names the keyring; rbd:POOL/IMAGE:id=USER names another user",
    ),
    Meaning(
        ("error reading conf file",),
        UsageError,
        "its ceph.conf cannot be read",
        "rbd:POOL/IMAGE:conf=FILE names another one",
    ),
    Meaning(("error opening pool",), RemoteNotFound, "the cluster has no such pool", "ceph osd pool ls"),
    Meaning(("error reading header",), RemoteNotFound, "the pool has no such image", "rbd ls POOL"),
)


@contextmanager
def started(address: Address, _options: RemoteOptions) -> Iterator[Between]:
    """Start qemu-nbd for an image of a cluster."""
    conf = address.option("conf")
    reads = (SETTINGS, *((Path(conf).absolute(), Path(conf).absolute().parent) if conf else ()))
    with qemu_between(address, image_node(address), MEANINGS, reads) as between:
        yield between


def image_node(address: Address) -> Node:
    """Return the node of an image: ``POOL/[NAMESPACE/]IMAGE[@SNAPSHOT]``."""
    place, _, snapshot = address.place.partition("@")
    pool, *namespace, image = place.split("/")
    conf = address.option("conf")
    return rbd_node(
        pool,
        image,
        namespace="".join(namespace),
        snapshot=snapshot,
        user=address.user,
        conf=str(Path(conf).absolute()) if conf else "",
    )
