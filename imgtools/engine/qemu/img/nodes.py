"""How qemu-img is told which files make an image: as an explicit tree of nodes, never by a bare name.

A bare file name is not passed for an image that exists: QEMU would take ``nbd:x``, ``json:{}`` or ``a:b`` for a
protocol, guess formats, and open whatever the image names. The chain comes from
:func:`imgtools.disk.backing.examine`, which has judged every file of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgtools.errors import KeyNeeded
from imgtools.records.image import Layer
from imgtools.records.request import Key, Secret

# One node option after another, as --image-opts takes them: ("file.driver", "file") ...
NodeOptions = tuple[tuple[str, str], ...]
# Formats that can name a backing file; for the others QEMU does not know the option.
WITH_BACKING = frozenset({"qcow2", "qcow", "qed", "vmdk"})


@dataclass(frozen=True, slots=True)
class Node:
    """One image for qemu-img: node options, and the secrets that they name by id."""

    options: NodeOptions
    secrets: tuple[tuple[str, Secret], ...] = ()

    @property
    def opts(self) -> str:
        """The argument behind ``--image-opts``."""
        return join_options(self.options)

    def below(self, prefix: str) -> NodeOptions:
        """The options of this node as a child of another one."""
        return tuple((f"{prefix}.{name}", value) for name, value in self.options)


def join_options(options: Sequence[tuple[str, str]]) -> str:
    """Write options as ``name=value,name=value``; a comma in a value is doubled."""
    return ",".join(f"{name}={value.replace(',', ',,')}" for name, value in options)


def file_options(host_path: Path, prefix: str) -> NodeOptions:
    """Return the options of the protocol node for one host file or block device."""
    is_device = host_path.exists() and stat.S_ISBLK(host_path.stat().st_mode)
    driver = "host_device" if is_device else "file"
    return ((f"{prefix}.driver", driver), (f"{prefix}.filename", os.fspath(host_path.absolute())))


def layer_options(layer: Layer) -> NodeOptions:
    """Return the options of one layer without its backing file."""
    options = (("driver", layer.format), *file_options(layer.host_path, "file"))
    if layer.format == "qcow2" and layer.extents:
        options = (*options, *file_options(layer.extents[0], "data-file"))
    if layer.format == "vmdk":
        # QEMU makes these names itself from the descriptor, which was judged; here it learns that they are files.
        options = (*options, *((f"extents.{number}.driver", "file") for number in range(len(layer.extents))))
    return options


def single_node(layer: Layer, keys: Sequence[Key] = (), *, name: str = "key") -> Node:
    """Return the node of one layer, its backing file left out."""
    options = layer_options(layer)
    if layer.format in WITH_BACKING:
        options = (*options, ("backing", ""))
    secret, more = _secret(layer, keys, name)
    return Node((*options, *more), secret)


def chain_node(chain: Sequence[Layer], keys: Sequence[Key] = (), *, name: str = "key") -> Node:
    """Return the node of an image with its whole backing chain, so that QEMU follows no name by itself.

    :param name: begins the ids of secrets; two nodes of one command need different ones.
    :raises KeyNeeded: a layer is encrypted, and no key is for it.
    """
    options: list[tuple[str, str]] = []
    secrets: list[tuple[str, Secret]] = []
    for depth, layer in enumerate(chain):
        prefix = "backing." * depth
        secret, more = _secret(layer, keys, f"{name}{depth}")
        options += [(prefix + option, value) for option, value in (*layer_options(layer), *more)]
        secrets += secret
    if chain[-1].format in WITH_BACKING:
        # The end of the chain is ours to say: a header changed since it was read cannot prolong it.
        options.append(("backing." * len(chain[:-1]) + "backing", ""))
    return Node(tuple(options), tuple(secrets))


def window(node: Node, offset: int, size: int) -> Node:
    """Return a part of an image as a node of its own."""
    options = (("driver", "raw"), ("offset", str(offset)), ("size", str(size)), *node.below("file"))
    return Node(options, node.secrets)


def nbd_node(socket: str) -> Node:
    """Return the node of a disk that qemu-nbd serves on a unix socket."""
    return Node((("driver", "nbd"), ("server.type", "unix"), ("server.path", socket)))


def key_option(layer: Layer) -> str:
    """The option that takes the key of an encrypted layer; empty: it is not encrypted."""
    if not layer.encryption:
        return ""
    return "key-secret" if layer.format == "luks" else "encrypt.key-secret"


def _secret(
    layer: Layer, keys: Sequence[Key], identifier: str
) -> tuple[tuple[tuple[str, Secret], ...], NodeOptions]:
    option = key_option(layer)
    if not option:
        return (), ()
    wanted = {"image", "all", os.fspath(layer.host_path), layer.host_path.name}
    found = next((key.secret for key in keys if key.selector in wanted), None)
    if found is None:
        raise KeyNeeded(
            f"{layer.host_path} is an encrypted image and no key was given for it",
            hint="give the image's key with --key image:file:PATH",
        )
    return ((identifier, found),), ((option, identifier),)


@contextmanager
def secret_objects(secrets: Sequence[tuple[str, Secret]]) -> Iterator[tuple[list[str], list[int]]]:
    """Yield the ``--object`` arguments for some secrets and the descriptors they are read from.

    A secret lives in memory behind a descriptor: it is in no argument and has no name on any disk.
    """
    arguments: list[str] = []
    descriptors: list[int] = []
    try:
        for identifier, secret in secrets:
            descriptor = os.memfd_create("imgtools-key", os.MFD_CLOEXEC)
            descriptors.append(descriptor)
            os.write(descriptor, secret.reveal())
            arguments += ["--object", f"secret,id={identifier},file=/proc/self/fd/{descriptor}"]
        yield arguments, descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
