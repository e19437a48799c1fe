"""A boot that is started once: GRUB's ``next_entry``, and an entry of its own for it.

GRUB takes ``next_entry`` of its environment block back before it starts the entry; it can do so only where it writes
to the block: in the file system of a partition, not on LVM, RAID, btrfs or an encrypted volume.

Source: GRUB's manual, "Environment block" and 00_header (``next_entry``); the Boot Loader Specification; blscfg.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.change.change import Change, WriteFile
from imgtools.errors import OddGuest, UnsupportedGuest
from imgtools.guest.boot.bootloader import GRUB2
from imgtools.guest.boot.bootmenu import CONFIG_LIMIT, BootEntry, grub2_menu, read_config
from imgtools.guest.boot.cmdline import GRUBENV_SIZE, Arguments
from imgtools.guest.guest import Guest
from imgtools.records.disks import Holder

ENTRIES = "/boot/loader/entries"
WRITABLE = frozenset({"ext2", "ext3", "ext4", "xfs", "vfat"})  # whose blocks GRUB writes in place
HEAD = "# GRUB Environment Block\n"


class Grub(NamedTuple):
    """GRUB's configuration and environment block, and the entry that starts by default."""

    config: str
    environment: str
    entry: BootEntry
    path: str  # of the entry


def grub_with_entries(guest: Guest) -> Grub:
    """Return the GRUB of a guest whose menu is made of entries of the Boot Loader Specification.

    :raises UnsupportedGuest: it has no such GRUB, or none that takes ``next_entry`` back.
    """
    files = guest.files
    config = next((path for pattern in GRUB2 for path in files.glob(pattern) if files.is_file(path)), "")
    text = read_config(files, config)
    if not re.search(r"(?m)^[ \t]*blscfg\b", text) or "next_entry" not in text:
        raise UnsupportedGuest(
            "no GRUB with entries of the Boot Loader Specification that starts one of them once"
        )
    environment = f"{config.rpartition('/')[0]}/grubenv"
    if not files.is_file(environment):
        raise UnsupportedGuest(f"GRUB has no environment block ({environment})")
    environment = files.resolve(environment)
    # What is started each time, whatever is to be started next. Without its name the first of the menu is, which a
    # further entry may become.
    saved = re.search(r"(?m)^saved_entry=(.+)$", read_config(files, environment))
    entries = grub2_menu(files, config, text).entries
    entry = next((one for one in entries if saved is not None and one.id == saved[1]), None)
    path = f"{ENTRIES}/{entry.id}.conf" if entry is not None else ""
    if entry is None or not files.is_file(path):
        raise UnsupportedGuest("GRUB does not say by its name which entry it starts by default (saved_entry)")
    at = max((one for one in guest.mounts if _is_below(environment, one.path)), key=lambda one: len(one.path))
    if at.volume.holder not in (Holder.PARTITION, Holder.DISK) or at.volume.content not in WRITABLE:
        raise UnsupportedGuest(
            f"GRUB does not write to {at.volume.device} ({at.volume.content}): it would start the entry each time"
        )
    return Grub(config, environment, entry, path)


def _is_below(path: str, point: str) -> bool:
    return path.startswith(f"{point.rstrip('/')}/")


def start_once(guest: Guest, grub: Grub, wanted: Arguments, name: str, title: str) -> Iterator[Change]:
    """Yield a copy of the default entry with other arguments, and what has GRUB start it once.

    :raises OddGuest: the environment block is full, or none.
    """
    files = guest.files
    text = files.read_text(grub.path, limit=CONFIG_LIMIT)
    identity = f"{grub.entry.id}-{name}"
    path = f"{ENTRIES}/{identity}.conf"
    edited = re.sub(
        r"(?m)^(options[ \t]+)(.*)$", lambda found: found[1] + wanted.edit(found[2]), text, count=1
    )
    edited = re.sub(r"(?m)^title[ \t]+(.*)$", lambda found: f"title {found[1]} ({title})", edited)
    content = edited.encode("utf-8", "surrogateescape")
    if not files.is_file(path) or files.read_bytes(path, limit=CONFIG_LIMIT) != content:
        yield WriteFile(path, content)
    yield from _with_next(guest, grub.environment, identity)


def _with_next(guest: Guest, path: str, identity: str) -> Iterator[Change]:
    text = guest.files.read_text(path, limit=CONFIG_LIMIT)
    if not text.startswith(HEAD):
        raise OddGuest(f"{path} is no environment block of GRUB", hint="imgtools repair --only grub-env")
    kept = re.sub(r"(?m)^next_entry=.*\n", "", text).rstrip("#")
    edited = f"{kept}next_entry={identity}\n".encode("utf-8", "surrogateescape")
    if len(edited) > GRUBENV_SIZE:
        raise OddGuest(f"{path} has {GRUBENV_SIZE} bytes, and next_entry does not fit in any more")
    content = edited.ljust(GRUBENV_SIZE, b"#")
    if content != text.encode("utf-8", "surrogateescape"):
        yield WriteFile(path, content)
