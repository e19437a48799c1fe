"""What the SSH server of a guest is told about an account: sshd_config(5), with what it includes.

The first value of a keyword counts; a Match block that is about the account comes before what is said for all. Blocks
that look at the connection (Address, Host ...) are left out: nobody knows from where somebody will come.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Iterator, Sequence

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import Account

CONFIG = "/etc/ssh/sshd_config"
LIMIT = 1 << 20  # bytes of one file
DEEPEST = 16  # files that include each other (servconf.c, SERVCONF_MAX_DEPTH)
KEY_FILES = ".ssh/authorized_keys .ssh/authorized_keys2"


def key_files(files: GuestReader, account: Account, groups: Sequence[str]) -> tuple[str, ...]:
    """Return the files in which sshd looks for the keys of an account, in their order; none: it takes no keys."""
    said = sshd_setting(files, "AuthorizedKeysFile", account, groups) or KEY_FILES
    names = [] if said.lower() == "none" else _words(said)
    tokens = {"%%": "%", "%h": account.home, "%u": account.name, "%U": str(account.uid)}
    expanded = [re.sub("%[%huU]", lambda match: tokens[match[0]], name) for name in names]
    home = account.home.rstrip("/")
    return tuple(name if name.startswith("/") else f"{home}/{name}" for name in expanded)


def sshd_setting(files: GuestReader, keyword: str, account: Account, groups: Sequence[str]) -> str:
    """Return the value of a keyword for an account; empty if nothing says."""
    everyone, matched = "", ""
    is_met: bool | None = None  # within a Match block: whether it is about the account
    for name, value in _lines(files, CONFIG, 0):
        if name == "match":
            is_met = _is_about(value, account, groups)
        elif name == keyword.lower() and is_met is None:
            everyone = everyone or value
        elif name == keyword.lower() and is_met:
            matched = matched or value
    return matched or everyone


def _lines(files: GuestReader, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield keywords in small letters with their values, included files in their place."""
    if depth > DEEPEST or not files.is_file(path) or files.stat(path).size > LIMIT:
        return
    for line in files.read_text(path, limit=LIMIT).splitlines():
        match = re.match(r"\s*([A-Za-z]\w*)\s*[\s=]\s*(.*?)\s*$", line)
        if match is None:
            continue
        name, value = match[1].lower(), match[2]
        if name != "include":
            yield name, value
            continue
        for pattern in _words(value):
            for one in files.glob(pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"):
                yield from _lines(files, one, depth + 1)


def _is_about(criteria: str, account: Account, groups: Sequence[str]) -> bool:
    words = _words(criteria)
    if [word.lower() for word in words] == ["all"]:
        return True
    pairs = list(zip(words[::2], words[1::2], strict=False))
    names = {"user": [account.name], "group": list(groups)}
    return bool(pairs) and all(_fits(patterns, names.get(kind.lower(), [])) for kind, patterns in pairs)


def _fits(patterns: str, names: Sequence[str]) -> bool:
    """Whether a list of patterns fits one of the names; one with ``!`` that fits rules it out (ssh_config(5))."""
    split = patterns.split(",")
    if any(fnmatch.fnmatchcase(name, one[1:]) for one in split if one.startswith("!") for name in names):
        return False
    return any(fnmatch.fnmatchcase(name, one) for one in split if not one.startswith("!") for name in names)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()
