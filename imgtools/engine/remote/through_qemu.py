"""A remote disk that QEMU's own driver reads: qemu-nbd as the program between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgtools.engine.listening_server import listening_server
from imgtools.engine.process import Fence, Kind, require
from imgtools.engine.qemu.block import FLAGS, sentence
from imgtools.engine.qemu.nodes import Node, secret_objects
from imgtools.engine.remote.between import NETWORK_SETTINGS, Between, Meaning, Words
from imgtools.errors import ToolMissing
from imgtools.records.remote import Address

PACKAGE = "qemu-block-extra"


@contextmanager
def qemu_between(
    address: Address, node: Node, meanings: Sequence[Meaning], reads: Sequence[Path] = ()
) -> Iterator[Between]:
    """Start qemu-nbd for a node that a driver of QEMU reads over the network.

    :param reads: what the driver reads of this host.
    """
    missing = Meaning(("Unknown driver", "Unknown protocol"), ToolMissing, *_no_driver(address.scheme))
    with secret_objects(node.secrets) as (objects, secrets):
        argv = [require("qemu-nbd"), *FLAGS, *objects, "--image-opts", node.opts]
        fence = Fence(Kind.VISITOR, (*map(Path, NETWORK_SETTINGS), *reads))
        with listening_server(argv, fence, secrets) as server:
            yield Between(server.socket, Words(server, address, (missing, *meanings), _complaints).named)


def _no_driver(scheme: str) -> tuple[str, str]:
    return f"QEMU's driver of {scheme} is not installed", f"apt-get install {PACKAGE}"


def _complaints(said: str) -> list[str]:
    return [sentence(said)] if said.strip() else []
