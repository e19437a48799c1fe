"""A disk image as a file: what is asked of it and done to it without looking at what the guest keeps on it.

:func:`open_disk` is the door: every file of the chain is judged before qemu-img sees one. What changes an image
is in :mod:`imgtools.disk.table_edit` (its tables) and in the functions that say so here (its data).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgtools.disk.backing import THOROUGH, examine
from imgtools.disk.in_use import refuse_held, refuse_in_use
from imgtools.disk.raw_copy.copy import RawTarget, Target, can_copy, copy_plain
from imgtools.disk.raw_copy.new_qcow2 import MOST, Qcow2Target
from imgtools.disk.sources.opening import refuse_sources
from imgtools.disk.transaction.marker import refuse_unfinished
from imgtools.disk.transaction.may_edit import refuse_running_domain
from imgtools.engine.confined.fence import Judged
from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.keys import ANYTHING, names_image
from imgtools.engine.qemu.img import changes, commands, mapping
from imgtools.engine.qemu.img.commands import Checked, Compared, Conversion, Measured, Timing
from imgtools.engine.qemu.img.mapping import Extent
from imgtools.engine.qemu.nodes import Node, chain_node, files_of, nbd_node, plain_node, single_node, window
from imgtools.engine.qemu.unlock import Keyring
from imgtools.errors import EngineFailed, UsageError
from imgtools.records.image import DiskSource, ImageInfo, Layer
from imgtools.records.progress import Progress
from imgtools.records.request import Backing, ImageRequest, Key, Secret
from imgtools.records.system import Warned

__all__ = [
    "Checked",
    "Compared",
    "Conversion",
    "Disk",
    "Extent",
    "Keyring",
    "Measured",
    "Node",
    "Progress",
    "Timing",
    "files_of",
    "open_disk",
    "plain_node",
]

SECTOR = 512  # bytes, in which qemu-img compares
# bytes of a disk: where nothing is stored, QEMU still looks at every 512 MiB of it, some million in a second
LARGEST_WALK = 1 << 50
# What is made without qemu-img.
_PLAIN: dict[str, Callable[[int, int], Target]] = {"raw": RawTarget, "qcow2": Qcow2Target}


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk image, examined; ``keys`` open it where it is encrypted."""

    info: ImageInfo
    keys: Keyring = field(default_factory=Keyring)
    shared: bool = False  # another program may write to it meanwhile
    alone: bool = False  # its backing files were not looked at, and are not opened

    @property
    def host_path(self) -> Path:
        """The file, as the user named it."""
        return self.info.source.host_path

    @property
    def name(self) -> str:
        """What messages and JSON call it."""
        return self.info.source.name

    @property
    def top(self) -> Layer:
        """The image itself, without its backing files."""
        return self.info.chain[0]

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What one should know of it, and the keys that are given for nothing."""
        return (*self.info.source.notes, *self.info.warnings, *key_warnings(self))

    @property
    def snapshot(self) -> str | None:
        """The internal snapshot that is meant instead of the present state, as qemu-img's ``-l`` takes it."""
        wanted = self.info.source.snapshot
        if wanted is None:
            return None
        found = next((one for one in self.info.snapshots if wanted == one.id), None)
        found = found or next(one for one in self.info.snapshots if wanted == one.name)
        return f"snapshot.id={found.id}"

    def node(self, name: str = "key") -> Node:
        """Return the image with its whole chain for qemu-img."""
        return self._as_asked(chain_node(self.info.chain, self.keys.key_for, name=name))

    def single(self) -> Node:
        """Return the image without its backing files."""
        return self._as_asked(single_node(self.top, self.keys.key_for))

    def _as_asked(self, node: Node) -> Node:
        return node.plus(("force-share", "on")) if self.shared else node

    @contextmanager
    def reading(self, name: str = "key") -> Iterator[Node]:
        """Yield a node that reads what is meant: the present state, or the internal snapshot that was asked for."""
        with ExitStack() as stack:
            if self.info.source.snapshot is None:
                yield self.node(name)
            else:  # qemu-img has no node for a snapshot; qemu-nbd serves one
                from imgtools.engine.qemu.block import serve_disk

                yield nbd_node(stack.enter_context(serve_disk(self.info, self.keys)).socket)

    # -- questions ---------------------------------------------------------------------------------------------

    def map_stream(
        self, *, start: int = 0, length: int | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Yield the bytes that ``qemu-img map --output=json`` prints."""
        self._refuse_snapshot("map")
        return mapping.map_stream(self.node(), start=start, length=length)

    def extents(self, *, start: int = 0, length: int | None = None) -> Iterator[Extent]:
        """Yield what lies where, in order: data, zeros, holes, and which layer holds it."""
        self._refuse_snapshot("map")
        return mapping.map_extents(self.node(), start=start, length=length)

    @property
    def virtual_size(self) -> int:
        """The disk's size in bytes, or what it was at the internal snapshot that is meant."""
        wanted = self.snapshot
        sizes = (one.virtual_size for one in self.info.snapshots if wanted == f"snapshot.id={one.id}")
        return next(sizes, None) or self.info.virtual_size

    @contextmanager
    def extents_read(self) -> Iterator[Iterator[Extent]]:
        """Yield what lies where in what is meant, an internal snapshot too."""
        with self.reading() as node:
            yield mapping.map_extents(node)

    def check(self) -> Checked | None:
        """Check the image's tables; None if the format has no check."""
        return commands.check(self.single())

    def compare(self, other: Disk, *, strict: bool = False, progress: Progress | None = None) -> Compared:
        """Compare with another image; the offset is that of the very byte, where qemu-img names a sector."""
        with self.reading("first") as first, other.reading("second") as second:
            found = commands.compare(first, second, strict=strict, progress=progress)
            if found.offset is None:
                return found
            pairs = ((first, self.info.virtual_size), (second, other.info.virtual_size))
            sectors = [_sector(node, found.offset, size) for node, size in pairs]
            differing = (at for at, (one, two) in enumerate(zip(*sectors, strict=True)) if one != two)
            return replace(found, offset=found.offset + next(differing, 0))

    def measure(self, format: str, options: Sequence[tuple[str, str]] = ()) -> Measured:
        """Ask how large a raw, qcow2 or luks file of the same content would become."""
        return commands.measure(self.node(), format, options, snapshot=self.snapshot)

    def _refuse_snapshot(self, command: str) -> None:
        if self.info.source.snapshot is not None:
            raise UsageError(
                f"qemu-img cannot {command} an internal snapshot",
                hint="imgtools convert --snapshot NAME makes an image of it",
            )

    def _is_plain(self) -> bool:
        """Whether the disk's bytes are those of one file, and not too many for the tables of a copy."""
        alone = self.info.format == "raw" and len(self.info.chain) == 1 and not self.shared
        return (
            alone
            and self.top.inside is None
            and self.info.virtual_size <= MOST
            and can_copy(self.top.host_path)
        )

    # -- new files and changes of the data -----------------------------------------------------------------------

    def convert(
        self, target: Path | Node, how: Conversion, *, progress: Progress | None = None
    ) -> tuple[str, ...]:
        """Copy the content to a new file, or over a part of an image that is there."""
        made = _PLAIN.get(how.format) if how == Conversion(how.format, jobs=how.jobs) else None
        if made and isinstance(target, Path) and self._is_plain():
            size = self.info.virtual_size
            copy_plain(self.top.host_path, target, lambda descriptor: made(descriptor, size), progress)
            return ()
        return commands.convert(self.node("source"), target, how, progress=progress)


def open_disk(
    source: DiskSource | ImageRequest,
    *,
    keys: Sequence[Key] = (),
    backing: Backing = Backing.SAME_DIR,
    to_write: bool = False,
    to_repair: bool = False,
    alone: bool = False,
) -> Disk:
    """Examine an image for work on the file itself: thoroughly, for cuts in it would become zeros.

    :param to_write: make sure that no QEMU program and no running guest of libvirt has the image.
    :param to_repair: damage that can be repaired is a warning.
    :param alone: leave the backing file out, which may be missing.
    :raises BadImage: not a disk image, or damaged.
    :raises UntrustedBacking: it names files that ``backing`` does not allow.
    :raises ImageInUse: it is to be written, and a QEMU program, or a domain that is not shut off, has it.
    """
    shared = isinstance(source, ImageRequest) and source.share and not to_write
    if isinstance(source, ImageRequest):
        keys, backing, source = source.keys, source.backing, source.disks[0]
    if to_write:
        refuse_sources([source])
    info = examine(source, policy=backing, budget=THOROUGH, to_repair=to_repair, alone=alone, any_size=True)
    refuse_unfinished([layer.host_path for layer in info.chain])
    if to_write:
        refuse_held(source)
        refuse_in_use(info.chain[0].host_path)
        refuse_running_domain(info.chain[0].host_path)
    return Disk(info, Keyring(keys, source.host_path), shared, alone)


def key_warnings(*disks: Disk) -> tuple[Warned, ...]:
    """Return a warning for each key that fits no file of any of the disks, or none that is encrypted."""
    keys = (key.selector for disk in disks for key in disk.keys.given if key.selector != ANYTHING)
    layers = [(layer, disk.host_path) for disk in disks for layer in disk.info.chain]
    nobody = "no file of the image is called that"
    if any(disk.alone for disk in disks):
        nobody = "the image is not called that, and its backing files are not opened for this"
    told: list[Warned] = []
    for selector in dict.fromkeys(keys):
        meant = [layer for layer, named_as in layers if names_image(selector, layer, named_as)]
        if not any(layer.encryption for layer in meant):
            reason = "it is not encrypted" if meant else nobody
            told.append(Warned(f"the key given for {selector} is not used: {reason}"))
    return tuple(told)


def create_image(
    target: Path,
    format: str,
    size: int,
    options: Sequence[tuple[str, str]] = (),
    *,
    backing: tuple[str, str] | None = None,
    backing_files: Sequence[Judged] = (),
    secret: Secret | None = None,
    progress: Progress | None = None,
) -> None:
    """Create an image; ``secret`` is what the options call ``new``, ``backing_files`` all that it stands on."""
    secrets = (("new", secret),) if secret is not None else ()
    commands.create(
        target,
        format,
        size,
        options=options,
        backing=backing,
        backing_files=backing_files,
        secrets=secrets,
        progress=progress,
    )


def measure_size(size: int, format: str, options: Sequence[tuple[str, str]] = ()) -> Measured:
    """Ask how large a raw, qcow2 or luks file of a disk of ``size`` bytes would become."""
    return commands.measure(size, format, options)


def _sector(node: Node, offset: int, size: int) -> bytes:
    """Read the sector at an offset; behind the end of a disk of ``size`` bytes are zeros."""
    length = min(SECTOR, size - offset)
    if length <= 0:
        return bytes(SECTOR)
    with scratch_folder() as folder:
        target = folder / "sector"
        commands.convert(window(node, offset, length), target, Conversion("raw"))
        return target.read_bytes().ljust(SECTOR, b"\0")


def part_of(node: Node, offset: int, size: int) -> Node:
    """Return a part of a node as a node."""
    return window(node, offset, size)


def compare_nodes(first: Node, second: Node, *, progress: Progress | None = None) -> Compared:
    """Compare what two nodes hold."""
    return commands.compare(first, second, progress=progress)


def copy_bytes(source: Path, target: Path, how: Conversion, *, progress: Progress | None = None) -> None:
    """Copy a file as it is, holes kept."""
    commands.convert(plain_node(source, "raw"), target, how, progress=progress)


def check_file(disk: Disk, copy: Path, repair: str | None = None) -> Checked:
    """Check or repair a copy of an image's file.

    :raises EngineFailed: the format has no check.
    """
    node = single_node(replace(disk.top, host_path=copy), lambda _copy: disk.keys.key_for(disk.top))
    found = commands.check(node, repair)
    if found is None:
        raise EngineFailed(f"{copy}: QEMU does not check this format")
    return found


def amend_image(
    node: Node,
    options: Sequence[tuple[str, str]],
    *,
    secrets: Sequence[tuple[str, Secret]] = (),
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Change what an image's header says of it; ``secrets`` are what the options call them."""
    changes.amend(node, options, secrets=secrets, force=force, progress=progress)


def snapshot_image(node: Node, action: str, name: str) -> None:
    """Create, apply or delete an internal snapshot."""
    changes.snapshot(node, {"create": "-c", "apply": "-a", "delete": "-d"}[action], name)


def bitmap_image(
    node: Node,
    name: str,
    actions: Sequence[str],
    *,
    granularity: int | None = None,
    source: Sequence[Layer] = (),
) -> None:
    """Do one or more actions on a persistent bitmap, in qemu-img's words."""
    changes.bitmap(node, name, actions, granularity=granularity, source=source)


def bench_image(
    node: Node,
    *,
    count: int,
    size: int,
    depth: int,
    step: int = 0,
    offset: int = 0,
    write: bool = False,
    cache: str = "none",
    aio: str = "threads",
) -> Timing:
    """Send requests to an image and take the time."""
    return commands.bench(
        node, count=count, size=size, depth=depth, step=step, offset=offset, write=write, cache=cache, aio=aio
    )


def convert_node(source: Node, target: Node, how: Conversion, *, progress: Progress | None = None) -> None:
    """Copy what one node holds over another of the same size."""
    commands.convert(source, target, how, progress=progress)


def relink_node(node: Node, backing: tuple[str, str]) -> None:
    """Record another backing file in an image that nobody sees yet."""
    changes.relink(node, backing)


def require_walk(disk: Disk) -> None:
    """Make sure that there is an end to looking for what a disk holds.

    :raises UsageError: its size is out of all proportion; an image of a few bytes can say so.
    """
    if disk.info.virtual_size > LARGEST_WALK:
        raise UsageError(
            f"{disk.name} says that its disk has {disk.info.virtual_size} bytes: to look at all of it takes days",
            hint="imgtools dd copies a part of it",
        )
