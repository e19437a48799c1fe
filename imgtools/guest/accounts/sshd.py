"""What the SSH server of a guest is told: sshd_config(5), line by line with what it includes, and of one account.

The first value of a keyword counts; a Match block that is about the account comes before what is said for all. Blocks
that look at the connection (Address, Host ...) are left out: nobody knows from where somebody will come.

Source: process_server_config_line_depth() in servconf.c and argv_split() in misc.c of OpenSSH 9.9.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import Account

CONFIG = "/etc/ssh/sshd_config"
CONFIGS = (CONFIG, "/usr/etc/ssh/sshd_config")  # SUSE's own is read where there is no other
FOLDER = "/etc/ssh"  # where names of included files begin that have no slash in front
LIMIT = 1 << 20  # bytes of one file
DEEPEST = 16  # files that include each other (servconf.c, SERVCONF_MAX_DEPTH)
MOST_FILES = 300  # that are read, each as often as it is included
KEY_FILES = ".ssh/authorized_keys .ssh/authorized_keys2"


class SshdLine(NamedTuple):
    """One line that says something: ``name`` in small letters; ``match`` are the criteria of the block it is in."""

    path: str
    number: int  # from 1 on
    name: str
    value: str
    match: str = ""
    raw: str = ""


class _Reading:
    """How many files were read so far, and which were not."""

    def __init__(self) -> None:
        self.files = 0
        self.unread: list[str] = []

    def begins(self, files: GuestReader, path: str, depth: int) -> bool:
        """Whether a file is to be read.

        :raises OddGuest: files include each other without an end.
        """
        self.files += 1
        if self.files > MOST_FILES:
            raise OddGuest(
                f"{path}: more than {MOST_FILES} files are included",
                hint="the SSH server does not start with it",
            )
        if not files.is_file(path):
            return False
        if depth > DEEPEST or files.stat(path).size > LIMIT:
            self.unread.append(path)
            return False
        return True


def config_of(files: GuestReader) -> str:
    """Return the server's configuration; "" if there is none."""
    return next((path for path in CONFIGS if files.is_file(path)), "")


def sshd_lines(files: GuestReader, path: str = CONFIG) -> Iterator[SshdLine]:
    """Yield the lines of the server's configuration in the order in which it reads them, included files in place.

    :raises OddGuest: files include each other without an end.
    """
    yield from _lines(files, path, "", 0, _Reading())


def unread_files(files: GuestReader, path: str = CONFIG) -> tuple[str, ...]:
    """Return the files that are left out of :func:`sshd_lines`: larger than any real one, or included too deeply."""
    reading = _Reading()
    for _line in _lines(files, path, "", 0, reading):
        pass
    return tuple(dict.fromkeys(reading.unread))


def _lines(files: GuestReader, path: str, block: str, depth: int, reading: _Reading) -> Iterator[SshdLine]:
    """Yield the lines of a file; a block that begins in it ends with it."""
    if not reading.begins(files, path, depth):
        return
    true_path, match = files.resolve(path), block
    for number, line in enumerate(files.read_text(path, limit=LIMIT).split("\n"), 1):
        stripped = line.strip(" \t\r\f").lstrip(' \t\r\f"')
        if not stripped or stripped.startswith("#"):
            continue
        found = re.match(r'([^\s="]+)"?[ \t]*=?[ \t]*(.*)$', stripped)
        name, value = (found[1].lower(), found[2]) if found else (stripped.lower(), "")
        if name == "match":
            match = _both(block, value)
        raw = line.strip(" \t\r\f")[:200]
        yield SshdLine(true_path, number, name, value, match if name != "match" else "", raw)
        if name == "include":
            for pattern in sshd_words(value) if depth < DEEPEST else _too_deep(reading, true_path):
                for one in files.glob(pattern if pattern.startswith("/") else f"{FOLDER}/{pattern}"):
                    yield from _lines(files, one, match, depth + 1, reading)


def _too_deep(reading: _Reading, path: str) -> tuple[str, ...]:
    reading.unread.append(path)
    return ()


def _both(outer: str, inner: str) -> str:
    """The criteria of a block in a file that is included within another block: both have to be met."""
    if not outer or outer.strip().lower() == "all":
        return inner
    return outer if inner.strip().lower() == "all" else f"{outer} {inner}"


def split_words(text: str) -> list[str] | None:
    """Split a value as the server does (argv_split()); None where a quote does not end."""
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
            continue
        if text[at] == "#":
            break
        word, at, is_whole = _word(text, at)
        if not is_whole:
            return None
        words.append(word)
    return words


def _word(text: str, at: int) -> tuple[str, int, bool]:
    """Return the word that begins at a place, where it ends, and whether its quotes do."""
    word, quote = "", ""
    while at < len(text):
        letter, following = text[at], text[at + 1 : at + 2]
        if letter == "\\" and following and (following in "'\"\\" or (following == " " and not quote)):
            word += following
            at += 1
        elif not quote and letter in " \t":
            break
        elif not quote and letter in "'\"":
            quote = letter
        elif quote and letter == quote:
            quote = ""
        else:
            word += letter
        at += 1
    return word, at, not quote


def sshd_words(text: str) -> list[str]:
    """Split a value as the server does; one with a quote that does not end at its spaces."""
    words = split_words(text)
    return text.split() if words is None else words


def key_files(
    files: GuestReader, account: Account, groups: Sequence[str], lines: Iterable[SshdLine] | None = None
) -> tuple[str, ...]:
    """Return the files in which sshd looks for the keys of an account, in their order; none: it takes no keys.

    :param lines: those of the configuration, where they have been read already.
    """
    said = _setting(sshd_lines(files) if lines is None else lines, "AuthorizedKeysFile", account, groups)
    names = sshd_words(said or KEY_FILES)
    names = [] if [one.lower() for one in names] == ["none"] else names
    tokens = {"%%": "%", "%h": account.home, "%u": account.name, "%U": str(account.uid)}
    expanded = [re.sub("%[%huU]", lambda match: tokens[match[0]], name) for name in names]
    home = account.home.rstrip("/")
    return tuple(name if name.startswith("/") else f"{home}/{name}" for name in expanded)


def sshd_setting(
    files: GuestReader,
    keyword: str,
    account: Account,
    groups: Sequence[str],
    lines: Iterable[SshdLine] | None = None,
) -> str:
    """Return the value of a keyword for an account; empty if nothing says.

    :param lines: those of the configuration, where they have been read already.
    """
    told = sshd_lines(files) if lines is None else lines
    return " ".join(sshd_words(_setting(told, keyword, account, groups)))


def _setting(lines: Iterable[SshdLine], keyword: str, account: Account, groups: Sequence[str]) -> str:
    everyone, matched = "", ""
    for line in lines:
        if line.name != keyword.lower():
            continue
        if not line.match:
            everyone = everyone or line.value
        elif not matched and _is_about(line.match, account, groups):
            matched = line.value
    return matched or everyone


def _is_about(criteria: str, account: Account, groups: Sequence[str]) -> bool:
    words = sshd_words(criteria)
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
