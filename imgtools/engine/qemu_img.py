"""qemu-img, with every image given as an explicit tree of nodes.

A bare file name is never passed for an image that exists: QEMU would take ``nbd:x``, ``json:{}`` or ``a:b`` for a
protocol, guess formats, and open whatever the image names. The chain comes from
:func:`imgtools.image.backing.examine`, which has judged every file of it.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgtools.engine.process import UNTRUSTED, Limits, ToolFailed, run
from imgtools.errors import BadImage, EngineFailed
from imgtools.records import Layer

# One node option after another, as --image-opts takes them: ("file.driver", "file") ...
NodeOptions = tuple[tuple[str, str], ...]


def file_options(host_path: Path, prefix: str) -> NodeOptions:
    """Return the options of the protocol node for one host file or block device."""
    driver = "host_device" if stat.S_ISBLK(host_path.stat().st_mode) else "file"
    return ((f"{prefix}.driver", driver), (f"{prefix}.filename", os.fspath(host_path)))


def layer_options(layer: Layer) -> NodeOptions:
    """Return the options of one layer without its backing file."""
    options = (("driver", layer.format), *file_options(layer.host_path, "file"))
    if layer.format == "qcow2" and layer.extents:
        return (*options, *file_options(layer.extents[0], "data-file"))
    return options


def chain_options(chain: Sequence[Layer]) -> NodeOptions:
    """Return the options of an image with its whole backing chain, so that QEMU follows no name by itself."""
    options: list[tuple[str, str]] = []
    for depth, layer in enumerate(chain):
        prefix = "backing." * depth
        options += [(prefix + name, value) for name, value in layer_options(layer)]
    return tuple(options)


def image_opts(options: NodeOptions) -> str:
    """Write node options as the argument behind ``--image-opts``; a comma in a value is doubled."""
    return ",".join(f"{name}={value.replace(',', ',,')}" for name, value in options)


@dataclass(frozen=True, slots=True)
class Facts:
    """What ``qemu-img info`` tells of one layer beyond its header."""

    virtual_size: int
    dirty: bool
    details: tuple[tuple[str, str], ...]


def info(layer: Layer, *, limits: Limits = UNTRUSTED) -> Facts:
    """Ask ``qemu-img info`` about one layer; its backing file is not opened, a writer elsewhere does not matter.

    :raises BadImage: QEMU cannot open it, or crashes on it.
    """
    argv = ["qemu-img", "info", "--output=json", "-U", "--image-opts", image_opts(layer_options(layer))]
    try:
        told = read_json(run(argv, limits=limits).stdout)
    except ToolFailed as error:
        raise BadImage(
            f"QEMU cannot open {layer.host_path} as {layer.format}: {reason(error)}",
            hint="the image is damaged, or made to do harm",
        ) from None
    specific = told.get("format-specific", {}).get("data", {})
    details = tuple(_flatten({"cluster-size": told["cluster-size"]} if "cluster-size" in told else {}))
    return Facts(
        virtual_size=int(told["virtual-size"]),
        dirty=bool(told.get("dirty-flag", False)),
        details=(*details, *_flatten(specific)),
    )


def read_json(text: bytes) -> dict[str, Any]:  # Any: JSON
    """Parse one JSON object that qemu-img wrote.

    :raises EngineFailed: it is not one.
    """
    try:
        told = json.loads(text)
    except ValueError:
        raise EngineFailed("qemu-img wrote no JSON") from None
    if not isinstance(told, dict):
        raise EngineFailed("qemu-img wrote no JSON object")
    return told


def _flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:  # Any: JSON
    """Return nested JSON as names with dots: ``encrypt.format``, ``bitmaps.0.name``."""
    if isinstance(value, dict):
        pairs: list[tuple[str, Any]] = list(value.items())
    elif isinstance(value, list):
        pairs = [(str(index), item) for index, item in enumerate(value)]
    else:
        return [(prefix, str(value).lower() if isinstance(value, bool) else str(value))]
    return [row for name, item in pairs for row in _flatten(item, f"{prefix}.{name}" if prefix else name)]


def reason(error: ToolFailed) -> str:
    """Return what qemu-img says went wrong, without its own name and the node that it repeats."""
    text = error.done.complaint.removeprefix("qemu-img: ")
    if text.startswith("Could not open '") and "': " in text:
        text = text.rpartition("': ")[2] if text.count("': ") == 1 else text.partition("': ")[2]
    return text
