r"""Put Windows' own copies in the place of boot files that are missing or damaged.

What is started from the ESP or the active partition (bootmgfw.efi, bootx64.efi, bootmgr) comes from ``\Windows\Boot``,
as bcdboot does it; the loader (winload, winresume) from ``\Windows\System32\Boot``. A file that is whole stays, of
whichever version it is. The boot configuration has to be there: it is not made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.files.paths import parent_of
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, NoParams, Operation
from imgtools.ops.windows_repairs import no_boot_configuration

LARGEST = 64 << 20  # bytes; bootmgfw.efi and winload.efi have some 2 MiB


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the files whose copy is whole, and which themselves are not."""
    from imgtools.guest.windows.boot_copies import boot_copies, is_whole
    from imgtools.guest.windows.registry import BOOT_HIVE_PATHS

    store = next(path for path in BOOT_HIVE_PATHS if guest.files.is_file(path))
    ends = _ends(store)
    for one in boot_copies(guest, store):
        if one.path.endswith(ends) and not is_whole(guest, one) and is_whole(guest, one, copy=True):
            if not guest.files.is_dir(parent_of(one.path)):
                yield MakeDirectory(parent_of(one.path))
            yield _written(guest, one.path, one.copy)


def _ends(store: str) -> tuple[str, ...]:
    """The endings of what is used: a Windows that UEFI starts has no need of winload.exe."""
    return (".efi",) if "/EFI/" in store else (".exe", "/bootmgr")


def _written(guest: Guest, path: str, copy: str) -> WriteFile:
    content = guest.files.read_bytes(copy, limit=LARGEST)
    before = ""
    if guest.files.is_file(path):
        path = guest.files.resolve(path)
        before = hashlib.sha256(guest.files.read_bytes(path, limit=LARGEST)).hexdigest()
    return WriteFile(path, content, before=before, private=True, what=f"a copy of {copy}")


OPERATION = Operation(
    summary="Put copies in the place of damaged boot files",
    families=WINDOWS,
    plan=plan,
    lacking=no_boot_configuration,
)
