"""qemu-img on overlays: make one, commit it, turn it into a new image. Nodes are explicit, as everywhere.

An overlay is a qcow2 file that holds what was changed and nothing else. As long as nothing else writes to the image
it is a redo log: committing it again, also after a commit that was cut, gives the same image.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imgtools.engine.own_files import make_own
from imgtools.engine.qemu.img.running import images_fence, work
from imgtools.engine.qemu.nodes import chain_node, join_options, overlay_node, single_node
from imgtools.records.image import Layer
from imgtools.records.progress import Progress

HEADER_LENGTH, MOST_HEADER = (
    100,
    4096,
)  # where a qcow2 says how long its header is; bytes of that with extensions
FINE = 4096  # bytes; a cluster with an extended entry of its table has 32 parts
SIGNATURE = b"imgT" + (16).to_bytes(4, "big") + b"imgtools overlay"


def create_overlay(overlay: Path, image: Layer) -> None:
    """Make an empty overlay; the image's format is recorded in it, and the image is not opened.

    Clusters of 64 KiB, QEMU's default, cost least for a few small files: whole clusters are copied up.

    :raises NotOurs: there is something of that name.
    :raises HostError: the folder cannot be written.
    :raises NoRoom: there is no room in it.
    """
    if image.inside is not None:
        # QEMU takes the name of a file there for one that it shall open besides what its node says.
        _create(overlay, image.virtual_size, [])
        sign_overlay(overlay)
        return
    # The name is for people who look at the overlay; imgtools names the image itself, wherever both were moved.
    backing = os.fspath(image.host_path.absolute())
    options = join_options((("backing_file", backing), ("backing_fmt", image.format)))
    _create(overlay, image.virtual_size, ["-u", "-o", options])


def sign_overlay(overlay: Path) -> None:
    """Write into the header of a new overlay whose it is: one that names no image is told from a user's by that.

    Source: docs/interop/qcow2.txt of QEMU, header extensions: those of a type that a program does not know it keeps.
    """
    with overlay.open("r+b") as stream:
        head = stream.read(MOST_HEADER)
        at = int.from_bytes(head[HEADER_LENGTH : HEADER_LENGTH + 4], "big")
        while any(head[at : at + 4]):
            at += 8 + -(-int.from_bytes(head[at + 4 : at + 8], "big") // 8) * 8
        stream.seek(at)
        stream.write(SIGNATURE + bytes(8))


def create_scratch(overlay: Path, size: int, *, fine: bool = False) -> None:
    """Make an overlay that is thrown away; what lies below it, its node alone says.

    :param size: of what lies below it, in bytes.
    :param fine: for an overlay that says of each 4 KiB whether it reads as zeros; that takes an eight-thousandth of
        the disk's size at most.
    :raises NoRoom: there is no room in its folder.
    """
    _create(overlay, size, ["-o", f"extended_l2=on,cluster_size={FINE * 32}"] if fine else [])


def _create(overlay: Path, size: int, words: Sequence[str]) -> None:
    os.close(make_own(overlay))
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", *words, "--", os.fspath(overlay.absolute()), str(size)]
    work(argv, images_fence(writes=[overlay]))


def commit_overlay(overlay: Path, chain: Sequence[Layer], *, keep_open: Sequence[int] = ()) -> None:
    """Write what the overlay holds into the image. May be cut at any time and run again.

    :param keep_open: descriptors that the program inherits: a lock stays as long as it runs, also without us.
    :raises NoRoom: the host has no room; the image is half written.
    :raises ImageInUse: another program took the image; nothing was written.
    """
    node = overlay_node(overlay, chain_node(chain))
    argv = ["qemu-img", "commit", "-q", "-d", "--image-opts", node.opts]
    work(argv, images_fence(writes=[node]), pass_fds=keep_open)


def shrink_image(image: Layer, size: int, *, keep_open: Sequence[int] = ()) -> None:
    """Cut off an image behind ``size`` bytes. May be cut at any time and run again."""
    node = single_node(image)
    argv = ["qemu-img", "resize", "-q", "--shrink", "--image-opts", node.opts, str(size)]
    work(argv, images_fence(writes=[node]), pass_fds=keep_open)


def repair_leaks(image: Layer) -> None:
    """Free clusters of a qcow2 image that nothing uses, as a cut commit leaves them."""
    if image.format == "qcow2":
        # 3: leaks were found; they are repaired now.
        node = single_node(image)
        argv = ["qemu-img", "check", "-q", "-r", "leaks", "--image-opts", node.opts]
        work(argv, images_fence(writes=[node]), ok=(0, 3))


def convert_overlay(
    overlay: Path,
    chain: Sequence[Layer],
    target: Path,
    target_format: str,
    *,
    compress: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write overlay and image together into a new file of any format that QEMU writes.

    :raises NoRoom: the host has no room.
    """
    argv = ["qemu-img", "convert", "-O", target_format, *(["-c"] if compress else [])]
    argv += ["-p"] if progress else ["-q"]
    node = overlay_node(overlay, chain_node(chain))
    argv += ["--image-opts", node.opts, os.fspath(target.absolute())]
    work(argv, images_fence([node], [target]), progress=progress)
