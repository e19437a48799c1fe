"""The test images that Debian's source packages hold, unpacked into the cache."""

from __future__ import annotations

import bz2
import fnmatch
import gzip
import lzma
import subprocess
import tarfile
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from imgtools.errors import HostError

MIB = 1 << 20
CACHE = Path.home() / ".cache" / "imgtools" / "foreign"
LARGEST = 512 * MIB  # bytes of one image; of larger ones only the beginning of a hole would be new
MIRROR = "http://deb.debian.org/debian"
OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Images in one source package; ``folders`` are patterns below its top, of images and of what is expected."""

    package: str
    folders: tuple[str, ...]


CORPORA = (
    Corpus("e2fsprogs", ("tests/*/image.gz", "tests/*/image.bz2")),
    Corpus("util-linux", ("tests/ts/blkid/images-fs/*", "tests/expected/blkid/low-probe-*")),
    Corpus("qemu", ("tests/qemu-iotests/sample_images/*.bz2",)),
    Corpus("hivex", ("images/*",)),
)


def fetch(corpus: Corpus, release: str) -> Path:
    """Return the folder with the corpus; what is not there yet is fetched from Debian's mirror.

    :raises HostError: apt-get cannot fetch it.
    """
    folder = CACHE / release / corpus.package
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _unpack(_download(corpus.package, release), corpus, folder)
        (folder / "complete").touch()
    return folder


def _download(package: str, release: str) -> Path:
    """Fetch a source package with lists of our own: the host's may have no sources, and are not touched."""
    folder = CACHE / release / "sources"
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(f"deb-src {MIRROR} {release} main\n")
    apt = [
        "apt-get", "-qq",
        "-o", f"Dir::Etc::sourcelist={folder}/sources.list",
        "-o", "Dir::Etc::sourceparts=-",
        "-o", f"Dir::State::lists={folder}/lists",
        "-o", "APT::Sandbox::User=root",
    ]  # fmt: skip
    for words in (["update"], ["source", "--download-only", package]):
        done = subprocess.run([*apt, *words], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise HostError(f"apt-get {words[0]} has failed: {done.stderr.strip()}")
    found = sorted(folder.glob(f"{package}_*.orig.tar.*[!c]"))
    if not found:
        raise HostError(f"the source package {package} holds no tar archive")
    return found[-1]


def _unpack(archive: Path, corpus: Corpus, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            inside = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if member.isfile() and any(inside.match(pattern) for pattern in corpus.folders):
                name = "-".join(inside.parts[-2:]) if inside.name.startswith("image.") else inside.name
                stream = tar.extractfile(member)
                assert stream is not None
                (folder / urllib.parse.quote(name)).write_bytes(stream.read())


def images(folder: Path, pattern: str, goal: Path) -> Iterator[Path]:
    """Yield the corpus' images whose names fit ``pattern``, decompressed into ``goal``, unless they are too large."""
    for packed in sorted(folder.iterdir()):
        if packed.suffix not in OPENERS or not fnmatch.fnmatch(packed.stem, pattern):
            continue
        image = goal / packed.stem
        with OPENERS[packed.suffix](packed, "rb") as stream, image.open("wb") as target:
            size = 0
            while (piece := stream.read(MIB)) and size <= LARGEST:
                size += len(piece)
                target.truncate(size)
                if piece.count(0) < len(piece):
                    target.seek(size - len(piece))
                    target.write(piece)
        if size > LARGEST:
            image.unlink()
            continue
        yield image
