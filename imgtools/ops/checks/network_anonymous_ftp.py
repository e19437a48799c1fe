"""FTP lets in nobody without a name.

vsftpd does unless anonymous_enable=NO: it is its default. Source: vsftpd.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.find.release import read_small
from imgtools.ops.check import Check, Fix, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

PATHS = ("/etc/vsftpd.conf", "/etc/vsftpd/vsftpd.conf")
SAID = r"(?im)^anonymous_enable=(\S+)[ \t]*$"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a vsftpd that lets in everybody."""
    path = next((one for one in PATHS if examined.files.is_file(one)), "")
    if not path or not starts(examined, "vsftpd"):
        yield NotThere("vsftpd is not started")
        return
    found = re.findall(SAID, read_small(examined.files, path))
    if not found or found[-1].upper() not in ("NO", "FALSE", "0"):
        said = f"anonymous_enable={found[-1]}" if found else "anonymous_enable is not set, and on"
        yield Flaw("FTP lets in everybody", path, evidence=said[:100], fix=turning_off(path))


def turning_off(path: str) -> Fix:
    """Return the fix that lets in nobody without a name."""

    def fix(files: GuestReader) -> Iterator[Change]:
        text = read_small(files, path)
        edited = re.sub(SAID, "anonymous_enable=NO", text)
        if not re.search(SAID, text):
            edited += ("" if not text or text.endswith("\n") else "\n") + "anonymous_enable=NO\n"
        yield WriteFile(path, edited.encode("utf-8", "surrogateescape"))

    return fix


CHECK = Check(
    title="FTP lets in nobody without a name",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 IA-2",),
)
