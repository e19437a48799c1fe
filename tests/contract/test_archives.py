"""Archives as GNU tar unpacks them: a few hundred, by imgtools into an ext4 filesystem and by tar into a folder.

What differs on purpose is in the table :data:`DIFFERENT`, and on the page of ``imgtools tar-in``.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import FileChange
from imgtools.change.fit_to_filesystem import fitted
from imgtools.change.unpack import unpacked
from imgtools.change.writable_tree import WritableTree
from imgtools.engine.direct.session import mount_file
from imgtools.engine.direct.write import KINDS
from imgtools.errors import HostError
from imgtools.filesystems.api import Filesystem
from imgtools.records.disks import Declined, Mount
from imgtools.records.files import FileKind
from imgtools.records.request import Engine
from imgtools.records.system import Warned
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile
from tests.support.archive_cases import Case, all_cases
from tests.support.memory import memory_volume

# What GNU tar does, and why imgtools does not.
DIFFERENT = {
    "hand-folder-of-content-without-letter": "the content is passed over; tar takes it for a header, and complains",
    "hand-file-with-dot": "the file is made; tar makes the folder, and finds that it cannot make the file",
    "hand-through-link": "a folder has the time that the archive says; tar has set it before it writes there again",
    "hand-through-links": "the same",
    "hand-through-link-deeper": "the same",
    "hand-link-replaced-by-folder": "the same tree; tar complains that it cannot make the link any more",
    "hand-global": "an empty value takes back what all members were to have, as POSIX says; tar refuses it",
}
UNPACK = ["tar", "-xp", "--numeric-owner", "--same-owner", "--xattrs", "--xattrs-include=*"]
KIND_OF = {
    stat.S_IFREG: FileKind.FILE, stat.S_IFDIR: FileKind.DIRECTORY, stat.S_IFLNK: FileKind.LINK,
    stat.S_IFCHR: FileKind.CHARACTER, stat.S_IFBLK: FileKind.BLOCK, stat.S_IFIFO: FileKind.FIFO,
}  # fmt: skip
Facts = dict[str, object]


@dataclass
class Unpacked:
    """What became of one case: trees, and what was said."""

    ours: dict[str, Facts] = field(default_factory=dict)
    theirs: dict[str, Facts] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    tar_failed: bool = False


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Unpacked]:
    """All cases, unpacked once: by imgtools all in one write."""
    folder = tmp_path_factory.mktemp("archives")
    (folder / "files").mkdir()
    cases = list(all_cases(folder / "files"))
    assert len(cases) > 200
    began = time.time_ns() - 10**9
    found = {name: Unpacked() for name, _ in cases}
    filesystem = _by_imgtools(folder, cases, found)
    for number, (name, archives) in enumerate(cases):
        goal = folder / "tar" / str(number)
        _by_tar(goal, archives, found[name])
        found[name].theirs = _tree_of_host(goal, began)
        found[name].ours = _tree_of_guest(filesystem, f"/{number}", began)
    return found


def _by_imgtools(folder: Path, cases: list[Case], found: dict[str, Unpacked]) -> Filesystem:
    image = folder / "ext4.img"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-I", "256", image], check=True)
    writer = KINDS["ext4"]().open(image, "/dev/sda1")
    tree = WritableTree({}, {"/": writer}, Engine.DIRECT)
    mounts = (Mount("/", memory_volume()),)
    for number, (name, archives) in enumerate(cases):
        writer.make_directory(f"/{number}", 0o755)
        for one in archives:
            plain = folder / "a.tar"
            plain.write_bytes(one)
            changes: list[FileChange] = []
            try:
                for change in fitted(unpacked(plain, f"/{number}", None, tree), mounts):
                    if isinstance(change, Warned):
                        found[name].said.append(f"{change.path}: {change.text}")
                    else:
                        changes.append(change)  # type: ignore[arg-type]
            except HostError as error:
                found[name].said.append(error.message)
            apply_changes(tree, changes)
            tree.forget()
    writer.finish()
    mounted = mount_file(DiskFile.whole(LocalDisk(image), "/dev/sda1"), "ext4")
    assert not isinstance(mounted, Declined)
    return mounted


def _by_tar(goal: Path, archives: list[bytes], found: Unpacked) -> None:
    goal.mkdir(parents=True)
    for one in archives:
        done = subprocess.run([*UNPACK, "-C", goal], input=one, capture_output=True, check=False, umask=0o022)
        found.tar_failed |= done.returncode != 0


def _tree_of_host(top: Path, began: int) -> dict[str, Facts]:
    found: dict[str, Facts] = {}
    names: dict[int, list[str]] = defaultdict(list)
    raw_top = os.fsencode(top)
    for here, folders, files in os.walk(raw_top):
        for one in (*folders, *files):
            path = os.path.join(here, one)  # noqa: PTH118 (bytes)
            name, facts = os.fsdecode(path[len(raw_top) :]), os.lstat(path)
            kind = KIND_OF[stat.S_IFMT(facts.st_mode)]
            found[name] = _facts(
                kind, stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid, facts.st_mtime_ns, began,
                device=(os.major(facts.st_rdev), os.minor(facts.st_rdev)),
                target=os.fsdecode(os.readlink(path)) if kind is FileKind.LINK else "",  # noqa: PTH115
                content=Path(os.fsdecode(path)).open("rb")  # noqa: SIM115
                if kind is FileKind.FILE else None,
                attributes={
                    one: os.getxattr(path, one, follow_symlinks=False)
                    for one in os.listxattr(path, follow_symlinks=False)
                },
            )  # fmt: skip
            names[facts.st_ino].append(name)
    return _with_names(found, names)


def _tree_of_guest(filesystem: Filesystem, top: str, began: int) -> dict[str, Facts]:
    found: dict[str, Facts] = {}
    names: dict[int, list[str]] = defaultdict(list)
    todo = [top]
    while todo:
        here = todo.pop()
        for entry in filesystem.scan(here):
            path, facts = f"{here}/{entry.name}", entry.stat
            found[path[len(top) :]] = _facts(
                facts.kind, facts.mode, facts.uid, facts.gid, facts.mtime, began, device=facts.device,
                target=filesystem.read_link(path) if facts.kind is FileKind.LINK else "",
                content=filesystem.open(path) if facts.kind is FileKind.FILE else None,
                attributes=dict(filesystem.xattrs(path)),
            )  # fmt: skip
            names[facts.inode].append(path[len(top) :])
            if facts.kind is FileKind.DIRECTORY:
                todo.append(path)
    return _with_names(found, names)


def _facts(
    kind: FileKind, mode: int, uid: int, gid: int, mtime: int, began: int, *, content: object, **more: object
) -> Facts:
    digest = ""
    if content is not None:
        with content as stream:  # type: ignore[attr-defined]
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "kind": kind, "mode": None if kind is FileKind.LINK else mode, "owner": (uid, gid), "content": digest,
        "mtime": "now" if mtime >= began else mtime, **more,
    }  # fmt: skip


def _with_names(found: dict[str, Facts], names: dict[int, list[str]]) -> dict[str, Facts]:
    for same in names.values():
        for name in same:
            found[name]["names"] = sorted(same)
    return found


@pytest.mark.host
@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="tar gives owners and makes devices as root only")
def test_trees_are_as_gnu_tar_leaves_them(results: dict[str, Unpacked]) -> None:
    wrong = [
        f"{name}: {problem}"
        for name, one in results.items()
        if name not in DIFFERENT
        for problem in _problems(one)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.host
@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="tar gives owners and makes devices as root only")
def test_what_is_said_to_differ_does(results: dict[str, Unpacked]) -> None:
    assert [name for name in DIFFERENT if not any(_problems(results[name]))] == []


def _problems(one: Unpacked) -> Iterator[str]:
    for path in sorted(one.ours.keys() | one.theirs.keys()):
        ours, theirs = one.ours.get(path), one.theirs.get(path)
        if ours is None or theirs is None:
            yield f"{path!r}: {'not ours' if ours is None else 'only ours'} {one.said}"
            continue
        for fact, value in theirs.items():
            if ours[fact] != value:
                yield f"{path!r}: {fact} is {ours[fact]!r}, tar has {value!r}"
    if one.tar_failed and not one.said:
        yield "tar says something, imgtools nothing"
