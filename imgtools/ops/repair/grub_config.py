"""Make GRUB's configuration anew, with the guest's own grub-mkconfig.

Asked by itself where the configuration is missing or empty, or none of its entries has its kernel and initramfs;
``force=yes`` in any case. What os-prober would find is looked for only if /etc/default/grub says so. It is made where
/etc/grub2.cfg and /etc/grub2-efi.cfg lead, else in /boot/grub or /boot/grub2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.guest.boot.bootloader import find_loader, find_menu
from imgtools.guest.boot.bootmenu import CONFIG_LIMIT, read_config
from imgtools.guest.boot.kernels import find_kernels
from imgtools.guest.boot.programs import find_program, grub_config_script, grub_configs, grub_folder
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import running, starts
from imgtools.ops.operation import LINUX, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``force``: also where nothing is seen to be wrong with it."""

    force: bool = False


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the run of grub-mkconfig, if it is needed."""
    if params.force or is_useless(guest):
        yield running(
            guest,
            grub_config_script(guest.files),
            f"grub-mkconfig for {' and '.join(grub_configs(guest.files))}",
        )


def is_useless(guest: Guest) -> bool:
    """Whether GRUB's configuration starts nothing that is there, though there are kernels."""
    files = guest.files
    if not find_kernels(files):
        return False
    for path in grub_configs(files):
        if files.is_file(path) and files.stat(path).size > CONFIG_LIMIT:
            return False
        text = read_config(files, path)
        if "menuentry" not in text and "blscfg" not in text and "configfile" not in text:
            return True
    loader, config = find_loader(files)
    entries = find_menu(files).entries
    leads_on = any(word in read_config(files, config) for word in ("blscfg", "configfile"))
    if not entries:
        return loader == "grub2" and not leads_on  # it says menuentry, and has none that can be read
    return not any(starts(files, one) for one in entries)


def lacking(guest: Guest) -> str:
    """Say so if GRUB or its program is not there."""
    if not grub_folder(guest.files):
        return "no GRUB 2"
    return "" if find_program(guest.files, "grub-mkconfig", "grub2-mkconfig") else "no grub-mkconfig"


OPERATION = Operation(
    summary="Make GRUB's configuration anew",
    families=LINUX,
    plan=plan,
    params=Params,
    lacking=lacking,
    order=420,
)
