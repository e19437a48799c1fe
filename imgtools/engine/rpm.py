"""Read an rpm database of any backend: SQLite and Berkeley DB with the host's ``rpm``, ndb with our own reader.

The rpm of Debian is built without ndb. Nothing of the guest is executed.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from imgtools.engine.confined.start import start_program
from imgtools.engine.process import Completed, Fence, Kind, Limits, ToolFailed, crashed, full, run
from imgtools.engine.rpm_header import MAGIC, read_exported
from imgtools.engine.rpm_ndb import read_blobs, read_headers
from imgtools.errors import BadImage, EngineFailed, EngineTimeout

# A database of 3,000 packages takes rpm 0.3 s and 60 MB; one made to hang or to eat memory hits these.
LIMITS = Limits(seconds=60, memory=1 << 30, cpu=30)
MAX_OUTPUT_FIELD = 1 << 16  # letters of one description

FIELD, RECORD = "\x1f", "\x1e"
TAGS = (
    "NAME",
    "EPOCHNUM",
    "VERSION",
    "RELEASE",
    "ARCH",
    "VENDOR",
    "URL",
    "SOURCERPM",
    "SUMMARY",
    "DESCRIPTION",
    "LICENSE",
    "INSTALLTIME",
)

LAYOUT = FIELD.join(f"%{{{tag}}}" for tag in TAGS) + RECORD
_NAMES = (
    "name",
    "epoch",
    "version",
    "release",
    "arch",
    "vendor",
    "url",
    "source_rpm",
    "summary",
    "description",
    "license",
    "installed",
)

# File of the database -> rpm's name of the backend that reads it.
BACKENDS = {"rpmdb.sqlite": "sqlite", "Packages.db": "ndb", "Packages": "bdb_ro"}
OWN_READER = "Packages.db"
# What SQLite keeps beside its file until the next checkpoint; newest packages may be only there.
COMPANIONS = {"rpmdb.sqlite": ("rpmdb.sqlite-wal",)}


@dataclass(frozen=True, slots=True)
class RpmPackage:
    """One header of the database; empty strings are tags that it does not have."""

    name: str
    epoch: int
    version: str
    release: str
    arch: str
    vendor: str
    url: str
    source_rpm: str
    summary: str
    description: str
    license: str
    installed: int = 0  # seconds since 1970; 0: not known


def query_packages(
    folder: Path, database: str, lost: Callable[[str], None] | None = None
) -> tuple[RpmPackage, ...]:
    """Return all packages of the copied database ``database`` (a key of :data:`BACKENDS`) in ``folder``.

    The folder must be a private copy: rpm may write a lock file, and SQLite its shared memory, beside it.

    :param lost: is told what rpm says of a package that it passes over.
    :raises ToolMissing: no rpm on this host.
    :raises EngineFailed: rpm cannot read the database.
    :raises BadImage: rpm crashed on it.
    """
    if database == OWN_READER:
        with (folder / database).open("rb") as stream:
            return tuple(_package([tags.get(name, "") for name in _NAMES]) for tags in read_headers(stream))
    done = run_query(folder, database, LAYOUT)
    complaint = _complaint(done.stderr)
    if complaint and lost is not None:
        lost(complaint)
    return parse_packages(done.text)


def parse_packages(text: str) -> tuple[RpmPackage, ...]:
    """Return the packages of what rpm wrote in :data:`LAYOUT`."""
    return tuple(_package(record.split(FIELD)) for record in text.split(RECORD) if FIELD in record)


def run_query(folder: Path, database: str, layout: str) -> Completed:
    """Let the host's rpm write a line for each package of a copied database, in the words of ``--queryformat``.

    :raises ToolMissing: no rpm on this host.
    :raises ToolFailed: rpm cannot read the database, or not all of it.
    :raises BadImage: rpm crashed on it.
    """
    return run(
        [
            "rpm",
            f"--dbpath={folder}",
            "--define",
            f"_db_backend {BACKENDS[database]}",
            "--nosignature",
            "--nodigest",
            "-qa",
            "--queryformat",
            layout,
        ],
        Fence(Kind.READER, writes=(folder,)),
        limits=LIMITS,
        # Neither the user's macros nor the current folder may say how rpm works.
        env={"HOME": str(folder)},
        cwd=str(folder),
    )


def _package(fields: list[str]) -> RpmPackage:
    texts = ["" if text == "(none)" else text[:MAX_OUTPUT_FIELD] for text in fields]
    texts += [""] * (len(TAGS) - len(texts))
    name, epoch, version, release, arch, vendor, url, source, *words, installed = texts[: len(TAGS)]
    summary, description, terms = words
    return RpmPackage(
        name,
        _number(epoch),
        version,
        release,
        arch,
        vendor,
        url,
        source,
        summary,
        description,
        terms,
        _number(installed),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else 0


def check_database(folder: Path, database: str) -> str:
    """Return what is wrong with a copied database, its tables and indexes; "" if nothing is, or for ndb.

    Its packages may all be read though an index of them is damaged: rpm then says of one that it is not installed.
    For SQLite, ``rpmdb --verifydb`` asks for ``PRAGMA integrity_check`` (rpm, lib/backend/sqlite.c).

    :raises ToolMissing: no rpm on this host.
    :raises BadImage: rpm crashed on it.
    """
    if database == OWN_READER:
        return ""
    words = [f"--dbpath={folder}", "--define", f"_db_backend {BACKENDS[database]}", "--verifydb"]
    try:
        run(
            ["rpmdb", *words],
            Fence(Kind.READER, writes=(folder,)),
            limits=LIMITS,
            env={"HOME": str(folder)},
            cwd=str(folder),
        )
    except ToolFailed as error:
        said = error.done.stderr.decode("utf-8", "replace").replace("error: verify:", " ").split()
        return " ".join(said)[:MAX_SAID] or "its check fails"
    return ""


MAX_SAID = 200  # letters of what is wrong with a database
MAX_WORDS = 1 << 20  # bytes of what rpm complains about that are looked at
# What it says of a package whose header it cannot use; it goes on, and ends well (lib/rpmdb.c, rpmdbNextIterator).
PASSED_OVER = (b": skipping", b"header #", b"damaged", b"corrupt", b"malformed")


def read_raw_headers(folder: Path, database: str) -> Iterator[bytes]:
    """Yield the whole header of every package of a copied database; arguments as for :func:`query_packages`.

    :raises ToolMissing: no rpm on this host.
    :raises EngineFailed: the database, or one package in it, cannot be read: an answer is never shorter.
    :raises BadImage: rpm crashed on it.
    """
    if database == OWN_READER:
        with (folder / database).open("rb") as stream:
            yield from read_blobs(stream)
        return
    # Into a file: with the lists of a million files they are some hundred megabytes.
    with tempfile.TemporaryFile() as exported, tempfile.TemporaryFile() as words:
        _export(folder, database, cast(BinaryIO, exported), cast(BinaryIO, words))
        exported.seek(0)
        yield from read_exported(cast(BinaryIO, exported))


def librpm_macros(folder: Path, database: str) -> str:
    """Return the text of a ~/.rpmmacros by which librpm works on a copied database, of any backend.

    Debian's rpm is built without ndb, and finds nothing by name in Berkeley DB without its indexes, which no copy has.
    So packages from either go into a new database beside it.

    :raises ToolMissing: no rpm on this host.
    :raises EngineFailed: the database cannot be read.
    """
    place, backend = folder, BACKENDS[database]
    if backend != "sqlite":
        place, backend = folder / "converted", "sqlite"
        place.mkdir()
        _convert(folder, database, place, backend)
    return f"%_dbpath {place}\n%_db_backend {backend}\n"


def _convert(folder: Path, database: str, target: Path, backend: str) -> None:
    """Put the packages of a copied database into a new one."""
    headers = b"".join(MAGIC + blob for blob in read_raw_headers(folder, database))
    argv = [
        "rpmdb",
        f"--dbpath={target}",
        "--define",
        f"_db_backend {backend}",
        "--nosignature",
        "--nodigest",
    ]
    run(
        [*argv, "--importdb"],
        Fence(Kind.WRITER, writes=(target,)),
        limits=LIMITS,
        stdin=headers,
        env={"HOME": str(target)},
        cwd=str(target),
    )


def _export(folder: Path, database: str, exported: BinaryIO, words: BinaryIO) -> None:
    argv = [
        "rpmdb",
        f"--dbpath={folder}",
        "--define",
        f"_db_backend {BACKENDS[database]}",
        "--nosignature",
        "--nodigest",
        "--exportdb",
    ]
    process = start_program(
        full(argv),
        Fence(Kind.READER, writes=(folder,)),
        limits=LIMITS,
        stdout=exported,
        stderr=words,
        env={"HOME": str(folder)},
        cwd=str(folder),
    )
    with process:
        try:
            code = process.wait(LIMITS.seconds)
        except subprocess.TimeoutExpired:
            raise EngineTimeout(
                f"rpmdb did not finish within {LIMITS.seconds:g} s", hint="a damaged database can do this"
            ) from None
        finally:
            process.kill()  # no more than a look at what has ended
    words.seek(0)
    said = words.read(MAX_WORDS)
    if crashed(code):
        raise BadImage("rpmdb crashed on this database", hint="it is damaged or hostile")
    if code:
        raise ToolFailed(Completed(tuple(argv), code, b"", said))
    complaint = _complaint(said)
    if complaint:
        raise EngineFailed(complaint, hint="the database is damaged")


def _complaint(said: bytes) -> str:
    """What rpm says of a package that it cannot use; "" if it says nothing of one."""
    found = next((line for line in said.splitlines() if _is_of_a_package(line)), b"")
    return found.decode("utf-8", "replace").strip()


def _is_of_a_package(line: bytes) -> bool:
    return line.startswith(b"error:") or any(word in line for word in PASSED_OVER)
