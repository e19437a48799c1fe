"""The files of the packages of an Arch guest: pacman's ``local`` database, its mtree files, and NoExtract.

Sources: mtree(5) as libarchive writes it, pacman's lib/libalpm/be_local.c, pacman.conf(5).
"""

from __future__ import annotations

import fnmatch
import re
import zlib
from collections.abc import Callable, Iterator

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.applications import ENTRY_LIMIT, TEXT_LIMIT
from imgtools.records.files import FileKind
from imgtools.records.packages import PackageFile

LOCAL = "/var/lib/pacman/local"
CONFIG = "/etc/pacman.conf"
KINDS = {"file": FileKind.FILE, "dir": FileKind.DIRECTORY, "link": FileKind.LINK}
DIGESTS = (("sha256", "sha256digest"), ("sha256", "sha256"), ("md5", "md5digest"), ("md5", "md5"))


def package_files(files: GuestReader, lost: Callable[[str, str], None]) -> Iterator[PackageFile]:
    """Yield every file and folder; see ``owned_files.package_files``."""
    if not files.is_dir(LOCAL):
        return
    left_out = tuple(_not_extracted(files))
    for entry in files.list_dir(LOCAL):
        folder = f"{LOCAL}/{entry.name}"
        if entry.stat.kind is FileKind.DIRECTORY and files.is_file(f"{folder}/desc"):
            yield from _package(files, folder, left_out, lost)


def _package(
    files: GuestReader,
    folder: str,
    left_out: tuple[tuple[bool, str], ...],
    lost: Callable[[str, str], None],
) -> Iterator[PackageFile]:
    desc = _text(files, f"{folder}/desc", ENTRY_LIMIT)
    named = re.search(r"^%NAME%\n(.+)$", desc, re.MULTILINE)
    if named is None:
        lost(f"{folder}/desc", "has no name")
        return
    listed, backups = _listed(files, f"{folder}/files")
    facts = _facts(files, f"{folder}/mtree", lost)
    for path in listed:
        fact = facts.get(path, {})
        backup = path in backups
        yield _made(path, named[1], fact, is_config=backup, is_optional=_is_left_out(path, left_out))


def _made(
    path: str, package: str, fact: dict[str, str], *, is_config: bool, is_optional: bool
) -> PackageFile:
    kind = KINDS.get(fact.get("type", ""), FileKind.DIRECTORY if path.endswith("/") else None)
    is_link = kind is FileKind.LINK
    algorithm, digest = next(((name, fact[key].lower()) for name, key in DIGESTS if fact.get(key)), ("", ""))
    return PackageFile(
        "/" + path.strip("/"),
        package,
        kind,
        None if is_link else _number(fact.get("mode"), 8),
        _number(fact.get("uid"), 10),
        _number(fact.get("gid"), 10),
        None if is_link or kind is FileKind.DIRECTORY else _number(fact.get("size"), 10),
        digest,
        algorithm,
        fact.get("link", "") if is_link else "",
        is_config=is_config,
        is_optional=is_optional,
    )


def _number(text: str | None, base: int) -> int | None:
    """A number of an mtree; what is none there is not told."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 20:
        return None
    try:
        return int(text, base)
    except ValueError:
        return None


def _listed(files: GuestReader, path: str) -> tuple[list[str], set[str]]:
    """Return what the package owns, folders with a slash at the end, and which of it is configuration."""
    if not files.is_file(path):
        return [], set()
    listed: list[str] = []
    backups: set[str] = set()
    section = ""
    for line in _text(files, path, TEXT_LIMIT).split("\n"):
        if re.fullmatch(r"%[A-Z]+%", line):
            section = line
        elif line and section == "%FILES%":
            listed.append(line)
        elif line and section == "%BACKUP%":
            backups.add(line.partition("\t")[0])
    return listed, backups


def _facts(files: GuestReader, path: str, lost: Callable[[str, str], None]) -> dict[str, dict[str, str]]:
    """Return the words of each entry of an mtree file, by its path as the list of files has it."""
    if not files.is_file(path):
        return {}
    packed = files.read_bytes(path, limit=TEXT_LIMIT)
    try:
        inflate = zlib.decompressobj(wbits=47)  # gzip, or zlib, by its header
        raw = inflate.decompress(packed, TEXT_LIMIT) if packed[:1] == b"\x1f" else packed
    except zlib.error as error:
        lost(path, f"does not unpack: {error}")
        return {}
    if packed[:1] == b"\x1f" and not inflate.eof:
        lost(path, f"is cut off, or unpacks to more than {TEXT_LIMIT} bytes")
        return {}
    return parse_mtree(raw.decode("utf-8", "surrogateescape"))


def parse_mtree(text: str) -> dict[str, dict[str, str]]:
    """Return the words of each entry of an mtree, with those of /set; folders end in a slash."""
    common: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    for line in text.split("\n"):
        words = line.split(" ")
        pairs = {key: value for key, _, value in (word.partition("=") for word in words[1:]) if key}
        if words[0] == "/set":
            common = common | pairs
        elif words[0] == "/unset":
            common = {key: value for key, value in common.items() if key not in pairs}
        elif words[0].startswith("./"):
            fact = common | pairs
            if "link" in fact:
                fact["link"] = _unescaped(fact["link"])
            path = _unescaped(words[0][2:])
            found[f"{path}/" if fact.get("type") == "dir" else path] = fact
    return found


def _unescaped(text: str) -> str:
    r"""Turn the octal escapes of an mtree (``\040``) into letters."""
    if "\\" not in text:
        return text
    raw = text.encode("utf-8", "surrogateescape")
    plain = re.sub(rb"\\([0-3][0-7]{2})", lambda match: bytes([int(match[1], 8)]), raw)
    return plain.decode("utf-8", "surrogateescape")


def _not_extracted(files: GuestReader) -> Iterator[tuple[bool, str]]:
    """Yield the patterns of NoExtract: whether they take out, and the pattern."""
    if not files.is_file(CONFIG) or files.stat(CONFIG).size > 1 << 20:
        return
    for line in files.read_text(CONFIG, limit=1 << 20).splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "NoExtract":
            yield from ((not word.startswith("!"), word.lstrip("!")) for word in value.split())


def _is_left_out(path: str, patterns: tuple[tuple[bool, str], ...]) -> bool:
    out = False
    for takes_out, pattern in patterns:
        if out is not takes_out and fnmatch.fnmatchcase(path.rstrip("/"), pattern):
            out = takes_out
    return out


def _text(files: GuestReader, path: str, limit: int) -> str:
    if files.stat(path).size > limit:
        raise OddGuest(f"{path} is larger than {limit} bytes", hint="it is damaged or hostile")
    return files.read_text(path, limit=limit)
