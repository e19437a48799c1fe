"""Where Windows is on a volume: its folder, by the hives in it. Cheap, for every volume is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.paths import join
from imgtools.files.tree import GuestReader

SYSTEMROOTS = ("/Windows", "/WINNT", "/WIN32", "/WIN", "/ReactOS")
BOOT_INI_LIMIT = 64 << 10
# multi(0)disk(0)rdisk(0)partition(1)\WINDOWS="Microsoft Windows XP Professional" /fastdetect
BOOT_INI_LINE = r"(?im)^(?:multi|scsi|signature)\([^=]*?\)\\(?P<path>[^=\"]+)="


def find_systemroot(files: GuestReader) -> str | None:
    """Return the folder of Windows as the guest spells it (``/Windows``), or None."""
    for path in (*SYSTEMROOTS, *_boot_ini_roots(files)):
        if (
            files.is_dir(join(path, "System32/config"))
            and files.lstat(join(path, "System32/cmd.exe")) is not None
        ):
            return files.resolve(path)
    return None


def _boot_ini_roots(files: GuestReader) -> Iterator[str]:
    """Yield the folders that boot.ini of Windows XP and older starts a Windows from."""
    if not files.is_file("/boot.ini"):
        return
    with files.open("/boot.ini") as stream:
        text = stream.read(BOOT_INI_LIMIT).decode("latin-1")
    for match in re.finditer(BOOT_INI_LINE, text):
        yield "/" + match["path"].strip().strip("\\").replace("\\", "/")
