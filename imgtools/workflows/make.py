"""Make a new disk image with partitions, filesystems and files in it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from imgtools.change.archive import plain_archive
from imgtools.disk.backing import examine
from imgtools.disk.formats import format_by_name, require_ability
from imgtools.disk.image_file import Conversion, open_disk
from imgtools.disk.new_file import draft_files, new_file, refuse_target, require_room, scratch_folder
from imgtools.errors import HostError, UsageError
from imgtools.newdisk.archive import read_archive, top_names
from imgtools.newdisk.bootable import ESP_SIZE, bootable_layout, parse_firmwares, require_bootable_words
from imgtools.newdisk.build import Build, Made, make_disk
from imgtools.newdisk.capacity import READ_ONLY, TYPES
from imgtools.newdisk.container import container_tree, looks_like_container
from imgtools.newdisk.folder import read_folder
from imgtools.newdisk.layout import REPEATABLE, Layout, NewFilesystem, Part, Wish, preset
from imgtools.newdisk.owners import parse_owner
from imgtools.newdisk.tree import Tree
from imgtools.records.files import FileKind
from imgtools.records.image import DiskSource
from imgtools.records.progress import Progress
from imgtools.records.request import Backing
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.units import parse_size

if TYPE_CHECKING:
    from imgtools.workflows.make_bootable import BootPlan

MIB = 1 << 20
FLOPPY = 1440 << 10  # bytes of a floppy disk of 3.5 inches
KINDS_OF_SOURCE = ("dir", "tar", "oci", "docker")
TABLES = ("gpt", "mbr", "none")
LARGEST = 1 << 60
DEFAULT_KIND = "ext4"
ESP_PLACE = "/boot/efi"
EPOCH = "SOURCE_DATE_EPOCH"  # reproducible-builds.org/specs/source-date-epoch


@dataclass(frozen=True, slots=True)
class MakeRequest:
    """What is to be made.

    :param source: a folder, an archive, ``-``, or with a prefix (dir:, tar:, oci:, docker:) what that says; empty:
        nothing.
    :param layout: a name of guestfish's, or a YAML file; empty: one filesystem.
    :param owner: empty: ``root`` for a folder, else ``keep``.
    :param bootable: the firmwares that are to start it, bios and uefi, with commas; empty: none.
    """

    target: Path
    source: str = ""
    size: str = ""
    kind: str = ""
    partition: str = ""
    esp: str = ""
    label: str = ""
    uuid: str = ""
    owner: str = ""
    format: str | None = None
    block_size: str = ""
    floppy: bool = False
    layout: str = ""
    platform: str = ""
    bootable: str = ""
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class MadePart:
    """A partition of the new disk, or the only thing on it (``number`` 0). Bytes."""

    number: int
    start: int
    size: int
    type: str
    filesystem: str
    label: str
    mount: str
    files: int


@dataclass(frozen=True, slots=True)
class MakeReport:
    """The new image."""

    image: str
    format: str
    virtual_size: int
    actual_size: int
    table: str  # gpt, mbr or none
    parts: tuple[MadePart, ...]
    files: tuple[str, ...]  # of the host, that the image consists of
    warnings: tuple[Warned, ...] = ()
    written: bool = True  # a new file is made at once
    changed: bool = True
    changes: tuple[DiskStep, ...] = ()


def make(request: MakeRequest, progress: Progress | None = None) -> MakeReport:
    """Make an image, and look at it as any other program would.

    :raises UsageError: the words do not fit together.
    :raises BadLayout: the layout does not parse.
    :raises BadSource: the source is damaged, or leads out of itself.
    :raises ManyPlatforms: the source is for several platforms.
    :raises TooSmall: the size is too small.
    :raises CannotHold: the filesystem cannot hold a file.
    :raises TargetExists: the file is there already.
    :raises NoRoom: the host has no room.
    :raises NoKernel: it is to boot, and has no kernel.
    :raises NoBootLoader: it is to boot, and has no GRUB for that firmware.
    """
    target = Path(os.path.realpath(request.target))
    moment = _moment()
    request = _with_defaults(request)
    format = _format(request)
    seed = f"{moment} {request.kind} {request.label} {request.layout}" if moment is not None else ""
    layout = _layout(request, moment, seed)
    refuse_target(target, overwrite=request.overwrite)
    with scratch_folder(target.parent) as scratch, _source_tree(request, target, scratch) as (tree, warnings):
        if moment is not None:
            tree.clamp(moment)
        _own(request, tree, warnings)
        boots = _boots(request, tree, layout, scratch, moment)
        if boots is not None:
            layout, warnings = boots.layout, [*warnings, *boots.warnings]
        _require_room(target, tree, layout)
        build = Build(scratch, request.owner not in ("", "root"), seed, progress, warnings)
        size, spare = _size(request, layout, tree)
        raw = scratch / "disk"
        made = make_disk(raw, size, spare, layout, tree, build)
        if boots is not None:
            from imgtools.workflows.make_bootable import install_boot

            build.warnings += install_boot(raw, boots, progress)
        if moment is not None:
            build.warnings += _unrepeatable(layout, boots)
        with new_file(target, overwrite=request.overwrite) as draft:
            if format == "raw":
                raw.rename(draft.host_path)
            else:
                open_disk(DiskSource(raw, "raw")).convert(draft.host_path, Conversion(format))
            files = sorted(path.name for path in draft_files(draft))
    steps = boots.steps if boots is not None else ()
    return _report(request, target, format, layout, made, files, build.warnings, steps)


# -- what was asked for -----------------------------------------------------------------------------------


def _moment() -> int | None:
    """Return what the variable SOURCE_DATE_EPOCH says, in seconds since 1970.

    :raises UsageError: it is no number.
    """
    text = os.environ.get(EPOCH, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 11):
        raise UsageError(f"{EPOCH} is no number of seconds: {text!r}")
    return int(text)


def _with_defaults(request: MakeRequest) -> MakeRequest:
    kind = {"iso": "iso9660", "fat": "vfat", "": ""}.get(request.kind, request.kind)
    if request.bootable:
        request = _with_boot_words(request, kind)
    if request.floppy:
        if kind not in ("", "vfat") or request.partition not in ("", "none") or request.layout or request.esp:
            raise UsageError("a floppy is a FAT without partitions")
        size = request.size or str(FLOPPY)
        return replace(request, kind="vfat", partition="none", size=size, format=request.format or "raw")
    if kind and kind not in TYPES:
        raise UsageError(f"no such type: {kind}", hint=f"there are {', '.join(TYPES)}")
    if request.partition not in ("", *TABLES):
        raise UsageError(f"no such table of partitions: {request.partition}", hint="gpt, mbr or none")
    return replace(request, kind=kind or DEFAULT_KIND)


def _with_boot_words(request: MakeRequest, kind: str) -> MakeRequest:
    firmwares = parse_firmwares(request.bootable)
    require_bootable_words(
        firmwares,
        kind=kind or DEFAULT_KIND,
        partition=request.partition,
        floppy=request.floppy,
        layout=request.layout,
        esp=parse_size(request.esp) if request.esp else 0,
    )
    return replace(request, bootable=",".join(firmwares), partition=request.partition or "gpt")


def _format(request: MakeRequest) -> str:
    wanted = request.format
    if wanted is None and request.kind in READ_ONLY:
        wanted = "raw"
    format = format_by_name(request.target, wanted)
    require_ability(format, "create")
    if format == "luks":
        raise UsageError(
            "the format luks needs a key", hint="a layout's encrypt: makes an encrypted partition"
        )
    return format


def _layout(request: MakeRequest, moment: int | None, seed: str) -> Layout:
    block = parse_size(request.block_size) if request.block_size else 0
    new = NewFilesystem(request.kind, request.label, request.uuid, block, moment=moment)
    if request.bootable:
        room = parse_size(request.esp) if request.esp else ESP_SIZE
        firmwares = parse_firmwares(request.bootable)
        return bootable_layout(firmwares, request.partition, new, room, ESP_PLACE, seed)
    if request.layout:
        if request.esp:
            raise UsageError("--esp with --layout: say it in the layout", hint="type: esp")
        if request.layout.endswith((".yaml", ".yml")) or "/" in request.layout:
            from imgtools.newdisk.layout_file import read_layout

            return read_layout(Path(request.layout), moment)
        return preset(request.layout, new, request.partition)
    if request.kind == "swap" and request.source not in ("", "nothing"):
        raise UsageError("a swap area holds no files", hint="leave --from away")
    root = Part(filesystem=new, mount="/" if request.kind != "swap" else "")
    label = request.partition or ("gpt" if request.esp else "none")
    if request.esp and label == "none":
        raise UsageError("an EFI system partition needs a table of partitions", hint="--partition gpt")
    parts: list[Part] = [root]
    if request.esp:
        length = parse_size(request.esp)
        esp = NewFilesystem("vfat", "EFI", moment=moment)
        parts.insert(0, Part("esp", "EFI", Wish(length, length), esp, mount=ESP_PLACE))
    return Layout(label, tuple(parts))


def _boots(
    request: MakeRequest, tree: Tree, layout: Layout, scratch: Path, moment: int | None
) -> BootPlan | None:
    """Return what it becomes bootable by; None: it is not asked for."""
    if not request.bootable:
        return None
    from imgtools.workflows.make_bootable import plan_boot

    fits = not request.size or request.size == "auto" or request.size.startswith("+")
    return plan_boot(tree, layout, parse_firmwares(request.bootable), scratch, fits=fits, moment=moment)


def _size(request: MakeRequest, layout: Layout, tree: Tree) -> tuple[int | None, int]:
    """Return the bytes of the disk, None for what is needed, and how much free room shall be beside."""
    text = request.size or layout.size or "auto"
    if text == "auto" or text.startswith("+"):
        empty = len(tree.nodes) == 1 and not any(part.size.least for part in layout.parts)
        if empty and text == "auto":
            raise UsageError(
                "how large? give --size", hint="with files in it, --size auto takes what they need"
            )
        return None, parse_size(text[1:]) if text.startswith("+") else 0
    size = parse_size(text)
    if size > LARGEST:
        raise UsageError(f"{text} is more than any disk")
    return -(-size // 512) * 512, 0


# -- the source --------------------------------------------------------------------------------------------


@contextmanager
def _source_tree(request: MakeRequest, target: Path, scratch: Path) -> Iterator[tuple[Tree, list[Warned]]]:
    kind, place = _kind_of_source(request.source)
    if kind == "nothing":
        yield Tree(), []
        return
    if kind == "dir":
        folder = Path(place)
        _refuse_within(target, folder)
        tree, warnings = read_folder(folder)
        yield tree, warnings
        return
    with ExitStack() as stack:
        path, ref = (Path(place), "") if kind == "tar" else _with_ref(place)
        if kind != "tar" and path.is_dir():
            yield stack.enter_context(_container(request, path, scratch, ref)), []
            return
        stdin = cast(BinaryIO, sys.stdin.buffer) if place == "-" else io.BytesIO()
        plain = stack.enter_context(plain_archive(None if place == "-" else path, stdin))
        if kind == "tar" and not request.source.startswith("tar:") and looks_like_container(top_names(plain)):
            kind = "oci"
        if kind == "tar":
            yield read_archive(plain, place if place != "-" else "standard input"), []
        else:
            yield stack.enter_context(_container(request, plain, scratch, ref)), []


@contextmanager
def _container(request: MakeRequest, path: Path, scratch: Path, ref: str) -> Iterator[Tree]:
    with container_tree(path, scratch, ref=ref, platform=request.platform) as tree:
        yield tree


def _kind_of_source(source: str) -> tuple[str, str]:
    """Return what kind of source it is, and where.

    :raises HostError: there is no such file.
    """
    if source in ("", "nothing"):
        return "nothing", ""
    kind, colon, place = source.partition(":")
    if colon and kind in KINDS_OF_SOURCE and not Path(source).exists():
        return kind, place
    if source == "-":
        return "tar", source
    path = Path(source)
    if path.is_dir():
        return ("oci" if (path / "oci-layout").is_file() else "dir"), source
    if not path.exists():
        raise HostError(f"no such file or folder: {source}")
    return "tar", source


def _with_ref(place: str) -> tuple[Path, str]:
    """Divide ``PATH:NAME``, where PATH alone is the file."""
    path, _, ref = place.partition(":")
    return (Path(place), "") if Path(place).exists() else (Path(path), ref)


def _refuse_within(target: Path, folder: Path) -> None:
    if target.parent.is_relative_to(os.path.realpath(folder)):
        raise UsageError(
            f"{target} would be made of itself: it lies in {folder}", hint="choose another folder for it"
        )


def _own(request: MakeRequest, tree: Tree, warnings: list[Warned]) -> None:
    kind, _ = _kind_of_source(request.source)
    owner = request.owner or ("root" if kind == "dir" else "keep")
    others = {(node.uid, node.gid) for _, node in tree.unique()} - {(0, 0), (os.getuid(), os.getgid())}
    if not request.owner and owner == "root" and others:
        warnings.append(
            Warned("the files have several owners, and all become root's; --owner keep keeps them")
        )
    tree.own(parse_owner(owner))


def _require_room(target: Path, tree: Tree, layout: Layout) -> None:
    """The files lie in a filesystem of their own before they come to the disk."""
    stored = sum(node.size for _, node in tree.unique() if node.kind is FileKind.FILE and node.parts is None)
    require_room(target.parent, stored * (1 if layout.label == "none" else 2), f"making {target}")


def _unrepeatable(layout: Layout, boots: BootPlan | None) -> list[Warned]:
    kinds = {part.filesystem.kind for part in layout.parts if part.filesystem is not None}
    odd = sorted(kinds - REPEATABLE - set(READ_ONLY))
    odd += ["LVM"] if any(part.group for part in layout.parts) else []
    odd += ["LUKS"] if any(part.secret for part in layout.parts) else []
    odd += ["what grub-install writes"] if boots is not None else []
    return (
        [Warned(f"two runs do not make the same bytes of {', '.join(odd)}, whatever {EPOCH} says")]
        if odd
        else []
    )


# -- the report -------------------------------------------------------------------------------------------


def _report(
    request: MakeRequest,
    target: Path,
    format: str,
    layout: Layout,
    made: Sequence[Made],
    files: Sequence[str],
    warnings: Sequence[Warned],
    steps: Sequence[DiskStep],
) -> MakeReport:
    found = examine(DiskSource(target, format), policy=Backing.ANY)
    words = f"make {request.target} ({format}) of {found.virtual_size} bytes"
    return MakeReport(
        image=str(request.target),
        format=format,
        virtual_size=found.virtual_size,
        actual_size=found.actual_size,
        table=layout.label,
        parts=tuple(row for one in made for row in _rows(one)),
        files=tuple(str(target.parent / name) for name in files),
        warnings=tuple(warnings),
        changes=(DiskStep("make-image", words, str(request.target), format, size=found.virtual_size), *steps),
    )


def _rows(made: Made) -> Iterator[MadePart]:
    part = made.part
    new = part.filesystem
    kind = "LVM2_member" if part.group else new.kind if new is not None else ""
    yield MadePart(
        made.number,
        made.start,
        made.size,
        part.kind_of_partition if made.number else "",
        kind,
        new.label if new is not None else "",
        part.mount,
        made.file_count,
    )
