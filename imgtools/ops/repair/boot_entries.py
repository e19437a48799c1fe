"""Put the entries of the Boot Loader Specification in order: those whose kernel is gone go, missing ones are made.

An entry goes only if another one is left whose kernel and initramfs are there. If none is, the guest's own
kernel-install makes one for each kernel that it has in /usr/lib/modules, or in /boot with its modules. Where no file
says what kernels are started with, kernel-install would take what the running kernel was started with, which is not
the guest's: it is given what is left of the boot menu, /etc/default/grub, or what the kernel has logged at the last
boot; and an initramfs that it has made is for any hardware. Source: the UAPI group's specification UAPI.1,
kernel-install(8).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from imgtools.change.change import Change, Remove
from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootmenu import ESP_FOLDERS, loader_entries
from imgtools.guest.boot.kernels import version_key
from imgtools.guest.boot.made_arguments import made_arguments, says_arguments
from imgtools.guest.boot.programs import find_program
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import entry_file, running, starts
from imgtools.ops.operation import LINUX, NoParams, Operation

MOST_KERNELS = 8  # each takes a minute for its initramfs
# Files that are there only while kernel-install runs: what it is to say, and what dracut is to put in.
CMDLINE, DRACUT = "/etc/kernel/cmdline", "/etc/dracut.conf.d/zz-any-hardware.conf"


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
    program, images = find_program(files, "kernel-install"), _images(files)
    if not program or not images:
        raise UnsupportedGuest("no entry of the boot menu has its kernel, and kernel-install cannot make one")
    for version in sorted(images, key=version_key)[-MOST_KERNELS:]:
        words = (program, "add", shlex.quote(version), shlex.quote(images[version]))
        yield running(guest, f"{_around(guest)}{' '.join(words)}\n", f"kernel-install for {version}")


def _images(files: GuestReader) -> dict[str, str]:
    """The kernels that an entry can be made for, by version: with modules, and outside the ESP."""
    beside = [path for path in files.glob("/boot/vmlinuz-*") if files.is_file(path)]
    found = {path.partition("-")[2]: path for path in beside}
    images = {version: path for version, path in found.items() if files.is_dir(f"/lib/modules/{version}")}
    inside = (path for path in files.glob("/usr/lib/modules/*/vmlinuz") if files.is_file(path))
    return images | {path.split("/")[-2]: path for path in inside}


def _around(guest: Guest) -> str:
    """What is put there for kernel-install, and taken away again at the end."""
    written = {}
    if not says_arguments(guest.files):
        written[CMDLINE] = made_arguments(guest)
    if find_program(guest.files, "dracut"):
        written[DRACUT] = "hostonly=no"
    lines = ["set -e"]
    if written:
        lines.append(f"trap 'rm -f {' '.join(written)}' EXIT")
    for path, text in written.items():
        lines += [f"mkdir -p {path.rpartition('/')[0]}", f"echo {shlex.quote(text)} >{path}"]
    return "\n".join(lines) + "\n"


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
