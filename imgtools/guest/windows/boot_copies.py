r"""The copies of its boot files that Windows keeps, and from which bcdboot makes those that are started.

Source: "BCDBoot Command-Line Options" (learn.microsoft.com): \Windows\Boot\EFI, \Windows\Boot\PCAT. The loader has a
second copy in System32\Boot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imgtools.files.paths import join
from imgtools.guest.guest import Guest
from imgtools.guest.windows.boot_place import FALLBACKS, MANAGER, OLD_MANAGER
from imgtools.guest.windows.program import examine_program

MANAGER_COPY, OLD_MANAGER_COPY = "Boot/EFI/bootmgfw.efi", "Boot/PCAT/bootmgr"
LOADERS = ("winload.efi", "winload.exe", "winresume.efi", "winresume.exe")


class BootCopy(NamedTuple):
    """A file that is started, and the copy of it. ``is_program``: its headers can be looked at; bootmgr has none."""

    path: str
    copy: str
    is_program: bool = True


def has_copies(guest: Guest) -> bool:
    """Whether a Windows has kept copies of its boot manager that are whole."""
    root = guest.os.windows_systemroot
    return any(is_whole(guest, BootCopy("", join(root, one), one == MANAGER_COPY), copy=True)
               for one in (MANAGER_COPY, OLD_MANAGER_COPY))  # fmt: skip


def boot_copies(guest: Guest, store: str) -> Iterator[BootCopy]:
    """Yield the files that a Windows is started by, and their copies, those that are there.

    :param store: the path of its boot configuration, which says where and in which way it boots.
    """
    root = guest.os.windows_systemroot
    for name in LOADERS:
        yield BootCopy(join(root, f"System32/{name}"), join(root, f"System32/Boot/{name}"))
    if store.endswith("/EFI/Microsoft/Boot/BCD"):
        top = store.removesuffix("/EFI/Microsoft/Boot/BCD")
        yield BootCopy(top + MANAGER, join(root, MANAGER_COPY))
        if name := FALLBACKS.get(guest.os.arch, ""):
            yield BootCopy(f"{top}/EFI/Boot/{name}", join(root, MANAGER_COPY))
    else:
        top = store.removesuffix("/Boot/BCD")
        yield BootCopy(top + OLD_MANAGER, join(root, OLD_MANAGER_COPY), is_program=False)


def is_whole(guest: Guest, one: BootCopy, *, copy: bool = False) -> bool:
    """Whether the file, or its copy, is there and whole; one whose content cannot be read here counts as whole."""
    path = one.copy if copy else one.path
    if not guest.files.is_file(path):
        return False
    if one.is_program:
        found = examine_program(guest.files, path)
        return (found is None and not copy) or (found is not None and not found.problem)
    with guest.files.open(path) as stream:
        return bool(stream.read(512).strip(b"\0"))
