"""What QEMU may open: the node tree of an image, every file and format of it named one by one.

This is the only place that says it, for qemu-nbd, qemu-img and qemu-storage-daemon alike. A bare file name is passed
for no image that exists: QEMU would take ``nbd:x``, ``json:{}`` or ``a:b`` for a protocol, guess formats, and open
whatever the image names. The chain comes from :func:`imgtools.disk.backing.examine`, which has judged every file of it.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from imgtools.engine.confined.fence import Judged
from imgtools.errors import BadImage, KeyNeeded
from imgtools.records.image import ImageInfo, Layer
from imgtools.records.request import Secret

# One node option after another, as --image-opts takes them: ("file.driver", "file") ...
NodeOptions = tuple[tuple[str, str], ...]
# Tells the key of an encrypted layer; raises KeyNeeded where there is none.
KeyOf = Callable[[Layer], Secret]
# Formats that can name a backing file; for the others QEMU does not know the option.
WITH_BACKING = frozenset({"qcow2", "qcow", "qed", "vmdk"})
NUMBERS = frozenset({"offset", "size"})  # options that QMP wants as numbers
SWITCHES = frozenset({"no-flush", "read-only", "force-share"})  # and these as true or false
SECTOR = 512  # bytes
LOWEST = 10  # of the descriptors of secrets: those below belong to the keepers of our servers
KEY_HINT = "give the image's key with --key image:file:PATH"


class Node(NamedTuple):
    """One disk for a program of QEMU: node options, the secrets that they name by id, and the files behind it.

    ``judged`` are the files that were looked at, also those that no option names because QEMU makes the names itself:
    a vmdk's extents.
    """

    options: NodeOptions
    secrets: tuple[tuple[str, Secret], ...] = ()
    judged: tuple[Judged, ...] = ()

    @property
    def files(self) -> tuple[Path | Judged, ...]:
        """Every host file that the node consists of; a program that works on it gets these and no others."""
        known = {judged.path for judged in self.judged}
        named = (Path(value) for option, value in self.options if option.rpartition(".")[2] == "filename")
        return (*self.judged, *(path for path in named if path not in known))

    @property
    def sockets(self) -> tuple[Path, ...]:
        """The unix sockets of servers that the node is a client of."""
        return tuple(Path(value) for option, value in self.options if option.endswith("server.path"))

    @property
    def opts(self) -> str:
        """The argument behind ``--image-opts`` of qemu-img and qemu-nbd."""
        return join_options(self.options)

    def blockdev(self, name: str, *, flushes: bool = False) -> str:
        """The argument behind ``--blockdev`` of qemu-storage-daemon, where the node is called ``name``.

        Guests' flushes stop there: an overlay is worth nothing before its transaction syncs it as a whole. The daemon
        knows no option for a vmdk's extents and opens them by the names that were judged, which are those of files.

        :param flushes: for an image that is written in place: the order of its tables on the disk has to be kept.
        """
        kept = (pair for pair in self.options if "extents" not in pair[0].split("."))
        cache = () if flushes else (("cache.no-flush", "on"),)
        return join_options((("node-name", name), *cache, *kept))

    def read_only(self) -> Node:
        """Return the node for who only reads it."""
        return self.plus(("read-only", "on"))

    def qmp(self, name: str) -> dict[str, object]:
        """The arguments of ``blockdev-add``, which calls the node ``name``."""
        tree: dict[str, object] = {"node-name": name}
        for option, value in self.options:
            place, words = tree, option.split(".")
            for word in words[:-1]:
                inner = place.setdefault(word, {})
                assert isinstance(inner, dict)
                place = inner
            last = words[-1]
            place[last] = int(value) if last in NUMBERS else value == "on" if last in SWITCHES else value
        return tree

    def below(self, prefix: str) -> NodeOptions:
        """The options of this node as a child of another one."""
        return tuple((f"{prefix}.{name}", value) for name, value in self.options)

    def plus(self, *options: tuple[str, str]) -> Node:
        """Return the node with more options."""
        return self._replace(options=(*self.options, *options))


def join_options(options: Sequence[tuple[str, str]]) -> str:
    """Write options as ``name=value,name=value``; a comma in a value is doubled."""
    return ",".join(f"{name}={value.replace(',', ',,')}" for name, value in options)


# -- images -----------------------------------------------------------------------------------------------


def no_key(layer: Layer) -> Secret:
    """Say that an encrypted layer needs a key.

    :raises KeyNeeded: always.
    """
    raise KeyNeeded(f"{layer.name} is an encrypted image and no key was given for it", hint=KEY_HINT)


def chain_node(chain: Sequence[Layer], key_of: KeyOf = no_key, *, name: str = "key") -> Node:
    """Return the node of an image with its whole backing chain, so that QEMU follows no name by itself.

    :param name: begins the ids of secrets; two nodes of one command need different ones.
    :raises KeyNeeded: a layer is encrypted, and no key is for it.
    """
    options: list[tuple[str, str]] = []
    secrets: list[tuple[str, Secret]] = []
    for depth, layer in enumerate(chain):
        prefix, key_name = "backing." * depth, f"{name}{depth}"
        options += [(prefix + option, value) for option, value in _layer_options(layer, key_name)]
        if layer.encryption:
            secrets.append((key_name, key_of(layer)))
    if chain[-1].format in WITH_BACKING:
        # The end of the chain is ours to say: a header changed since it was read cannot prolong it.
        options.append(("backing." * len(chain[:-1]) + "backing", ""))
    return Node(tuple(options), tuple(secrets), files_of(chain))


def single_node(layer: Layer, key_of: KeyOf = no_key, *, name: str = "key") -> Node:
    """Return the node of one layer, its backing file left out."""
    return chain_node([layer], key_of, name=name)


def metadata_node(layer: Layer) -> Node:
    """Return the node of one layer for a question that its header answers: without a key and without an end.

    ``qemu-img info`` opens no backing file, and knows no option for one that it does not open.
    """
    return Node(_layer_options(replace(layer, encryption=""), ""), judged=files_of([layer]))


def files_of(chain: Sequence[Layer]) -> tuple[Judged, ...]:
    """Return every host file that an image with its backing chain consists of, and which files they were."""
    found = []
    for layer in chain:
        known = {path: (device, inode) for path, device, inode in layer.judged}
        for path in (*_holders(layer), *(extent.absolute() for extent in layer.extents)):
            found.append(Judged(path, known.get(path)))
    return tuple(found)


def _holders(layer: Layer) -> tuple[Path, ...]:
    """The host file with the bytes of a layer; none where a server of ours has them."""
    inside = layer.inside
    if inside is not None and inside.socket:
        return ()
    return (((inside.path if inside else None) or layer.host_path).absolute(),)


def plain_node(host_path: Path, format: str) -> Node:
    """Return the node of a file that stands alone: an image that we have just made, a device, any file as raw."""
    return Node((("driver", format), *_file_options(host_path, "file")))


def _layer_options(layer: Layer, key_name: str) -> NodeOptions:
    """The options of one layer without its backing file."""
    options = [("driver", layer.format), *_bytes_node(layer).below("file")]
    if layer.format == "qcow2" and layer.extents:
        options += _file_options(layer.extents[0], "data-file")
    if layer.format == "vmdk":
        # QEMU makes these names itself, from a descriptor that was judged; here it learns that they are names of
        # plain files, whatever they look like.
        options += [(f"extents.{number}.driver", "file") for number in range(len(layer.extents))]
    if layer.encryption and layer.format == "luks":
        options += [("key-secret", key_name)]
    elif layer.encryption:
        options += [("encrypt.format", layer.encryption), ("encrypt.key-secret", key_name)]
    return tuple(options)


def _bytes_node(layer: Layer) -> Node:
    """The node with the bytes of a layer: its file, a stretch of one, or what a server of ours has."""
    inside = layer.inside
    if inside is None:
        return Node(_file_options(layer.host_path, ""))
    holder = nbd_node(inside.socket) if inside.socket else Node(_file_options(_holders(layer)[0], ""))
    # QEMU takes whole sectors only; where a disk ends within one, its holder has more.
    size = -(-inside.size // SECTOR) * SECTOR
    return window(holder, inside.offset, size) if not inside.is_whole else holder


def _file_options(host_path: Path, prefix: str) -> NodeOptions:
    """The options of the protocol node for one host file or block device."""
    is_device = host_path.exists() and stat.S_ISBLK(host_path.stat().st_mode)
    driver = "host_device" if is_device else "file"
    start = prefix and f"{prefix}."
    return ((f"{start}driver", driver), (f"{start}filename", os.fspath(host_path.absolute())))


# -- nodes upon nodes -------------------------------------------------------------------------------------


def overlay_node(overlay: Path, below: Node) -> Node:
    """Return the node of a qcow2 overlay on top of another node."""
    return Node((*plain_node(overlay, "qcow2").options, *below.below("backing")), below.secrets, below.judged)


def upon(image: Node, file: Node) -> Node:
    """Return an image whose bytes are those of another node instead of its own file's."""
    driver, *others = image.options
    kept = (pair for pair in others if not pair[0].startswith("file."))
    secrets, judged = (*image.secrets, *file.secrets), (*image.judged, *file.judged)
    return Node((driver, *file.below("file"), *kept), secrets, judged)


def window(node: Node, offset: int, size: int) -> Node:
    """Return a part of a disk as a node of its own; ``offset`` and ``size`` are bytes."""
    options = (("driver", "raw"), ("offset", str(offset)), ("size", str(size)), *node.below("file"))
    return Node(options, node.secrets, node.judged)


def window_of_named(name: str, offset: int, size: int) -> Node:
    """Return a part of a node that the storage daemon has already, by its name."""
    return Node((("driver", "raw"), ("offset", str(offset)), ("size", str(size)), ("file", name)))


def nbd_node(socket: str, export: str = "") -> Node:
    """Return the node of a disk that a server has on a unix socket."""
    options = (("driver", "nbd"), ("server.type", "unix"), ("server.path", socket))
    return Node((*options, ("export", export)) if export else options)


def iscsi_node(
    portal: str, target: str, lun: str, initiator: str, timeout: int, login: tuple[str, Secret] | None = None
) -> Node:
    """Return the node of a logical unit of an iSCSI target.

    :param portal: HOST:PORT.
    :param timeout: seconds.
    :param login: user and password of CHAP.
    """
    options = (
        *(("driver", "raw"), ("file.driver", "iscsi"), ("file.transport", "tcp"), ("file.portal", portal)),
        *(("file.target", target), ("file.lun", lun), ("file.initiator-name", initiator)),
        ("file.timeout", str(timeout)),
    )
    if login is None:
        return Node(options)
    named = (("file.user", login[0]), ("file.password-secret", "login"))
    return Node((*options, *named), (("login", login[1]),))


def rbd_node(
    pool: str, image: str, *, namespace: str = "", snapshot: str = "", user: str = "", conf: str = ""
) -> Node:
    """Return the node of an image of a Ceph cluster; ``conf`` is another file than the host's ceph.conf."""
    options = [("driver", "raw"), ("file.driver", "rbd"), ("file.pool", pool), ("file.image", image)]
    more = (("namespace", namespace), ("snapshot", snapshot), ("user", user), ("conf", conf))
    return Node((*options, *((f"file.{name}", value) for name, value in more if value)))


def bare_driver(name: str) -> str:
    """Return a node that names its driver and nothing else: it opens nothing, and tells whether QEMU has the driver."""
    return f"driver={name}"


def throw_away_node(overlay: Path, socket: str) -> Node:
    """Return an overlay on a disk that a server has on a unix socket: what is written stays in the overlay."""
    return overlay_node(overlay, nbd_node(socket))


def scsi_disk(name: str, target: int, sector_size: int) -> dict[str, object]:
    """Return the arguments of ``device_add`` for a node by its name as a SCSI disk with sectors of so many bytes."""
    sizes = {"logical_block_size": sector_size, "physical_block_size": sector_size}
    return {"driver": "scsi-hd", "drive": name, "scsi-id": target, **sizes}


def luks_node(node: Node, key: Secret) -> Node:
    """Return what is in a LUKS1 volume that another node holds."""
    options = (("driver", "luks"), ("key-secret", "volume"), *node.below("file"))
    return Node(options, (*node.secrets, ("volume", key)), node.judged)


def discarding(image: Node) -> Node:
    """Return an image's node that gives room back to the host where it is told that bytes are not needed."""
    return image.plus(("discard", "unmap"), ("file.discard", "unmap"))


def shared_below(overlay: Node) -> Node:
    """Return an overlay's node for an image that another program writes to, as a running guest does."""
    return overlay.plus(("backing.read-only", "on"), ("backing.force-share", "on"))


# -- what goes with a node --------------------------------------------------------------------------------


def snapshot_option(info: ImageInfo) -> str:
    """The internal snapshot in qemu-nbd's words: by id where one has it, else by name."""
    wanted = info.source.snapshot
    for snapshot in info.snapshots:
        if snapshot.id == wanted:
            return join_options([("snapshot.id", snapshot.id)])
    for snapshot in info.snapshots:
        if snapshot.name == wanted:
            return join_options([("snapshot.id", snapshot.id), ("snapshot.name", snapshot.name)])
    known = ", ".join(snapshot.name or snapshot.id for snapshot in info.snapshots) or "none"
    raise BadImage(f"{info.source.name} has no internal snapshot {wanted!r}", hint=f"it has these: {known}")


@contextmanager
def secret_objects(secrets: Sequence[tuple[str, Secret]]) -> Iterator[tuple[list[str], list[int]]]:
    """Yield the ``--object`` arguments for some secrets and the descriptors they are read from.

    A secret lives in memory behind a descriptor: it is in no argument and has no name on any disk.
    """
    arguments: list[str] = []
    descriptors: list[int] = []
    try:
        for identifier, secret in secrets:
            descriptor = _in_memory(secret)
            descriptors.append(descriptor)
            arguments += ["--object", f"secret,id={identifier},file=/proc/self/fd/{descriptor}"]
        yield arguments, descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _in_memory(secret: Secret) -> int:
    unnumbered = os.memfd_create("imgtools-key", os.MFD_CLOEXEC)
    try:
        os.write(unnumbered, secret.reveal())
        return fcntl.fcntl(unnumbered, fcntl.F_DUPFD_CLOEXEC, LOWEST)
    finally:
        os.close(unnumbered)
