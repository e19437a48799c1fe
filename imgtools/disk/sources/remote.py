"""An image on another machine, which the user has named by a URI and allowed with ``--remote``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from imgtools.disk.backing import RAW_NAMES
from imgtools.engine.remote.address import parse_address
from imgtools.errors import RemoteNotAllowed
from imgtools.records.image import DiskSource, Inside
from imgtools.records.remote import Address, RemoteFacts

if TYPE_CHECKING:
    from imgtools.disk.sources.opening import Work

# What is served there is a disk as a guest sees it, whatever it begins with; of files, the name says so.
DISKS = frozenset({"nbd", "nbds", "nbd+unix", "iscsi", "rbd"})
RAW = ".raw"
_KINDS = {"nbds": "NBD over TLS", "nbd+unix": "NBD", "ssh": "SSH", "iscsi": "iSCSI"}
_WAYS = {
    "http": "in pieces, each of the version that was opened",
    "ssh": "in pieces, by SFTP",
    "iscsi": "in pieces, by QEMU's driver",
    "rbd": "in pieces, by QEMU's driver",
}


def open_remote(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """Serve an image of another machine here.

    :raises RemoteNotAllowed: nobody has said that the network may be used.
    :raises ImgtoolsError: as :func:`imgtools.engine.remote.serve.serve_remote`.
    """
    address = parse_address(source.uri)
    if source.remote is None:
        raise RemoteNotAllowed(
            f"{address.shown} is not on this host, and the network is used only where you say so",
            hint="--remote says so",
        )
    from imgtools.engine.remote.serve import serve_remote

    served = work.stack.enter_context(serve_remote(source.uri, source.remote, file_name(address)))
    facts = served.facts
    inside = Inside(
        facts.uri,
        facts.size,
        is_whole=True,
        socket=served.socket,
        remote=True,
        kind=_KINDS.get(address.scheme, address.scheme.upper()),
        how=_WAYS.get(address.scheme.removesuffix("s"), "in pieces"),
        facts=tuple(_told(facts)),
    )
    return (replace(source, host_path=Path(served.socket), uri="", inside=inside),)


def file_name(address: Address) -> str:
    """What our socket is called: it ends as the image does, by which raw disks are known."""
    suffix = PurePosixPath(address.place).suffix.lower()
    if address.scheme in DISKS or suffix in RAW_NAMES:
        return f"remote{RAW}"
    return "remote"


def _told(facts: RemoteFacts) -> Iterator[tuple[str, str]]:
    """What the server says of the image."""
    for name, value in (("etag", facts.etag), ("modified", facts.modified), ("server", facts.server)):
        if value:
            yield name, value
