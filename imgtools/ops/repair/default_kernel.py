"""Have the boot loader start another kernel: an older one where the newest does not boot, or one that is whole.

``kernel`` is its version, such as 6.1.0-18-amd64. Without it the default is only changed if it cannot start: its kernel
is missing, or its initramfs is and the guest has nothing to make it with, or it names an entry that is not there; then
the newest kernel with modules and
initramfs is taken. Changed is what the boot loader reads now (grub.cfg or grubenv, loader.conf, extlinux.conf,
menu.lst) and, for GRUB, what its next configuration is made of: GRUB_DEFAULT.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.errors import UnsupportedGuest
from imgtools.guest.boot.bootloader import find_menu, is_entry_of
from imgtools.guest.boot.bootmenu import BootEntry, Menu
from imgtools.guest.boot.cmdline import RECOVERY
from imgtools.guest.boot.kernels import find_kernels
from imgtools.guest.boot.menu_edit import default_name, make_default
from imgtools.guest.boot.programs import find_maker
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import default_entry, entry_file, starts, whole_kernels
from imgtools.ops.operation import LINUX, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``kernel``: the version to start; "": the newest that is whole, if the default is not."""

    kernel: str = ""


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the changed default.

    :raises UnsupportedGuest: there is no such kernel, or the boot menu has no entry for it.
    """
    menu = find_menu(guest.files)
    # GRUB starts its first entry where the default names none; the next kernel would be started by accident.
    names_nothing = menu.default is None and default_name(guest.files) != ""
    now = None if names_nothing else default_entry(menu)
    wanted = _named(guest, menu, params.kernel) if params.kernel else None
    if wanted is None and (names_nothing or (now is not None and not _can_start(guest, now))):
        wanted = _whole(guest, menu)
    if wanted is not None and not (now is not None and _are_same(now, wanted)):
        yield from make_default(guest.files, wanted)


def _are_same(now: BootEntry, wanted: BootEntry) -> bool:
    """Whether two entries start the same: GRUB's first entry is the first of its submenu once more."""
    return now.linux == wanted.linux and not RECOVERY.search(f"{now.title} {now.id}")


def _named(guest: Guest, menu: Menu, version: str) -> BootEntry:
    known = find_kernels(guest.files)
    kernel = next((one for one in known if one.version == version), None)
    if kernel is None:
        there = ", ".join(one.version for one in known) or "none"
        raise UnsupportedGuest(f"there is no kernel {version}", hint=f"there are: {there}")
    found = next((one for one in _usual(menu) if is_entry_of(one, kernel)), None)
    if found is None:
        raise UnsupportedGuest(
            f"the boot menu has no entry for kernel {version}",
            hint="imgtools repair --only grub-config makes it anew (boot-entries for systemd-boot)",
        )
    return found


def _can_start(guest: Guest, entry: BootEntry) -> bool:
    """Whether an entry's files are there, or its initramfs is all that is missing and can be made."""
    files = guest.files
    return starts(files, entry) or bool(entry_file(files, entry.linux) and find_maker(files))


def _whole(guest: Guest, menu: Menu) -> BootEntry | None:
    files = guest.files
    entries = [one for one in _usual(menu) if starts(files, one)]
    fitting = (one for kernel in whole_kernels(files) for one in entries if is_entry_of(one, kernel))
    return next(fitting, None)


def _usual(menu: Menu) -> list[BootEntry]:
    return [one for one in menu.entries if not RECOVERY.search(f"{one.title} {one.id}")]


def lacking(guest: Guest) -> str:
    """Say so if the guest has no boot menu that is read."""
    return "" if find_menu(guest.files).entries else "no boot menu that is read here"


OPERATION = Operation(
    summary="Start another kernel by default",
    families=LINUX,
    plan=plan,
    params=Params,
    lacking=lacking,
    order=430,
)
