"""Only root puts libraries into the folders where they are looked for.

Every program of root loads what is there. Told are the folders that ldconfig reads. Source: ld.so(8), ldconfig(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.find.release import read_small
from imgtools.guest.settings.trusted import who_else
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

USUAL = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
FILES = ("/etc/ld.so.conf", "/etc/ld.so.conf.d/*.conf", "/etc/ld.so.cache")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the folders, and the files that name them, that others than root may write to."""
    files = examined.files
    named = [path for pattern in FILES for path in files.glob(pattern) if files.is_file(path)]
    folders = [*USUAL, *(folder for path in named for folder in _folders(files, path))]
    for path in dict.fromkeys((*named, *folders)):
        if files.exists(path) and (who := who_else(files, path)):
            text = f"libraries of all programs come from {path}, and {who}"
            yield Flaw(text, path, advice="give it and the folders above it to root alone")


def _folders(files: GuestReader, path: str) -> Iterator[str]:
    if path.endswith(".conf"):
        yield from re.findall(r"(?m)^[ \t]*(/[^\s#:,=]+)", read_small(files, path))


CHECK = Check(
    title="Only root puts libraries where they are looked for",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 CM-5",),
)
