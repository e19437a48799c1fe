"""Whether a guest's essential programs start: their loader, the C library, the libraries they need, /usr's links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from imgtools.errors import BadImage, GuestFileError, OddGuest
from imgtools.files.paths import normalise
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.health.elf import Elf, read_elf
from imgtools.records.files import FileKind

# From this size on a program is one: trees of a few files (templates, tests, a container's) have dummies.
SMALLEST = 16 << 10
SHELLS = (
    "/bin/bash",
    "/bin/sh",
    "/usr/bin/bash",
    "/usr/bin/sh",
    "/bin/busybox",
    "/usr/bin/busybox",
    "/usr/bin/env",
)
SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
# What has to start, so that somebody gets in.
ESSENTIAL = (
    "/sbin/init",
    "/bin/sh",
    "/bin/bash",
    "/bin/mount",
    "/sbin/agetty",
    "/bin/login",
    "/usr/sbin/sshd",
    "/lib/systemd/systemd-udevd",
    "/lib/systemd/systemd-journald",
)
USUAL_FOLDERS = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
LD_CONFIG = "/etc/ld.so.conf"
MOST_LIBRARIES = 400
CONFIG_LIMIT = 1 << 16
C_LIBRARY = re.compile(
    r"(libc\.so\.\d|libc\.musl-.*\.so\.\d|ld-linux.*\.so\.\d|ld64\.so\.\d|ld-musl-.*\.so\.\d)$"
)
MERGED = ("/bin", "/sbin", "/lib")


def has_programs(files: GuestReader) -> bool:
    """Whether the programs of the guest are there, and not only a tree of a few files."""
    return any(files.is_file(path) and files.stat(path).size >= SMALLEST for path in (*SHELLS, *SYSTEMD))


def hidden_system(guest: Guest) -> str:
    """Return the folder of the system that could not be mounted, so that nobody can tell what is in it; "" if none."""
    return next((path for path in guest.unmounted if path in ("/usr", "/etc", "/var", "/nix")), "")


def runs_systemd(files: GuestReader) -> bool:
    """Whether systemd itself is there."""
    return any(files.is_file(path) and files.stat(path).size >= SMALLEST for path in SYSTEMD)


def unmerged(files: GuestReader) -> tuple[tuple[str, str], ...]:
    """Return the links into /usr that are gone, each with where it has to lead, on a system that has merged them."""
    links = [path for path in MERGED if _is_link(files, path)]
    bare = not links and files.is_dir("/usr/bin") and files.lstat("/bin") is None
    if not links and not bare:
        return ()
    wanted = [*MERGED, *(("/lib64",) if _wants_lib64(files) else ())]
    return tuple(
        (path, f"usr{path}") for path in wanted if files.is_dir(f"/usr{path}") and not files.is_dir(path)
    )


def _is_link(files: GuestReader, path: str) -> bool:
    found = files.lstat(path)
    return found is not None and found.kind is FileKind.LINK and "usr/" in files.read_link(path)


def _wants_lib64(files: GuestReader) -> bool:
    """Whether programs look for their loader in /lib64."""
    for path in ("/usr/bin/bash", "/usr/bin/env", "/usr/lib/systemd/systemd", "/usr/bin/sh"):
        if files.is_file(path):
            found = elf_of(files, path)
            return found is not None and found.interpreter.startswith("/lib64/")
    return False


def elf_of(files: GuestReader, path: str) -> Elf | None:
    """Return what a program says of itself; None if it is none, or cannot be read."""
    try:
        with files.open(path) as stream:
            return read_elf(stream, files.stat(path).size)
    except (GuestFileError, OddGuest, BadImage):
        return None


@dataclass(frozen=True, slots=True)
class Lost:
    """What a program needs and does not get. ``damage``: the file at ``path`` is there, and not whole."""

    program: str
    name: str  # libc.so.6, /lib64/ld-linux-x86-64.so.2
    path: str = ""
    damage: str = ""
    link: str = ""  # a link of this name that leads nowhere
    candidate: str = ""  # a file that it could lead to

    @property
    def is_c_library(self) -> bool:
        """Whether no program at all starts without it."""
        return C_LIBRARY.search(self.name) is not None


@dataclass(slots=True)
class _Search:
    files: GuestReader
    folders: tuple[str, ...]
    seen: set[str] = field(default_factory=set)


def lost_libraries(files: GuestReader) -> tuple[Lost, ...]:
    """Return what the essential programs need and do not find, each library once."""
    search = _Search(files, ())
    found: dict[str, Lost] = {}
    for program in ESSENTIAL:
        if files.is_file(program):
            for lost in _of_program(search, program):
                found.setdefault(lost.name, lost)
    return tuple(found.values())


def _of_program(search: _Search, program: str) -> Iterator[Lost]:
    files = search.files
    true_path = files.resolve(program)
    elf = elf_of(files, true_path)
    if elf is None or true_path in search.seen:
        return
    search.seen.add(true_path)
    if elf.damage:
        yield Lost(program, program, true_path, elf.damage)
        return
    if not elf.interpreter:
        return
    if not files.is_file(elf.interpreter):
        yield _missing(search, program, elf.interpreter)
        return
    search.folders = _folders(files, elf.interpreter)
    loader = elf_of(files, elf.interpreter)
    if loader is None or loader.damage:
        said = loader.damage if loader is not None else "it is no ELF file"
        yield Lost(program, elf.interpreter, files.resolve(elf.interpreter), said)
        return
    yield from _of_libraries(search, program, true_path, elf)


def _of_libraries(search: _Search, program: str, true_path: str, top: Elf) -> Iterator[Lost]:
    files = search.files
    todo = [(name, top, true_path) for name in top.needed]
    while todo and len(search.seen) < MOST_LIBRARIES:
        name, elf, owner = todo.pop(0)
        own = (folder.replace("$ORIGIN", owner.rpartition("/")[0]) for folder in elf.run_path)
        folders = [folder for folder in map(normalise, own) if folder.startswith("/")]
        key = f"{top.bits}:{name}"
        if key in search.seen:
            continue
        search.seen.add(key)
        path = next(
            (
                f"{folder}/{name}"
                for folder in (*folders, *search.folders)
                if files.is_file(f"{folder}/{name}")
            ),
            "",
        )
        if not path:
            yield _missing(search, program, name)
            continue
        library = elf_of(files, path)
        if library is None or library.damage:
            said = library.damage if library is not None else "it is no ELF file"
            yield Lost(program, name, files.resolve(path), said)
            continue
        todo += [
            (one, library._replace(run_path=library.run_path or elf.run_path), path) for one in library.needed
        ]


def _folders(files: GuestReader, interpreter: str) -> tuple[str, ...]:
    """Where the loader looks: beside itself, in the usual folders, in those of ld.so.conf."""
    beside = files.resolve(interpreter).rpartition("/")[0]
    said = [] if "musl" in interpreter else list(_configured(files))
    multiarch = [f"{folder}/{beside.rpartition('/')[2]}" for folder in ("/lib", "/usr/lib")]
    local = ["/usr/local/lib"] if "musl" in interpreter else []
    return tuple(dict.fromkeys([beside, *multiarch, *USUAL_FOLDERS, *local, *said]))


def _configured(files: GuestReader) -> Iterator[str]:
    for path in (LD_CONFIG, *files.glob("/etc/ld.so.conf.d/*.conf")):
        if files.is_file(path) and files.stat(path).size <= CONFIG_LIMIT:
            for line in files.read_text(path, limit=CONFIG_LIMIT).splitlines():
                if line.strip().startswith("/"):
                    yield normalise(line.strip())


def _missing(search: _Search, program: str, name: str) -> Lost:
    """Say what is missing, and what is there in its place."""
    files, base = search.files, name.rpartition("/")[2]
    folders = [name.rpartition("/")[0]] if name.startswith("/") else list(search.folders)
    link = next((f"{folder}/{base}" for folder in folders if files.lstat(f"{folder}/{base}") is not None), "")
    stem = re.sub(r"\.so\..*$", "", base)
    patterns = (
        f"/{{usr/,}}lib{{64,,/*-linux-*}}/{base}",
        f"/{{usr/,}}lib{{64,,/*-linux-*}}/{stem}{{-[0-9]*,}}.so*",
    )
    there = (path for pattern in patterns for path in files.glob(pattern) if files.is_file(path))
    candidate = next((path for path in there if files.stat(path).size >= SMALLEST), "")
    return Lost(program, name, link=link, candidate=candidate)
