"""Packages of programming languages on a guest's disk, found in one walk over its files.

The walk does not enter where no language keeps packages: what the kernel makes up, manuals, translations, modules of
the kernel, caches of compiled Python. Nor layers of containers: those are systems of their own, and are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from imgtools.errors import ImgtoolsError, OddGuest
from imgtools.files.paths import join
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.packages.dotnet_packages import SUFFIX as DOTNET
from imgtools.guest.packages.dotnet_packages import read_dotnet
from imgtools.guest.packages.go_programs import read_go
from imgtools.guest.packages.jars import is_jar, read_jar
from imgtools.guest.packages.node_packages import MANIFEST, is_node, read_node
from imgtools.guest.packages.program_sections import read_program
from imgtools.guest.packages.python_packages import is_python, read_python
from imgtools.guest.packages.ruby_gems import is_gem, read_gem
from imgtools.guest.packages.rust_programs import read_rust
from imgtools.records.components import Component
from imgtools.records.files import FileEntry, FileKind
from imgtools.records.system import Warned

# In small letters; on Windows letter case does not count.
NOT_ENTERED = frozenset(
    {"/proc", "/sys", "/dev", "/run", "/boot", "/lost+found", "/var/lib/dpkg", "/var/lib/rpm", "/var/log"}
    | {"/etc", "/usr/include", "/usr/lib/modules", "/lib/modules", "/usr/lib/firmware", "/lib/firmware"}
    | {"/usr/lib/grub", "/usr/lib/locale", "/usr/lib/terminfo", "/usr/lib/udev", "/var/cache/apt"}
    | {"/usr/lib/sysimage/rpm", "/usr/lib/systemd", "/usr/src", "/var/lib/apt", "/var/cache/man"}
    | {"/windows/winsxs", "/windows/servicing", "/windows/installer", "/windows/softwaredistribution"}
    | {"/windows/system32/driverstore", "/windows/assembly", "/$recycle.bin", "/system volume information"}
    | {
        f"/usr/share/{name}"
        for name in ("man", "doc", "locale", "zoneinfo", "i18n", "info", "icons", "fonts")
    }
    | {f"/usr/share/{name}" for name in ("bash-completion", "mime", "terminfo", "perl", "perl5", "keymaps")}
    | {
        f"/usr/share/{name}"
        for name in ("ca-certificates", "common-licenses", "lintian", "bug", "help", "X11")
    }
    | {f"/usr/share/{name}" for name in ("vim", "backgrounds", "sounds", "themes", "selinux", "consolefonts")}
)
CONTAINERS = frozenset(
    {"/var/lib/docker", "/var/lib/containers/storage", "/var/lib/containerd", "/var/lib/lxc", "/var/lib/lxd"}
    | {"/var/lib/machines", "/var/lib/flatpak", "/var/lib/snapd"}
)
COMPILED = "__pycache__"
# Below /usr/lib: what Perl and the C library keep there.
OF_THE_SYSTEM = frozenset({"perl", "perl-base", "perl5", "gconv", "girepository-1.0", "locale"})
DEEPEST = 100  # folders in folders; a damaged filesystem can contain a folder in itself
MOST_ENTRIES = 20_000_000
MOST_FOUND = 500_000  # components
MOST_WARNINGS = 100
# Programs of Go begin at 1 MB, those of Rust at 300 kB; shared libraries are seldom executable.
SMALLEST_PROGRAM = 256 << 10
LARGEST = 4 << 30  # bytes of an archive or program that is looked into

Reader = Callable[[GuestReader, str], Iterator[Component]]


@dataclass(frozen=True, slots=True)
class LanguagePackages:
    """What was found, sorted, and what could not be read."""

    components: tuple[Component, ...]
    warnings: tuple[Warned, ...] = ()


def find_language_packages(files: GuestReader) -> LanguagePackages:
    """Return every package of a language on a guest's disk; one that cannot be read is a warning."""
    walk = _Walk(files)
    walk.run()
    return LanguagePackages(walk.merged(), tuple(walk.warnings))


class _Walk:
    """One walk over the folders, and what it has found on the way."""

    def __init__(self, files: GuestReader) -> None:
        self._files = files
        self._found: dict[tuple[str, str, str, str], Component] = {}
        self._seen = 0
        self.warnings: list[Warned] = []

    def merged(self) -> tuple[Component, ...]:
        """Return the components, sorted."""
        found = (replace(one, paths=tuple(sorted(one.paths))) for one in self._found.values())
        return tuple(sorted(found, key=lambda one: (one.kind, one.name, one.version, one.paths)))

    def run(self) -> None:
        """Enter every folder that may hold packages."""
        todo = [("/", 0)]
        while todo:
            folder, depth = todo.pop()
            try:
                entries = self._files.list_dir(folder)
            except DAMAGE as error:
                self._warn(folder, error)
                continue
            self._seen += len(entries)
            if self._seen > MOST_ENTRIES:
                raise OddGuest(f"more than {MOST_ENTRIES} files", hint="the filesystem is damaged or hostile")
            todo.extend((path, depth + 1) for path in self._look(folder, entries) if depth < DEEPEST)

    def _look(self, folder: str, entries: Sequence[FileEntry]) -> Iterator[str]:
        """Read what stands in a folder; yield the folders in it that are to be entered."""
        for entry in entries:
            kind = entry.stat.kind
            if kind is FileKind.DIRECTORY:
                path = join(folder, entry.name)
                if is_python(entry.name, is_folder=True):
                    self._read(read_python, path)
                elif self._is_entered(path, entry.name):
                    yield path
            elif kind is FileKind.FILE:
                reader = _reader_of(folder, entry)
                if reader is not None:
                    self._read(reader, join(folder, entry.name))

    def _is_entered(self, path: str, name: str) -> bool:
        lower = path.lower()
        if lower in CONTAINERS:
            try:
                filled = bool(self._files.list_dir(path))
            except DAMAGE:
                filled = True
            if filled:
                text = "containers and their images are systems of their own: not looked into for packages"
                self.warnings.append(Warned(f"{path}: {text}", path))
            return False
        if name == COMPILED or (name in OF_THE_SYSTEM and path.startswith(("/usr/lib/", "/usr/lib64/"))):
            return False
        return lower not in NOT_ENTERED

    def _read(self, reader: Reader, path: str) -> None:
        try:
            for component in reader(self._files, path):
                self._add(component)
        except DAMAGE as error:
            self._warn(path, error)

    def _add(self, component: Component) -> None:
        """Keep a component; one that is found in several places is one, with all of them."""
        key = (component.kind, component.name, component.version, component.purl)
        known = self._found.get(key)
        if known is None:
            if len(self._found) >= MOST_FOUND:
                raise OddGuest(f"more than {MOST_FOUND} packages of languages", hint="the guest is hostile")
            self._found[key] = component
        elif component.paths[0] not in known.paths:
            self._found[key] = replace(known, paths=(*known.paths, *component.paths))

    def _warn(self, path: str, error: ImgtoolsError) -> None:
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(Warned(error.message, path))
        elif len(self.warnings) == MOST_WARNINGS:
            self.warnings.append(Warned("more files of language packages cannot be read", path))


def _reader_of(folder: str, entry: FileEntry) -> Reader | None:
    """Return what reads a file, judged by its name and facts; None for most files."""
    name = entry.name
    if name == MANIFEST:
        return read_node if is_node(join(folder, name)) else None
    if name.endswith(".egg-info"):
        return read_python
    if name.endswith(".gemspec"):
        return read_gem if is_gem(join(folder, name)) else None
    if name.endswith(DOTNET):
        return read_dotnet
    size = entry.stat.size
    if is_jar(name):
        return read_jar if size <= LARGEST else _too_large
    is_program = entry.stat.mode & 0o111 and ".so" not in name
    if size >= SMALLEST_PROGRAM and (is_program or name.lower().endswith(".exe")):
        return read_built if size <= LARGEST else None
    return None


def _too_large(_files: GuestReader, path: str) -> Iterator[Component]:
    raise OddGuest(f"{path} is larger than {LARGEST} bytes, and is not looked into")


def read_built(files: GuestReader, path: str) -> Iterator[Component]:
    """Yield what a program was built of, if its compiler has left that in it."""
    with files.open(path) as stream:
        program = read_program(stream)
        if program is not None:
            yield from read_go(program, path)
            yield from read_rust(program, path)
