"""Where root's shell looks for programs: PATH, as login, PAM, the shell's profiles and sudo set it.

Source: login.defs(5), ENV_SUPATH; pam_env(8), /etc/environment; bash(1), INVOCATION; sudoers(5), secure_path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import SUDOERS

PROFILES = (
    "/etc/environment",
    "/etc/profile",
    "/etc/profile.d/*.sh",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "{home}/.profile",
    "{home}/.bash_profile",
    "{home}/.bash_login",
    "{home}/.bashrc",
)
LOGIN_DEFS = ("/etc/login.defs", "/usr/etc/login.defs")
LIMIT = 1 << 20  # bytes of one file
ASSIGNED = re.compile(
    r"""(?:^|[\s;&{])(?:export\s+|declare\s+-x\s+)?PATH=(?:"([^"\n]*)"|'([^'\n]*)'|([^\s;"'&]*))"""
)
SUPATH = re.compile(r"^\s*ENV_SUPATH\s+(?:PATH=)?(\S*)")
SECURE = re.compile(r"""^\s*Defaults\b.*\bsecure_path\s*=\s*(?:"([^"\n]*)"|([^\s,]*))""")


class PathEntry(NamedTuple):
    """A folder of PATH and the line that names it; "" where nothing stands between two colons: the current folder."""

    folder: str
    path: str
    line: int


def root_path(files: GuestReader, home: str) -> Iterator[PathEntry]:
    """Yield the folders in which root looks for programs, wherever one is named; variables are left out."""
    for patterns, expression in (
        (PROFILES, ASSIGNED),
        (LOGIN_DEFS, SUPATH),
        ((*SUDOERS, "/etc/sudoers.d/*"), SECURE),
    ):
        for pattern in patterns:
            for path in files.glob(pattern.format(home=home.rstrip("/"))):
                if files.is_file(path) and files.stat(path).size <= LIMIT:
                    yield from _entries(path, files.read_text(path, limit=LIMIT), expression)


def _entries(path: str, text: str, expression: re.Pattern[str]) -> Iterator[PathEntry]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("#"):
            continue
        for match in expression.finditer(line):
            value = next((one for one in match.groups() if one is not None), "")
            for folder in value.split(":") if value else ():
                if not any(letter in folder for letter in "$`~"):
                    yield PathEntry(folder.strip(), path, number)
