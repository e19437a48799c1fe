"""The commands of qemu-img that change an image that is there, one function each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imgtools.engine.confined.fence import Judged
from imgtools.engine.qemu.img.commands import Options, Secrets, dash_o, qemu_img
from imgtools.engine.qemu.nodes import Node, files_of
from imgtools.records.image import Layer
from imgtools.records.progress import Progress


def commit(node: Node, *, base: Path | None = None, rate: int = 0, progress: Progress | None = None) -> None:
    """Write what an overlay holds into its backing file, or into a deeper one; the overlay keeps it too.

    Cut short, it can simply be run again: the overlay still holds all of it.
    """
    words = ["-d", "-p", *(["-b", os.fspath(base)] if base else []), *(["-r", str(rate)] if rate else [])]
    words += ["--image-opts", node.opts]
    qemu_img("commit", words, writes=[node], secrets=node.secrets, progress=progress)


def empty(node: Node) -> None:
    """Commit an overlay once more, and drop its clusters, which its backing file holds now."""
    qemu_img("commit", ["-q", "--image-opts", node.opts], writes=[node], secrets=node.secrets)


def rebase(
    node: Node,
    backing: tuple[str, str] | None,
    *,
    opens: Sequence[Judged] = (),
    progress: Progress | None = None,
) -> None:
    """Give an overlay another backing file, or none; it reads the same afterwards. The link changes last.

    With a cache, QEMU 7.2 writes the new link while tables of what it has copied are still in its memory: killed in
    that moment, the copies are lost, and the image reads from the new base what the old one should have given. Writing
    through costs about twice the time and keeps the order.

    :param backing: the absolute path of the new backing file and its format.
    :param opens: all files that the new backing file consists of.
    """
    words = ["-p", "-t", "writethrough", "-b", backing[0] if backing else ""]
    words += ["-F", backing[1]] if backing else []
    words += ["--image-opts", node.opts]
    qemu_img("rebase", words, writes=[node], opens=opens, secrets=node.secrets, progress=progress)


def relink(node: Node, backing: tuple[str, str] | None) -> None:
    """Write another backing file's name into the header, and nothing else; no file is opened but the image."""
    words = ["-u", "-b", backing[0] if backing else "", *(["-F", backing[1]] if backing else [])]
    qemu_img("rebase", [*words, "--image-opts", node.opts], writes=[node], secrets=node.secrets)


def snapshot(node: Node, action: str, name: str) -> None:
    """Create (``-c``), apply (``-a``) or delete (``-d``) an internal snapshot."""
    qemu_img("snapshot", [action, name, "--image-opts", node.opts], writes=[node], secrets=node.secrets)


def amend(
    node: Node,
    options: Options,
    *,
    secrets: Secrets = (),
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Change what an image's header says of it: version, features, size, LUKS key slots."""
    words = ["-p", *(["--force"] if force else []), *dash_o(options), "--image-opts", node.opts]
    qemu_img("amend", words, writes=[node], secrets=(*node.secrets, *secrets), progress=progress)


def bitmap(
    node: Node,
    name: str,
    actions: Sequence[str],
    *,
    granularity: int | None = None,
    source: Sequence[Layer] = (),
) -> None:
    """Do one or more ``actions`` (``--add``, ``--merge`` and its name ...) on a persistent bitmap.

    :param source: the chain of another image whose bitmap is merged.
    """
    words = [*actions, *(["-g", str(granularity)] if granularity else [])]
    words += ["-b", os.fspath(source[0].host_path.absolute()), "-F", source[0].format] if source else []
    words += ["--image-opts", node.opts, "--", name]
    qemu_img("bitmap", words, writes=[node], opens=files_of(source), secrets=node.secrets)


def resize(
    node: Node, size: int, *, shrink: bool = False, preallocation: str = "", progress: Progress | None = None
) -> None:
    """Give a raw, qcow2, qed or luks image another virtual size, in bytes."""
    words = ["-q", *(["--shrink"] if shrink else [])]
    words += [f"--preallocation={preallocation}"] if preallocation else []
    words += ["--image-opts", node.opts, str(size)]
    qemu_img("resize", words, writes=[node], secrets=node.secrets, progress=progress)
