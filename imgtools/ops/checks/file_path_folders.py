"""Only root puts programs into the folders where programs are looked for.

Whoever can puts an "ls" there and waits for root. Nor may PATH have the folder where one happens to be (".", or an
empty part). Source: environ(7), login.defs(5) (ENV_PATH, ENV_SUPATH), pam_env(8), sudoers(5) (secure_path).
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

USUAL = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# A file, and how a line of it gives a PATH.
SETTINGS = (
    ("/etc/environment", r"(?m)^[ \t]*(?:export\s+)?PATH=[\"']?([^\"'\n]*)"),
    ("/etc/login.defs", r"(?m)^[ \t]*ENV_(?:SU)?PATH\s+(?:PATH=)?(\S+)"),
    ("/etc/profile", r"(?m)^[ \t]*(?:export\s+)?PATH=[\"']?([^\"'\n;]*)"),
    ("/etc/crontab", r"(?m)^[ \t]*PATH=[\"']?([^\"'\n]*)"),
    ("/etc/sudoers", r"(?m)^[ \t]*Defaults\s+secure_path\s*=\s*[\"']?([^\"'\n]*)"),
    ("/root/.profile", r"(?m)^[ \t]*(?:export\s+)?PATH=[\"']?([^\"'\n;]*)"),
    ("/root/.bashrc", r"(?m)^[ \t]*(?:export\s+)?PATH=[\"']?([^\"'\n;]*)"),
    ("/root/.bash_profile", r"(?m)^[ \t]*(?:export\s+)?PATH=[\"']?([^\"'\n;]*)"),
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the folders that others than root may write to, and relative ones."""
    files = examined.files
    said = dict.fromkeys((one, "", 0) for one in USUAL if files.is_dir(one))
    said |= dict.fromkeys(_said(files))
    seen: set[str] = set()
    for folder, path, line in said:
        if folder in seen:
            continue
        seen.add(folder)
        if folder in ("", ".") or not folder.startswith(("/", "$", "~", "@")):
            text = "PATH has the folder where one happens to be"
            yield Flaw(text, path, line, subject=folder or "an empty part", advice="take it out of PATH")
        elif files.is_dir(folder) and (who := who_else(files, folder)):
            yield Flaw(
                f"programs are looked for in {folder}, and {who}",
                folder,
                evidence=f"PATH of {path}" if path else "",
                advice="give the folder and those above it to root alone",
            )


def _said(files: GuestReader) -> Iterator[tuple[str, str, int]]:
    for path, pattern in SETTINGS:
        text = read_small(files, path)
        for found in re.finditer(pattern, text):
            line = text.count("\n", 0, found.start(1)) + 1
            value = found[1].strip()
            for folder in value.split(":") if value and "$(" not in value and "`" not in value else ():
                yield folder.strip(), path, line


CHECK = Check(
    title="Only root puts programs where they are looked for",
    severity=Level.HIGH,
    look=look,
    references=("CIS Debian 12 5.4.2.5", "NIST 800-53 CM-5"),
)
