"""/tmp and /var/tmp belong to root, everybody may write there, and nobody touches the files of others.

Whoever owns them, or without the sticky bit everybody, exchanges files that other programs are about to use. Programs
also fail where they cannot write there. Source: inode(7), Filesystem Hierarchy Standard 3.0; systemd's tmp.conf sets
1777.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import SetMode, SetOwner
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.files import FileKind

PLACES = ("/tmp", "/var/tmp", "/dev/shm")
WANTED = 0o1777


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield those of them that are not as they should be; links are passed over."""
    for path in PLACES:
        found = examined.files.lstat(path)
        if found is None or found.kind is not FileKind.DIRECTORY:
            continue
        # /dev/shm on the disk is only what is mounted over.
        is_open = found.mode & 0o1002 == 0o002
        if is_open or found.uid or (found.mode & WANTED != WANTED and not path.startswith("/dev/")):
            yield Flaw(
                f"{path} is not a sticky folder of root",
                path,
                evidence=f"mode {found.mode:04o}, owner {found.uid}",
                fix=always(SetOwner(path, 0, 0), SetMode(path, WANTED)),
            )


CHECK = Check(
    title="/tmp and /var/tmp are sticky folders of root",
    severity=Level.HIGH,
    look=look,
    references=("ANSSI R54", "NIST 800-53 AC-6"),
)
