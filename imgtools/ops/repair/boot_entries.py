"""Put the entries of the Boot Loader Specification in order: those whose kernel is gone go, missing ones are made.

An entry goes only if another one is left whose kernel and initramfs are there. If none is, the guest's own
kernel-install makes one for each kernel that it has in /usr/lib/modules, with an initramfs. Source: the UAPI group's
specification UAPI.1, kernel-install(8).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from imgtools.change.change import Change, Remove
from imgtools.errors import UnsupportedGuest
from imgtools.guest.boot.bootmenu import ESP_FOLDERS, loader_entries
from imgtools.guest.boot.programs import find_program
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import entry_file, running, starts
from imgtools.ops.operation import LINUX, NoParams, Operation

MOST_KERNELS = 8  # each takes a minute for its initramfs


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removals, or the runs of kernel-install.

    :raises UnsupportedGuest: no entry is whole, and the guest has nothing to make one with.
    """
    files = guest.files
    entries = loader_entries(files)
    if any(starts(files, one) for one in entries):
        gone = {one.id for one in entries if one.linux and not entry_file(files, one.linux)}
        for folder in ESP_FOLDERS:
            for path in files.glob(f"{folder}/loader/entries/*.conf"):
                if path.rpartition("/")[2].removesuffix(".conf") in gone:
                    yield Remove(path, size=files.stat(path).size)
        return
    program = find_program(files, "kernel-install")
    images = [path for path in files.glob("/usr/lib/modules/*/vmlinuz") if files.is_file(path)]
    if not program or not images:
        raise UnsupportedGuest("no entry of the boot menu has its kernel, and kernel-install cannot make one")
    for path in images[-MOST_KERNELS:]:
        version = path.split("/")[-2]
        script = f"set -e\n{program} add {shlex.quote(version)} {shlex.quote(path)}\n"
        yield running(guest, script, f"kernel-install for {version}")


def lacking(guest: Guest) -> str:
    """Say so if the guest has no such entries, nor a place for them."""
    is_there = any(guest.files.is_dir(f"{folder}/loader/entries") for folder in ESP_FOLDERS)
    return "" if is_there else "no entries of the Boot Loader Specification"


OPERATION = Operation(
    summary="Put the entries of the boot menu in order",
    families=LINUX,
    plan=plan,
    lacking=lacking,
    order=330,
)
