"""The digests that come with an OVF package: its manifest (.mf).

Source: DMTF DSP0243, chapter 6 (Distribution): lines ``SHA256(name)= hex``, one for each file of the package. A
certificate (.cert) signs the manifest; whose it is nobody here could say, so it is told of and not looked at.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from imgtools.disk.headers.hostfile import HostFile
from imgtools.errors import BadImage, shorten
from imgtools.records.progress import Progress

LARGEST = 1 << 20  # bytes of a manifest
PIECE = 1 << 20  # bytes that are read at once
_LINE = re.compile(r"(SHA-?(?:1|256|384|512))\s*\((.+)\)\s*=\s*([0-9A-Fa-f]+)", re.IGNORECASE)
_LENGTHS = {"sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128}


class Digest(NamedTuple):
    """What a file must hash to."""

    algorithm: str  # sha1, sha256 ...
    hex: str


def read_manifest(text: bytes, name: str) -> dict[str, Digest]:
    """Read a manifest.

    :param name: of the file, for errors.
    :raises BadImage: a line is none, or a file is in it twice.
    """
    found: dict[str, Digest] = {}
    if len(text) > LARGEST:
        raise BadImage(f"{name}: a manifest of {len(text)} bytes", hint=f"at most {LARGEST} are read")
    for number, line in enumerate(text.decode("utf-8", "surrogateescape").splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        algorithm = match[1].lower().replace("-", "") if match else ""
        if match is None or len(match[3]) != _LENGTHS[algorithm]:
            raise BadImage(f"{name}: line {number} is no digest: {shorten(line, 80)}")
        if match[2] in found:
            raise BadImage(f"{name} has two digests of {shorten(match[2])}")
        found[match[2]] = Digest(algorithm, match[3].lower())
    return found


def check_bytes(content: bytes, wanted: Digest, name: str) -> None:
    """Compare what a small file holds with its digest.

    :raises BadImage: they differ.
    """
    _compare(hashlib.new(wanted.algorithm, content, usedforsecurity=False).hexdigest(), wanted, name)


def check_stretch(
    file: HostFile, offset: int, size: int, wanted: Digest, name: str, progress: Progress | None = None
) -> None:
    """Compare a stretch of a file with its digest; all of it is read.

    :raises BadImage: they differ, or the file ends before.
    """
    found, done = hashlib.new(wanted.algorithm, usedforsecurity=False), 0
    while done < size:
        piece = file.read(offset + done, min(PIECE, size - done))
        if not piece:
            raise BadImage(f"{name} is cut after {done} of {size} bytes")
        found.update(piece)
        done += len(piece)
        if progress:
            progress(done, size)
    _compare(found.hexdigest(), wanted, name)


def _compare(found: str, wanted: Digest, name: str) -> None:
    if found != wanted.hex:
        raise BadImage(
            f"{name} is not what its manifest says: its {wanted.algorithm} is {found[:16]}...,"
            f" not {wanted.hex[:16]}...",
            hint="copy it again from where it is whole; it may have been changed since it was packed",
        )
