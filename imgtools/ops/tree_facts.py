"""What the checks of files want to know of the whole tree, told by one walk for all of them.

Only what stands out is kept, and of that a bounded number: a guest of a million files costs no more memory than its
largest folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from imgtools.errors import ImgtoolsError, OddGuest, ToolMissing, UnsupportedGuest
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.packages.capabilities import ATTRIBUTE
from imgtools.guest.packages.owned_files import OwnedPaths
from imgtools.guest.settings.trusted import group_ids, user_ids
from imgtools.ops import owned_checks
from imgtools.ops.check import Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotKnown
from imgtools.records.files import FileKind, FileStat
from imgtools.records.found import FoundFile

MOST = 5000  # of a kind that are kept
MOST_SHOWN = 200  # of a kind that are findings of their own
# Filled at run time, or with whole systems of their own: their files belong to nobody here, and none reaches them.
LEFT_OUT = (
    "/proc",
    "/sys",
    "/run",
    "/snap",
    "/var/lib/docker",
    "/var/lib/containers",
    "/var/lib/containerd",
    "/var/lib/rancher",
    "/var/lib/lxc",
    "/var/lib/lxd",
    "/var/lib/incus",
    "/var/lib/machines",
    "/var/lib/flatpak",
    "/var/lib/snapd",
    "/var/lib/mock",
    "/ostree",
    "/.snapshots",
    "/sysroot",
    "/nix/store",
)
SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # where everybody may put something
WEB = ("/var/www", "/srv/www", "/srv/http", "/usr/share/nginx/html")
SYSTEM = ("/usr", "/etc", "/boot", "/bin", "/sbin", "/lib", "/lib64")
# Nodes that do no harm: null, zero, full, random, urandom, tty, ptmx; 0, 0 is a whiteout of overlayfs.
HARMLESS = frozenset({(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (0, 0)})
SCRIPTS = (".php", ".phtml", ".sh", ".py", ".pl", ".cgi", ".jsp", ".asp")
FIRST_PERSON, LAST_PERSON = 1000, 60000  # uids of people, login.defs(5)


@dataclass(slots=True)
class Kept:
    """The first files of a kind, and how many there are of it."""

    files: list[FoundFile] = field(default_factory=list)
    count: int = 0

    def add(self, one: FoundFile) -> None:
        """Keep a file, if there is room."""
        self.count += 1
        if len(self.files) < MOST:
            self.files.append(one)


@dataclass(slots=True)
class TreeFacts:
    """What stands out in the tree. ``refused`` are the folders that cannot be read, each with why."""

    set_ids: Kept = field(default_factory=Kept)
    capable: Kept = field(default_factory=Kept)
    writable_files: Kept = field(default_factory=Kept)
    writable_folders: Kept = field(default_factory=Kept)
    ownerless: Kept = field(default_factory=Kept)
    devices: Kept = field(default_factory=Kept)
    shared_programs: Kept = field(default_factory=Kept)
    hidden_scripts: Kept = field(default_factory=Kept)
    people_files: Kept = field(default_factory=Kept)
    refused: dict[str, str] = field(default_factory=dict)


def tree_facts(examined: Examined) -> TreeFacts:
    """Walk through the tree; to be asked with :meth:`Examined.once`."""
    return _Walk(examined.files).facts


class _Walk:
    """One walk through the tree of a guest."""

    def __init__(self, files: GuestReader) -> None:
        self._files = files
        self._users, self._groups = user_ids(files), group_ids(files)
        self.facts = TreeFacts()
        for one in files.walk("/", self._refuse, lambda path: path.rpartition("/")[0] in LEFT_OUT):
            self._look(one, one.path, one.stat)

    def _refuse(self, path: str, error: ImgtoolsError) -> None:
        if len(self.facts.refused) < MOST:
            self.facts.refused[path] = error.message

    def _look(self, one: FoundFile, path: str, stat: FileStat) -> None:
        facts, kind, mode = self.facts, stat.kind, stat.mode
        if stat.uid not in self._users or stat.gid not in self._groups:
            facts.ownerless.add(one)
        if kind is FileKind.LINK:
            return
        if kind is FileKind.FILE:
            self._look_at_file(one, path, mode)
        elif kind is FileKind.DIRECTORY:
            if mode & 0o1002 == 0o002:
                facts.writable_folders.add(one)
        elif kind in (FileKind.CHARACTER, FileKind.BLOCK):
            is_harmless = kind is FileKind.CHARACTER and stat.device in HARMLESS
            if not path.startswith("/dev/") and not is_harmless:
                facts.devices.add(one)
        if FIRST_PERSON <= stat.uid <= LAST_PERSON and path.startswith(SYSTEM) and _is_below(path, SYSTEM):
            facts.people_files.add(one)

    def _look_at_file(self, one: FoundFile, path: str, mode: int) -> None:
        facts = self.facts
        if mode & 0o111:
            if mode & 0o6000:
                facts.set_ids.add(one)
            if self._has_capability(path):
                facts.capable.add(one)
            if path.startswith(SHARED) and _is_below(path, SHARED):
                facts.shared_programs.add(one)
        if mode & 0o002 and not path.startswith("/dev/"):
            facts.writable_files.add(one)
        if path.startswith(WEB) and _is_below(path, WEB):
            name = path.rpartition("/")[2]
            if name.startswith(".") and (mode & 0o111 or name.lower().endswith(SCRIPTS)):
                facts.hidden_scripts.add(one)

    def _has_capability(self, path: str) -> bool:
        try:
            return ATTRIBUTE in self._files.xattrs(path)
        except DAMAGE:
            return False


def _is_below(path: str, tops: tuple[str, ...]) -> bool:
    return any(path.startswith(f"{top}/") for top in tops)


def is_below(path: str, *tops: str) -> bool:
    """Whether a path lies below one of some folders."""
    return _is_below(path, tops)


def each(kept: Kept, what: str) -> Iterator[FoundFile | Flaw]:
    """Yield the first files of a kind and, where there are more, one flaw that says how many.

    :param what: what they are, in the plural.
    """
    yield from kept.files[:MOST_SHOWN]
    if (more := kept.count - MOST_SHOWN) > 0:
        yield Flaw(
            f"{more} more {what}", subject="more", advice="find / -xdev on the running guest lists them"
        )


def not_read(facts: TreeFacts) -> Iterator[Seen]:
    """Yield what says that folders could not be read."""
    for path, why in list(facts.refused.items())[:10]:
        yield NotKnown(f"{path} cannot be read: {why}")


def owned(examined: Examined) -> OwnedPaths | NotKnown:
    """Who owns which path, or why nobody can tell. To be asked with :meth:`Examined.once`."""
    try:
        found = examined.once(owned_checks.owned)
    except (UnsupportedGuest, ToolMissing, OddGuest) as error:
        return NotKnown(error.message)
    return (
        found if found is not None and len(found) else NotKnown("which files its packages own is not known")
    )
