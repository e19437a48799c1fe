"""What several repairs of a Linux guest's way to boot share: its kernels and menu, its boot disks, runs of programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from imgtools.change.change import RunInGuest
from imgtools.errors import UnsupportedGuest
from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import find_menu, find_own_disks, is_entry_of
from imgtools.guest.boot.bootmenu import BootEntry, Menu
from imgtools.guest.boot.kernels import Kernel, find_kernels
from imgtools.guest.boot.programs import find_maker, initramfs_path
from imgtools.guest.guest import Guest
from imgtools.ops.run_in_guest import run_in_guest
from imgtools.records.disks import Disk, Volume

PLACES = (
    "",
    "/boot",
    "/boot/efi",
    "/efi",
)  # where the root of the volume may be that a loader names files of


def entry_file(files: GuestReader, path: str) -> str:
    """Return the guest path of a file that a boot menu names; "" if it is not there."""
    bare = path.partition(")")[2] if path.startswith("(") else path
    paths = (f"{place}/{bare.lstrip('/')}" for place in PLACES)
    return next((one for one in paths if bare and files.is_file(one)), "")


def default_entry(menu: Menu) -> BootEntry | None:
    """Return the entry that is started: the default, or the first where the configuration does not say."""
    return menu.default or next(iter(menu.entries), None)


def starts(files: GuestReader, entry: BootEntry) -> bool:
    """Whether an entry's kernel and its initramfs are there."""
    initrds = [one for one in entry.initrd.split() if not one.startswith("$")]
    return bool(entry_file(files, entry.linux)) and all(entry_file(files, one) for one in initrds)


def whole_kernels(files: GuestReader) -> tuple[Kernel, ...]:
    """Return the kernels that have their modules and, if any kernel has one, an initramfs; newest first."""
    kernels = find_kernels(files)
    wants_initrd = bool(find_maker(files)) and any(one.initrd for one in kernels)
    return tuple(one for one in kernels if one.modules_path and (one.initrd or not wants_initrd))


def without_initramfs(guest: Guest) -> Iterator[Kernel]:
    """Yield kernels with modules whose initramfs is missing or empty, where others have one or a menu names it."""
    files = guest.files
    kernels = find_kernels(files)
    menu = find_menu(files).entries
    named = [entry for entry in menu if entry.initrd]
    for kernel in kernels:
        is_there = kernel.initrd and files.stat(kernel.initrd).size
        if is_there or not kernel.modules_path or kernel.vmlinuz.endswith(".efi"):
            continue
        name = kernel.vmlinuz.rpartition("/")[2]
        is_named = any(entry.linux.rpartition("/")[2] == name for entry in named)
        if is_named or not menu or any(other.initrd for other in kernels):
            yield kernel


def copies(files: GuestReader, kernel: Kernel) -> tuple[str, ...]:
    """Return where the boot menu takes the initramfs of a kernel from, in other folders than the one it is made in."""
    made, found = parent_of(initramfs_path(files, kernel)), list[str]()
    for entry in find_menu(files).entries:
        linux = entry_file(files, entry.linux)
        if not linux or not entry.initrd or not is_entry_of(entry, kernel):
            continue
        named = entry.initrd.split()[-1]  # microcode comes first
        there = entry_file(files, named) or linux.removesuffix(entry.linux) + named
        folder = parent_of(there)
        if (
            linux.endswith(entry.linux)
            and files.is_dir(folder)
            and files.resolve(folder) != files.resolve(made)
        ):
            found.append(there)
    return tuple(dict.fromkeys(found))


def boot_volume(guest: Guest) -> Volume:
    """Return the volume that /boot is on."""
    return next((one.volume for one in guest.mounts if one.path == "/boot"), guest.root)


def esp_folder(guest: Guest) -> str:
    """Return where the guest mounts its ESP.

    :raises UnsupportedGuest: it does not.
    """
    points = [one.path for one in guest.mounts if one.volume.content == "vfat"]
    for point in ("/boot/efi", "/efi", "/boot"):
        if point in points:
            return point
    raise UnsupportedGuest(
        "the guest mounts no ESP", hint="its line in /etc/fstab may be missing or wrong: --only fstab"
    )


def is_efi_program(files: GuestReader, path: str) -> bool:
    """Whether a file is there and begins as an EFI program does (PE's DOS stub)."""
    if not files.is_file(path):
        return False
    with files.open(path) as stream:
        return stream.read(2) == b"MZ"


def boot_disks(guest: Guest) -> tuple[Disk, ...]:
    """Return the disks that the volume with /boot lies on, through LVM, arrays and encryption."""
    volumes = {one.device: one for one in guest.layout.volumes} if guest.layout else {}
    devices, todo = set[str](), [boot_volume(guest).device]
    while todo:
        device = todo.pop()
        if device not in devices:
            devices.add(device)
            todo += volumes[device].parents if device in volumes else boot_volume(guest).parents
    return find_own_disks(guest.layout.disks if guest.layout else (), devices)


def running(guest: Guest, script: str, what: str, devices: Sequence[str] = ()) -> RunInGuest:
    """Return the run of a script without the network.

    :raises UnsupportedGuest: the guest has no shell, or is of an architecture that the host cannot run.
    """
    return replace(run_in_guest(guest, script, network=False, what=what), devices=tuple(devices))
