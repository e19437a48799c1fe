"""What a kernel is to be started with where no file of the guest says it: kernel-install would ask the running kernel.

In a guest that does not run, that is another machine's: the arguments come from what is left of the boot menu, from
/etc/default/grub, or from what the kernel wrote of itself at the last boot. The root is called by its own name.
Source: kernel-install(8), files ``cmdline``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.arguments import ELSEWHERE, ending_words, words_of
from imgtools.guest.boot.bootloader import find_menu
from imgtools.guest.boot.cmdline import ARGUMENT
from imgtools.guest.boot.default_grub import said_in_default_grub
from imgtools.guest.boot.root_names import is_same_filesystem, name_of, volume_finder
from imgtools.guest.guest import Guest
from imgtools.records.disks import Holder

CMDLINE_FILES = ("/etc/kernel/cmdline", "/usr/lib/kernel/cmdline")
SAID_AT_START = re.compile(r"(?:Kernel c|C)ommand line: (.{1,4096})")
# Logs that only the kernel has its lines in: what any program could have written is no source of arguments.
OF_THE_KERNEL = re.compile(r"/(?:system[^/]*\.journal~?|kern\.log|dmesg)$")
OF_THE_LOADER = ("BOOT_IMAGE", "initrd", "root")


def says_arguments(files: GuestReader) -> bool:
    """Whether the guest has a file that kernel-install takes a kernel's arguments from."""
    return any(files.is_file(path) and files.stat(path).size for path in CMDLINE_FILES)


def made_arguments(guest: Guest) -> str:
    """Return what the guest's kernels are to be started with, its root first."""
    said = words_of(next(filter(None, _said(guest)), ""))
    leading = set(ending_words(said))
    kept = [
        word
        for word in said
        if word.partition("=")[0] not in OF_THE_LOADER
        and word not in leading
        and re.fullmatch(ARGUMENT, word)
    ]
    kept += [] if {"ro", "rw"} & set(kept) else ["ro"]
    if (flags := _subvolume(guest)) and not any(one.startswith("rootflags=") for one in kept):
        kept.insert(0, f"rootflags={flags}")
    return " ".join([f"root={_root(guest, said)}", *kept])


def _said(guest: Guest) -> Iterator[str]:
    """Yield command lines, the best source first."""
    yield from (entry.cmdline for entry in find_menu(guest.files).entries if entry.linux)
    yield said_in_default_grub(guest.files)
    from imgtools.guest.logs.last_boot import read_last_boot

    for line in read_last_boot(guest.files).lines:
        if OF_THE_KERNEL.search(line.path) and (found := SAID_AT_START.search(line.text)):
            yield found[1]


def _root(guest: Guest, said: list[str]) -> str:
    """The root as it was called, where that is the root; else the name that it has on every machine."""
    named = next((word.partition("=")[2] for word in reversed(said) if word.startswith("root=")), "")
    if named and ELSEWHERE.match(named) and not named.startswith("/dev/"):
        return named
    found = volume_finder(guest)(named) if named else None
    return named if found is not None and is_same_filesystem(found, guest.root) else name_of(guest.root)


def _subvolume(guest: Guest) -> str:
    """The option that mounts the root's subvolume; "" where the root is none."""
    if guest.root.holder is Holder.SUBVOLUME:
        return "subvol=" + guest.root.device.partition(":")[2].partition("/dev/")[2].partition("/")[2]
    options = next((one.options for one in guest.mounts if one.path == "/"), "")
    return next((one for one in options.split(",") if one.startswith("subvol=")), "")
