"""The settings of the SSH server as it sees them: which line counts, and what it does where none says.

What its command line says comes first, then the first line of a keyword that is said for all. A Match block for all
overrules both when somebody logs in; what another block says is told with the block. The configuration is that of
sshd_config(5) with what it includes.

Source: servconf.c of OpenSSH 9.9; sshd(8), -o; update-crypto-policies(8) of the Red Hat family, whose release 8 gives
the algorithms on the command line.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sshd import (
    FOLDER,
    LIMIT,
    SshdLine,
    config_of,
    sshd_lines,
    sshd_words,
    unread_files,
)
from imgtools.guest.health.sshd_defaults import ALGORITHMS, Version, algorithms, all_defaults, default_of
from imgtools.guest.health.sshd_lines import SERVER_LIMIT, server_of
from imgtools.guest.packages.applications import list_applications
from imgtools.guest.packages.database import FORMATS

# Other words for the same (servconf.c, keywords).
ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "hostbasedacceptedkeytypes": "hostbasedacceptedalgorithms",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
}
VALUES = {"permitrootlogin": {"without-password": "prohibit-password"}}
_FLAGS = {"true": "yes", "false": "no"}
# Variables whose words a unit or init script puts on the server's command line.
COMMAND_LINES = (
    ("/etc/default/ssh", ("SSHD_OPTS",)),
    ("/etc/sysconfig/sshd", ("OPTIONS", "SSHD_OPTS", "CRYPTO_POLICY")),
    ("/etc/conf.d/sshd", ("SSHD_OPTS", "command_args")),
    ("/etc/sysconfig/ssh", ("SSHD_OPTS",)),
)
CRYPTO_POLICY = "/etc/crypto-policies/back-ends/opensshserver.config"
PACKAGES = ("openssh-server", "openssh")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class SshdValue(NamedTuple):
    """What counts for a keyword, and where it is said; without a path it is the default of the release."""

    value: str
    path: str = ""
    line: int = 0
    match: str = ""  # the criteria of the block that it is said in; "": for all
    on_command_line: bool = False


@dataclass(frozen=True, slots=True)
class SshdSettings:
    """The server's settings. ``version`` is None where nobody can tell. ``lost``: what is included and is not there."""

    config: str
    version: Version | None
    lines: tuple[SshdLine, ...]
    options: tuple[SshdLine, ...] = ()  # of the command line
    lost: tuple[str, ...] = ()

    def said(self, keyword: str) -> SshdValue | None:
        """Return what is said for all; None if nothing is. A block for all (``Match all``) comes before the rest."""
        for line in self._of(keyword, self.lines):
            if _is_for_all(line.match):
                return SshdValue(_value(line), line.path, line.number)
        for line in self._of(keyword, self.options):
            return SshdValue(_value(line), line.path, line.number, on_command_line=True)
        for line in self._of(keyword, self.lines):
            if not line.match:
                return SshdValue(_value(line), line.path, line.number)
        return None

    def value(self, keyword: str) -> SshdValue | None:
        """Return what counts for all, or the default; None if nobody can tell."""
        said = self.said(keyword)
        if said is None and keyword.lower() in ALGORITHMS and self.lost:
            return None
        if keyword.lower() in ALGORITHMS:
            return self._algorithms(keyword.lower(), said)
        if said is not None:
            return said
        default = default_of(keyword.lower(), self.version)
        return None if default is None else SshdValue(default)

    def possible(self, keyword: str) -> tuple[str, ...]:
        """Return what it could be where nothing is said and the release is not known; empty: nobody knows."""
        if self.said(keyword) is not None or self.version is not None or self.lost:
            return ()
        return all_defaults(keyword.lower())

    def _algorithms(self, keyword: str, said: SshdValue | None) -> SshdValue | None:
        """A list of algorithms, put together; its value has them with commas."""
        default = default_of(keyword, self.version)
        if said is None:
            return None if default is None else SshdValue(default)
        if default is None and said.value[:1] in ("+", "-", "^"):
            return None
        return said._replace(value=",".join(algorithms(keyword, said.value, default or "")))

    def in_blocks(self, keyword: str) -> Iterator[SshdValue]:
        """Yield what Match blocks say of a keyword, the first line of each block."""
        seen: set[str] = set()
        for line in self._of(keyword, self.lines):
            if line.match and line.match not in seen and not _is_for_all(line.match):
                seen.add(line.match)
                yield SshdValue(_value(line), line.path, line.number, line.match)

    def _of(self, keyword: str, lines: tuple[SshdLine, ...]) -> Iterator[SshdLine]:
        wanted = ALIASES.get(keyword.lower(), keyword.lower())
        return (one for one in lines if ALIASES.get(one.name, one.name) == wanted and sshd_words(one.value))


def _is_for_all(criteria: str) -> bool:
    return criteria.strip().lower() == "all"


def _value(line: SshdLine) -> str:
    words = sshd_words(line.value)
    first = _FLAGS.get(words[0].lower(), words[0])
    known = VALUES.get(line.name, {})
    return " ".join([known.get(first.lower(), first), *words[1:]])


def read_sshd(files: GuestReader) -> SshdSettings | None:
    """Read the server's settings; None if the guest has no server, or it has no configuration and does not start.

    :raises OddGuest: the configuration cannot be read as a whole.
    """
    server, config = server_of(files), config_of(files)
    if not server or not config:
        return None
    if unread := unread_files(files, config):
        raise OddGuest(
            f"not read: {unread[0]}", hint="it is larger than any real one, or included too deeply"
        )
    lines = tuple(sshd_lines(files, config))
    return SshdSettings(config, version_of(files), lines, tuple(_options(files)), tuple(_lost(files, lines)))


def version_of(files: GuestReader) -> Version | None:
    """Return the release of the server: what its program calls itself, else what its package is called."""
    server = server_of(files)
    size = files.stat(server).size if server else SERVER_LIMIT + 1
    program = files.read_bytes(server, limit=SERVER_LIMIT) if size <= SERVER_LIMIT else b""
    if found := re.search(rb"OpenSSH_(\d{1,3})\.(\d{1,3})", program):
        return int(found[1]), int(found[2])
    for kind in [form.name for form in FORMATS if form.name in ("deb", "apk", "pacman")]:
        if not any(files.exists(path) for form in FORMATS if form.name == kind for path in form.databases):
            continue
        versions = {one.name: one.version for one in list_applications(files, kind)}
        text = next((versions[name] for name in PACKAGES if name in versions), "")
        if match := re.match(r"(\d{1,3})\.(\d{1,3})", text):
            return int(match[1]), int(match[2])
    return None


def _lost(files: GuestReader, lines: tuple[SshdLine, ...]) -> Iterator[str]:
    """Yield the files that are included by their name and are not there; a pattern may match nothing."""
    for line in lines:
        for word in sshd_words(line.value) if line.name == "include" else ():
            path = word if word.startswith("/") else f"{FOLDER}/{word}"
            if not any(letter in word for letter in "*?[") and not files.is_file(path):
                yield path


def _options(files: GuestReader) -> Iterator[SshdLine]:
    """Yield what the command line says, in its order."""
    texts = {path: _text(files, path) for path, _names in COMMAND_LINES}
    sets_policy = re.search(r"(?m)^[ \t]*CRYPTO_POLICY=", texts["/etc/sysconfig/sshd"])
    for path, names in COMMAND_LINES:
        yield from _words_of(path, texts[path], names)
    policy = _text(files, CRYPTO_POLICY)
    if policy.startswith("CRYPTO_POLICY=") and not sets_policy:
        yield from _words_of(CRYPTO_POLICY, policy, ("CRYPTO_POLICY",))


def _text(files: GuestReader, path: str) -> str:
    there = files.is_file(path) and files.stat(path).size <= LIMIT
    return files.read_text(path, limit=LIMIT) if there else ""


def _words_of(path: str, text: str, names: tuple[str, ...]) -> Iterator[SshdLine]:
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r"\s*(?:export\s+)?(\w+)=(.*)$", line)
        if match is None or match[1] not in names:
            continue
        try:
            words = [one for word in shlex.split(match[2], comments=True) for one in shlex.split(word)]
        except ValueError:
            continue
        for option in re.findall(r"(?:^|\0)-o\0?([^\0]+)", "\0".join(words)):
            if said := re.match(r"(\w+)[ \t]*=?[ \t]*(.*)$", option):
                yield SshdLine(path, number, said[1].lower(), said[2], raw=f"-o {option[:200]}")


def seconds(text: str) -> int | None:
    """Return a time as sshd_config(5) writes it (``90``, ``1m30s``, ``1h``) in seconds; None if it is none."""
    if not text or not re.fullmatch(r"(?:\d{1,9}[smhdwSMHDW]){0,8}\d{0,9}", text):
        return None
    return sum(int(number) * UNITS[unit.lower()] for number, unit in re.findall(r"(\d+)([a-zA-Z]?)", text))
