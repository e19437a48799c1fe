"""The node tree of an image in QEMU's words: every file and format of a chain, named one by one.

A tree that is told leaves QEMU nothing to guess from names or headers.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from imgtools.errors import BadImage, HostError, KeyNeeded
from imgtools.records.image import ImageInfo, Layer
from imgtools.records.request import Key, Secret

KEY_HINT = "give the image's key with --key image:file:PATH"


def layer_options(layer: Layer) -> list[tuple[str, str]]:
    """The options of one layer's format node and of the files below it."""
    options = [("driver", layer.format), *_file_options("file", layer.host_path)]
    if layer.format == "qcow2" and layer.extents:
        options += _file_options("data-file", layer.extents[0])
    if layer.format == "vmdk":
        # QEMU makes these names itself, from a descriptor that was checked; here it is told that they are
        # names of plain files, whatever they look like.
        options += [(f"extents.{number}.driver", "file") for number in range(len(layer.extents))]
    return options


def _file_options(child: str, host_path: Path) -> list[tuple[str, str]]:
    is_device = host_path.exists() and stat.S_ISBLK(host_path.stat().st_mode)
    driver = "host_device" if is_device else "file"
    return [(f"{child}.driver", driver), (f"{child}.filename", str(host_path.absolute()))]


def join_options(options: Sequence[tuple[str, str]]) -> str:
    """Options in QEMU's ``key=value,key=value`` form, with commas in values doubled."""
    return ",".join(f"{name}={value.replace(',', ',,')}" for name, value in options)


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
    raise BadImage(
        f"{info.source.host_path} has no internal snapshot {wanted!r}", hint=f"it has these: {known}"
    )


# -- encrypted images -------------------------------------------------------------------------------------


def key_option(layer: Layer) -> str:
    """The option that takes the key of an encrypted layer; empty: it is not encrypted."""
    if layer.format == "luks":
        return "key-secret"
    if layer.format != "qcow2":
        return ""
    try:
        with layer.host_path.open("rb") as stream:
            header = stream.read(36)
    except OSError as error:
        raise HostError(
            f"{layer.host_path}: {error.strerror}", hint="check the path and its permissions"
        ) from None
    # crypt_method, docs/interop/qcow2.txt: 0 none, 1 AES, 2 LUKS.
    method = int.from_bytes(header[32:36], "big")
    return "encrypt.key-secret" if method in (1, 2) else ""


def image_key(layer: Layer, info: ImageInfo, keys: Sequence[Key]) -> Secret:
    """The first key that is meant for this layer."""
    names = {"image", "all", str(layer.host_path), layer.host_path.name, str(info.source.host_path)}
    for key in keys:
        if key.selector in names:
            return key.secret
    raise KeyNeeded(f"{layer.host_path} is an encrypted image and no key was given for it", hint=KEY_HINT)
