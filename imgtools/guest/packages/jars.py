"""Java archives: what they are, by Maven's pom.properties, else by their manifest, else by their name.

Source: Oracle's JAR File Specification; Maven's archiver. Archives in archives (Spring Boot, war) are looked into, with
bounds on depth, number and bytes.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.licenses import distinct, spdx_expression
from imgtools.guest.packages.manifests import one_line
from imgtools.guest.packages.purls import language_purl
from imgtools.records.components import Component, ComponentKind

SUFFIXES = (".jar", ".war", ".ear", ".par", ".hpi", ".jpi", ".kar", ".sar", ".nar")
MOST_ENTRIES = 100_000
MOST_DIRECTORY = 32 << 20  # bytes of the list at the end of an archive
MOST_TEXT = 1 << 20  # bytes of a manifest or pom.properties
DEEPEST = 3  # archives in archives
MOST_INNER = 128 << 20  # bytes of an archive within another
MOST_UNPACKED = 1 << 30  # bytes of all archives within one
MANIFEST = "META-INF/MANIFEST.MF"
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_NAMED = re.compile(r"(.+?)[-_]v?(\d[\w.+-]*)$")
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    RuntimeError,
    struct.error,
)


@dataclass(slots=True)
class _Left:
    """How much of archives within archives may still be unpacked."""

    unpacked: int = MOST_UNPACKED


def is_jar(name: str) -> bool:
    """Whether a file has the name of a Java archive."""
    return name.lower().endswith(SUFFIXES)


def read_jar(files: GuestReader, path: str) -> Iterator[Component]:
    """Yield what an archive says it is, and what is in it."""
    with files.open(path) as stream:
        yield from _archive(stream, path, _Left(), 0)


def _archive(stream: BinaryIO, path: str, left: _Left, depth: int) -> Iterator[Component]:
    _require_sane(stream, path)
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            names = {one.filename for one in entries}
            poms = [_properties(archive, name) for name in sorted(names) if _POM.fullmatch(name)]
            manifest = _manifest(archive) if MANIFEST in names else {}
            yield from _described(poms, manifest, path)
            for entry in entries:
                if is_jar(entry.filename):
                    inner = f"{path}!/{one_line(entry.filename)}"
                    yield from _archive(_inner(archive, entry, inner, left, depth), inner, left, depth + 1)
    except BROKEN as error:
        raise OddGuest(f"{path} cannot be read as an archive: {error}", hint="it is damaged") from None


def _require_sane(stream: BinaryIO, path: str) -> None:
    """Refuse an archive whose list is larger than any real one, before it is read (APPNOTE.TXT, 4.3.16)."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - 65557))
    tail = stream.read(65557)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(tail):
        raise OddGuest(f"{path} is no archive: its list at the end is not there", hint="it is damaged")
    entries, directory = struct.unpack_from("<HI", tail, at + 10)
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07") or directory > MOST_DIRECTORY:
        raise OddGuest(f"{path}: a list of {entries} files is not read", hint="it is damaged or hostile")
    stream.seek(0)


def _inner(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str, left: _Left, depth: int) -> BinaryIO:
    if depth >= DEEPEST:
        raise OddGuest(f"{path}: archives in more than {DEEPEST} archives are not read", hint="it is hostile")
    content = _read(archive, entry.filename, MOST_INNER)
    left.unpacked -= len(content)
    if left.unpacked < 0:
        raise OddGuest(f"{path}: more than {MOST_UNPACKED} bytes of archives in one", hint="it is hostile")
    return io.BytesIO(content)


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    with archive.open(name) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise OddGuest(
            f"{archive.filename or 'an archive'}: {name} has more than {limit} bytes", hint="it is hostile"
        )
    return content


def _properties(archive: zipfile.ZipFile, name: str) -> dict[str, str]:
    text = _read(archive, name, MOST_TEXT).decode("utf-8", "replace")
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith(("#", "!")))
    return {one_line(key): one_line(value) for key, equals, value in pairs if equals}


def _manifest(archive: zipfile.ZipFile) -> dict[str, str]:
    """Read the main section: headers whose lines go on behind a space."""
    text = (
        _read(archive, MANIFEST, MOST_TEXT)
        .decode("utf-8", "replace")
        .replace("\r\n", "\n")
        .replace("\r", "\n")
    )
    main = text.split("\n\n")[0].replace("\n ", "")
    pairs = (line.partition(":") for line in main.split("\n"))
    return {key.strip(): one_line(value) for key, colon, value in pairs if colon}


def _described(poms: list[dict[str, str]], manifest: dict[str, str], path: str) -> Iterator[Component]:
    """Yield a component for each pom.properties; without any, what the manifest and the name say."""
    named = [one for one in poms if one.get("artifactId") and one.get("version")]
    for one in named:
        yield _component(one.get("groupId", ""), one["artifactId"], one["version"], manifest, path)
    if named:
        return
    stem = path.rpartition("/")[2].rpartition(".")[0]
    match = _NAMED.fullmatch(stem)
    name, version = (match[1], match[2]) if match else (stem, "")
    version = version or manifest.get("Implementation-Version") or manifest.get("Bundle-Version") or ""
    group = manifest.get("Implementation-Vendor-Id", "")
    symbolic = manifest.get("Bundle-SymbolicName", "").partition(";")[0].strip()
    if not group and symbolic.endswith(f".{name}"):
        group = symbolic.removesuffix(f".{name}")
    if name and version:
        yield _component(group, name, version, manifest, path)


def _component(group: str, name: str, version: str, manifest: dict[str, str], path: str) -> Component:
    title = f"{group}:{name}" if group else name
    licenses = [spdx_expression(each) for each in manifest.get("Bundle-License", "").split(",")]
    return Component(
        ComponentKind.JAR,
        title,
        version,
        language_purl("maven", title, version) if group else "",  # a purl of Maven has a group
        distinct([one for one in licenses if not one.startswith("http")]),
        supplier=manifest.get("Implementation-Vendor", "") or manifest.get("Bundle-Vendor", ""),
        paths=(path,),
    )
