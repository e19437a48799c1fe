"""What `imgtools make --bootable` does beside a disk with files: it plans a boot, and has GRUB installed in the end.

The plan is made of the files before anything is written: what is missing is refused then, the filesystems' UUIDs are
chosen, and fstab names them. GRUB is installed by the repairs `grub-install` and `grub-config`, with the programs of
the system itself, on the finished disk before it has its name; the diagnosis that they end with is this disk's too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootmenu import ESP_FOLDERS
from imgtools.guest.boot.grub_needs import GrubFound, require_grub
from imgtools.guest.boot.new_fstab import NewFstab, NewMount, new_fstab
from imgtools.guest.find.fstab import FSTAB, FSTAB_LIMIT, fstab_text, parse_fstab
from imgtools.guest.find.linux import identify
from imgtools.guest.guest import Guest
from imgtools.newdisk.bootable import with_room
from imgtools.newdisk.capacity import room_for
from imgtools.newdisk.layout import Layout
from imgtools.newdisk.tree import SECOND, Node, Tree
from imgtools.newdisk.tree_files import files_of_tree
from imgtools.ops.run_in_guest import require_shell
from imgtools.records.disks import Holder, Volume
from imgtools.records.files import FileKind
from imgtools.records.image import DiskSource
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.workflows.repair import repair

ESP_PLACES = ("/boot/efi", "/efi")
# What a root of containers may lack, and a kernel mounts at its start.
KERNEL_FOLDERS = ("/dev", "/proc", "/sys", "/run")
# Of Fedora's GRUB for UEFI, as anaconda writes it into the ESP: where the configuration is.
STUB = (
    "search --no-floppy --root-dev-only --fs-uuid --set=dev {uuid}\n"
    "set prefix=($dev){folder}\nexport $prefix\nconfigfile $prefix/grub.cfg\n"
)


@dataclass(frozen=True, slots=True)
class BootPlan:
    """What a disk becomes bootable by, all of it known before anything is written.

    :param layout: with the UUIDs that fstab names.
    :param repairs: that are made on the finished disk.
    """

    layout: Layout
    firmwares: tuple[str, ...]
    repairs: tuple[str, ...]
    steps: tuple[DiskStep, ...]
    warnings: tuple[Warned, ...]


def plan_boot(
    tree: Tree, layout: Layout, firmwares: tuple[str, ...], scratch: Path, *, fits: bool, moment: int | None
) -> BootPlan:
    """Look whether a tree can boot, and put into it what the new disk needs: fstab, and mount points.

    :param layout: of :func:`imgtools.newdisk.bootable.bootable_layout`.
    :param fits: the disk becomes as large as its files need; else its size was named.
    :param moment: seconds since 1970 that stand for now; None: now.
    :raises NoKernel: there is none.
    :raises NoBootLoader: GRUB for a firmware is not there, or one of its programs.
    :raises UnsupportedGuest: its programs cannot run on this host.
    :raises OddGuest: its fstab is none.
    """
    files = files_of_tree(tree)
    layout = _with_esp_place(layout, files)
    esp = next((part.mount for part in layout.parts if part.type == "esp"), ESP_PLACES[0])
    system = identify(files)
    found = require_grub(files, system, firmwares, esp)
    root = layout.parts[-1].filesystem
    assert root is not None
    require_shell(Guest(Volume("/", Holder.PARTITION, 0, root.kind), system, (), files))
    written = _fstab(files, layout)
    now = (moment if moment is not None else int(time.time())) * SECOND
    _put(tree, files, _wanted_folders(layout, found), now)
    if written.said:
        _put_file(tree, files, FSTAB, written.text, scratch / "fstab", now)
    if found.vendor:
        _stub(tree, files, f"{esp}/EFI/{found.vendor}/grub.cfg", found, root.uuid, scratch, now)
    room = room_for(tree, root.kind, root.block_size)
    repairs = [*_entries(files), "root-device", "grub-install", "grub-config"]
    return BootPlan(
        with_room(layout, room.usual if fits else room.least),
        firmwares,
        tuple(repairs),
        tuple(_steps(written, firmwares, found)),
        tuple(Warned(one, FSTAB) for one in written.said) if fstab_text(files) else (),
    )


def install_boot(raw: Path, plan: BootPlan, progress: Progress | None = None) -> tuple[Warned, ...]:
    """Install GRUB on a finished disk, and say what a diagnosis finds afterwards.

    :param raw: the disk; it is written to.
    :raises EditFailed: one of GRUB's programs fails, with what it says.
    :raises RolledBack: GRUB's configuration starts nothing all the same.
    """
    settings = ["grub-install.force=yes", "grub-config.force=yes"]
    if len(plan.firmwares) == 1:
        settings.append(f"grub-install.firmware={plan.firmwares[0]}")
    report = repair(
        ImageRequest((DiskSource(raw, "raw"),)), Target(write=True), plan.repairs, settings, progress=progress
    )
    return (*report.warnings, *(Warned(f"{one.id}: {one.text}") for one in report.left))


# -- what is put to the files ------------------------------------------------------------------------------


def _with_esp_place(layout: Layout, files: GuestReader) -> Layout:
    """The ESP where the system has it already: its packages put their loaders there."""
    known = {entry.path for entry in parse_fstab(fstab_text(files)).entries}
    named = next((one for one in ESP_PLACES if one in known), "")
    there = next((one for one in ESP_PLACES if files.is_dir(f"{one}/EFI")), "")
    place = named or there or ESP_PLACES[0]
    parts = (replace(one, mount=place) if one.type == "esp" else one for one in layout.parts)
    return replace(layout, parts=tuple(parts))


def _fstab(files: GuestReader, layout: Layout) -> NewFstab:
    there = files.lstat(FSTAB)
    if there is not None and there.kind not in (FileKind.FILE, FileKind.LINK):
        raise OddGuest(f"{FSTAB} is no file")
    if files.is_file(FSTAB) and files.stat(FSTAB).size > FSTAB_LIMIT:
        raise OddGuest(f"{FSTAB} is larger than {FSTAB_LIMIT} bytes")
    root, *others = reversed(layout.parts)
    mounts = [
        NewMount(part.mount, part.filesystem.kind, part.filesystem.uuid, part.filesystem.label)
        for part in (root, *others)
        if part.filesystem is not None and part.mount
    ]
    return new_fstab(fstab_text(files), mounts)


def _wanted_folders(layout: Layout, found: GrubFound) -> Iterator[str]:
    yield from KERNEL_FOLDERS
    yield found.folder
    for part in layout.parts:
        if part.mount not in ("", "/"):
            yield part.mount


def _put(tree: Tree, files: GuestReader, folders: Iterator[str], now: int) -> None:
    """Make the folders that are not there."""
    for path in folders:
        if not files.exists(path) and path not in tree.nodes:
            tree.put(path, Node(FileKind.DIRECTORY, mtime=now))


def _put_file(tree: Tree, files: GuestReader, path: str, text: str, host_path: Path, now: int) -> None:
    """Put a small file into the tree, in the place of what is there, whose owner, mode and attributes it keeps."""
    content = text.encode("utf-8", "surrogateescape")
    host_path.write_bytes(content)
    true_path = files.resolve(path) if files.exists(path) else path
    old = tree.nodes.get(true_path, Node(FileKind.FILE, 0o644))
    facts = old if old.kind is FileKind.FILE else Node(FileKind.FILE, 0o644)
    made = replace(facts, size=len(content), host_path=host_path, offset=0, parts=None, mtime=now)
    tree.put(true_path, made)


def _stub(
    tree: Tree, files: GuestReader, path: str, found: GrubFound, uuid: str, scratch: Path, now: int
) -> None:
    """What Fedora's GRUB for UEFI begins with, where no installer has written it."""
    if not files.exists(path):
        text = STUB.format(uuid=uuid, folder=found.folder)
        _put_file(tree, files, path, text, scratch / "grub-stub", now)


def _entries(files: GuestReader) -> list[str]:
    """The repair that makes entries of the Boot Loader Specification, for a system that boots by them."""
    has = any(files.is_dir(f"{folder}/loader/entries") for folder in ESP_FOLDERS)
    return ["boot-entries"] if has else []


def _steps(written: NewFstab, firmwares: tuple[str, ...], found: GrubFound) -> Iterator[DiskStep]:
    for one in written.said:
        yield DiskStep("write-fstab", f"{FSTAB}: {one}", FSTAB)
    for firmware in firmwares:
        yield DiskStep("install-boot-loader", f"install GRUB for {firmware}", found.folder, firmware)
    config = f"{found.folder}/grub.cfg"
    yield DiskStep("install-boot-loader", f"make {config}: it starts Linux {found.kernel.version}", config)
