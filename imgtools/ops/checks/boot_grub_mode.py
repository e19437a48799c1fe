"""Only root changes the boot loader's configuration, and nobody else reads the hash of its password.

Whoever may write it decides what kernel is started. Readable for all it tells nothing that /proc does not, unless a
hash is in it; some rules want 0600 all the same: ``strict``. Files on the ESP have no modes. Source: GRUB's manual,
grub-mkconfig.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import SetMode, SetOwner
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import EXTLINUX, GRUB2, GRUB_LEGACY
from imgtools.guest.boot.bootmenu import read_config
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

PATHS = (*GRUB2, "/boot/grub2/user.cfg", "/boot/grub/user.cfg", *GRUB_LEGACY, *EXTLINUX)
ALLOWED = 0o600


@dataclass(frozen=True, slots=True)
class Params:
    """``strict``: nobody but root reads it, whether there is a hash in it or not."""

    strict: bool = False


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield the files that others may write, or read though a hash is in them."""
    files = examined.files
    there = [path for path in PATHS if files.is_file(path) and files.resolve(path) == path]
    if not there:
        yield NotThere("the guest has no boot loader with files that have modes")
    for path in there:
        found = files.stat(path)
        fix = always(SetMode(path, found.mode & ALLOWED), SetOwner(path, 0, 0))
        said = f"mode {found.mode:04o}, owner {found.uid}"
        if found.uid or found.mode & 0o022:
            yield Flaw(f"others than root may write {path}", path, evidence=said, fix=fix)
        elif found.mode & 0o077 and _has_hash(files, path):
            text = f"others than root may read the boot loader's password in {path}"
            yield Flaw(text, path, evidence=said, severity=Level.MEDIUM, fix=fix)
        elif found.mode & 0o077 and params.strict:
            yield Flaw(f"others than root may read {path}", path, evidence=said, severity=Level.LOW, fix=fix)


def _has_hash(files: GuestReader, path: str) -> bool:
    text = read_config(files, path).lower()
    return any(word in text for word in ("grub.pbkdf2.", "grub2_password=", "\npassword ", "master passwd"))


CHECK = Check(
    title="Only root changes the boot loader's configuration",
    severity=Level.HIGH,
    look=look,
    params=Params,
    references=("CIS Debian 12 1.4.2", "ANSSI R29", "NIST 800-53 AC-6"),
)
