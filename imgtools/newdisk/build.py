"""From a layout and a tree of files to the bytes of a new disk: sizes, contents, places."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgtools.disk.image_file import Conversion, open_disk
from imgtools.engine.appliance.fill import Contents, fill_in_appliance
from imgtools.engine.mkfs import KINDS, NewFilesystem, command_of, require_makeable
from imgtools.errors import TooSmall, UsageError
from imgtools.newdisk.assemble import ALIGNED, GPT_END, MIB, Placed, new_uuid, write_disk
from imgtools.newdisk.capacity import READ_ONLY, require_holdable, room_for, suited
from imgtools.newdisk.fill import make_filled, make_whole
from imgtools.newdisk.layout import EXTENT, LUKS_HEADER, Layout, Part, Wish, overhead, share_out
from imgtools.newdisk.tree import Node, Tree, write_archive
from imgtools.records.image import DiskSource
from imgtools.records.progress import Progress
from imgtools.records.system import Warned
from imgtools.units import format_size, rounded_up

SECTOR = 512


@dataclass(slots=True)
class Build:
    """One run: where it works, and what it has found."""

    scratch: Path
    keeps_owners: bool
    seed: str = ""  # of ids; empty: they are of chance
    progress: Progress | None = None
    warnings: list[Warned] = field(default_factory=list)
    booted: list[tuple[Path, Contents]] = field(default_factory=list)
    number: int = 0

    def new_path(self) -> Path:
        """Return the name of a file that is not there yet."""
        self.number += 1
        return self.scratch / f"part{self.number}"


@dataclass(frozen=True, slots=True)
class Made:
    """A partition of the new disk, or the only thing on it. Bytes."""

    number: int  # 0: the disk itself
    start: int
    size: int
    part: Part
    file_count: int


def split_tree(layout: Layout, tree: Tree) -> dict[str, Tree]:
    """Give every mount point of a layout its files, the innermost first.

    :raises UsageError: there are files, and nothing is mounted at ``/``.
    """
    points = [point for part in layout.parts for point in part.mounts()]
    twice = {point for point in points if points.count(point) > 1}
    if twice:
        raise UsageError(f"mounted twice: {', '.join(sorted(twice))}")
    found = {point: tree.part(point) for point in sorted(points, key=len, reverse=True)}
    if len(tree.nodes) > 1 and "/" not in points:
        raise UsageError(
            "there are files, and nothing in the layout is mounted at /", hint="say mount: / of one"
        )
    return found


def make_disk(
    target: Path, size: int | None, spare: int, layout: Layout, tree: Tree, build: Build
) -> list[Made]:
    """Make a raw disk.

    :param size: bytes of the disk; None: as many as are needed.
    :param spare: bytes of free room more than that.
    :raises TooSmall: the size is too small; the least one is named.
    :raises CannotHold: a filesystem cannot hold what it is to get.
    :raises UsageError: the layout does not fit together.
    """
    trees = split_tree(layout, tree)
    if layout.label == "none":
        return [_make_plain(target, size, spare, layout.parts[0], trees, build)]
    wishes = [_wish(part, trees, build) for part in layout.parts]
    sizes = _sizes(size, spare, layout.label, wishes)
    contents = [
        _content(part, length, trees, build) for part, length in zip(layout.parts, sizes, strict=True)
    ]
    _boot(build)
    contents = [_locked(part, path, build) for part, path in zip(layout.parts, contents, strict=True)]
    at, placed, made = ALIGNED, [], []
    for number, (part, length, content) in enumerate(zip(layout.parts, sizes, contents, strict=True), 1):
        placed.append(
            Placed(
                number,
                at,
                length,
                part.kind_of_partition,
                part.name,
                content,
                part.uuid,
                part.bootable,
            )
        )
        made.append(Made(number, at, length, part, _count(part, trees)))
        at += length
    whole = size if size is not None else at + (MIB if layout.label == "gpt" else 0)
    write_disk(target, whole, layout.label, placed, build.seed)
    return made


def _count(part: Part, trees: dict[str, Tree]) -> int:
    return sum(len(trees[point].nodes) - 1 for point in part.mounts())


# -- sizes -------------------------------------------------------------------------------------------------


def _wish(part: Part, trees: dict[str, Tree], build: Build) -> Wish:
    """Return how large a part has to be, and how large it would be best."""
    extra = LUKS_HEADER if part.secret is not None else 0
    if part.group:
        inner = [_wish(volume, trees, build) for volume in part.volumes]
        least = sum(rounded_up(one.least, EXTENT) for one in inner) + EXTENT
        return replace(part.size, least=max(part.size.least, least + extra))
    if part.filesystem is None:
        return replace(part.size, least=max(part.size.least, MIB))
    kind = part.filesystem.kind
    tree = files_of(part, trees)
    require_makeable(part.filesystem)
    build.warnings += require_holdable(tree, kind, keeps_owners=build.keeps_owners)
    if kind in READ_ONLY:
        raise UsageError(f"{kind} has no place in a partition table here", hint="--partition none")
    room = room_for(tree, kind, part.filesystem.block_size)
    least = room.usual if not part.size.least else max(room.least, part.size.least)
    if part.size.most and part.size.most < room.least:
        raise TooSmall(
            f"{part.where or part.mount or kind}: {format_size(part.size.most)} are too little: "
            f"{format_size(room.least)} are needed at least"
        )
    if part.size.most:
        least = min(least, part.size.most)
    return replace(part.size, least=least + extra, most=part.size.most)


def files_of(part: Part, trees: dict[str, Tree]) -> Tree:
    """All files of a part in one tree: those of its subvolumes below their paths."""
    if not part.subvolumes:
        return trees[part.mount] if part.mount else Tree()
    whole = Tree()
    whole.nodes |= trees[part.mount].nodes if part.mount else {}
    for subvolume in part.subvolumes:
        inner = trees[subvolume.mount] if subvolume.mount else Tree()
        own: dict[int, Node] = {}  # no file has a name in two subvolumes
        for path, node in inner.nodes.items():
            place = subvolume.path if path == "/" else subvolume.path + path
            whole.nodes[place] = own.setdefault(id(node), replace(node))
    return whole


def _sizes(size: int | None, spare: int, label: str, wishes: Sequence[Wish]) -> list[int]:
    needed = sum(rounded_up(wish.least, MIB) for wish in wishes)
    if size is None:
        return share_out(needed + rounded_up(spare, MIB), wishes)
    room = size - ALIGNED - (GPT_END if label == "gpt" else 0)
    if room < needed:
        raise TooSmall(
            f"{format_size(size)} are too little: it needs {format_size(needed + overhead(label))} at least",
            hint="--size auto takes as much as it needs",
        )
    return share_out(room, wishes)


# -- contents ----------------------------------------------------------------------------------------------


def _make_plain(
    target: Path, size: int | None, spare: int, part: Part, trees: dict[str, Tree], build: Build
) -> Made:
    """Make a disk that is one filesystem, or empty."""
    tree = files_of(part, trees)
    if part.filesystem is None:
        with target.open("xb") as stream:
            stream.truncate(size if size is not None else MIB)
        return Made(0, 0, size or MIB, part, 0)
    kind = part.filesystem.kind
    require_makeable_too(part.filesystem)
    build.warnings += require_holdable(tree, kind, keeps_owners=build.keeps_owners)
    if kind in READ_ONLY:
        return _make_whole(target, size, part, part.filesystem, tree, build)
    room = room_for(tree, kind, part.filesystem.block_size)
    length = size if size is not None else room.usual + rounded_up(spare, MIB)
    if length < room.least:
        raise TooSmall(
            f"{format_size(length)} are too little for {kind} with these files: "
            f"{format_size(room.least)} are needed at least",
            hint="--size auto takes as much as it needs",
        )
    path = _content(part, length, trees, build)
    _boot(build)
    path = _locked(part, path, build)
    assert path is not None
    path.rename(target)
    return Made(0, 0, length, part, len(tree.nodes) - 1)


def _make_whole(
    target: Path, size: int | None, part: Part, new: NewFilesystem, tree: Tree, build: Build
) -> Made:
    make_whole(target, new, tree, build.scratch)
    length = target.stat().st_size
    if size is not None and size < length:
        raise TooSmall(
            f"{format_size(size)} are too little: the {new.kind} has {length} bytes", hint="--size auto"
        )
    if size is not None:
        with target.open("r+b") as stream:
            stream.truncate(size)
    return Made(0, 0, size or length, part, len(tree.nodes) - 1)


def require_makeable_too(new: NewFilesystem) -> None:
    """As :func:`require_makeable`, for what is made as a whole too.

    :raises UsageError: it cannot be made so.
    """
    if new.kind not in READ_ONLY:
        require_makeable(new)
    elif new.kind == "squashfs" and (new.label or new.uuid):
        raise UsageError("a squashfs has neither label nor UUID")
    elif new.kind == "iso9660" and (len(new.label.encode("utf-8", "replace")) > 32 or new.block_size):
        raise UsageError("an ISO 9660 has a label of at most 32 bytes, and blocks of 2048 bytes")


def _content(part: Part, length: int, trees: dict[str, Tree], build: Build) -> Path | None:
    """Make what a partition holds in a file of its own; what needs a kernel is noted for it."""
    if part.secret is not None:
        length = _payload(length)
    if part.group:
        path = build.new_path()
        _empty(path, length)
        build.booted.append((path, _group(part, length, trees, build)))
        return path
    if part.filesystem is None:
        return None
    tree = files_of(part, trees)
    new = suited(_identified(part.filesystem, part, build), length, tree)
    path = build.new_path()
    plain = Tree() if part.subvolumes else tree
    filled = make_filled(path, length, new, plain, build.scratch, build.progress)
    if part.subvolumes or not filled.is_full:
        contents = Contents(new.kind, _archive(tree, build), subvolumes=_paths(part))
        build.booted.append((path, contents))
    return path


def _paths(part: Part) -> tuple[str, ...]:
    return tuple(sorted((one.path for one in part.subvolumes), key=lambda path: path.count("/")))


def _group(part: Part, length: int, trees: dict[str, Tree], build: Build) -> Contents:
    wishes = [_wish(volume, trees, build) for volume in part.volumes]
    sizes = share_out((length - EXTENT) // EXTENT * EXTENT, wishes, EXTENT)
    volumes = []
    for volume, size in zip(part.volumes, sizes, strict=True):
        if volume.filesystem is None:
            volumes.append((volume.name, size, Contents()))
            continue
        new = suited(_identified(volume.filesystem, volume, build), size, files_of(volume, trees))
        if new.kind in ("exfat", "udf"):
            raise UsageError(f"{new.kind} cannot be made in a logical volume here")
        tree = files_of(volume, trees)
        archive = _archive(tree, build) if len(tree.nodes) > 1 else None
        make = tuple(command_of(new, "")[:-1])
        volumes.append((volume.name, size, Contents(new.kind, archive, make, _paths(volume))))
    return Contents("LVM2_member", group=part.group, volumes=tuple(volumes))


def _archive(tree: Tree, build: Build) -> Path:
    """Write files as a tar archive, as long as a drive can be: whole sectors."""
    path = build.new_path()
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        write_archive(tree, archive)
    return path


def _empty(path: Path, length: int) -> None:
    with path.open("xb") as stream:
        stream.truncate(length)


def _identified(new: NewFilesystem, part: Part, build: Build) -> NewFilesystem:
    """A filesystem with a UUID that is always the same, where that is asked for."""
    if new.uuid or not build.seed or new.kind not in KINDS:
        return new
    found = str(new_uuid(build.seed, f"filesystem {part.mount or part.name} {new.kind}"))
    words = found.replace("-", "")
    short = {"vfat": f"{words[:4]}-{words[4:8]}", "exfat": f"{words[:4]}-{words[4:8]}"}
    short |= dict.fromkeys(("ntfs", "udf"), words[:16])
    return replace(new, uuid=short.get(new.kind, found))


def _boot(build: Build) -> None:
    """Let the appliance do all that is left to it."""
    if build.booted:
        fill_in_appliance(build.booted)
        build.booted.clear()


# -- encryption --------------------------------------------------------------------------------------------


def _payload(length: int) -> int:
    """Return the bytes that a LUKS container of ``length`` bytes holds."""
    return length - LUKS_HEADER


def _locked(part: Part, path: Path | None, build: Build) -> Path | None:
    """Put what a partition holds into a LUKS container; QEMU encrypts, and nothing boots."""
    if part.secret is None or path is None:
        return path
    target = build.new_path()
    disk = open_disk(DiskSource(path, "raw"))
    disk.convert(
        target, Conversion("luks", options=(("key-secret", "new"),), secrets=(("new", part.secret),))
    )
    path.unlink()
    return target
