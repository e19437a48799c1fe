"""Carries plain changes out: the only room that changes files of a guest.

Everything goes through :class:`~imgtools.engine.api.FilesystemWriter`, so the same code works for the direct
engine, the appliance and the in-memory guest of the tests. Paths are resolved inside the guest, on the tree as
the changes before have left it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import BinaryIO, cast

from imgtools.change.change import (
    FileChange,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Move,
    Remove,
    SetMode,
    SetOwner,
    SetTimes,
    SetXattr,
    Truncate,
    Upload,
    WriteFile,
)
from imgtools.change.plan import Labeller
from imgtools.change.writable_tree import Applied, Measured, WritableTree, digest_of, open_upload
from imgtools.errors import (
    EditConflict,
    EditFailed,
    NoSuchGuestFile,
    NotADirectory,
    NotAFile,
    TooManyLinks,
)
from imgtools.files.paths import join, normalise, parent_of
from imgtools.files.tree import MAX_LINKS, GuestTree
from imgtools.records.files import FileKind, FileStat
from imgtools.records.progress import Progress

SET_ID = 0o6000  # the bits that chown takes away from a program
LABEL = "security.selinux"


def apply_changes(
    tree: WritableTree,
    changes: Sequence[FileChange],
    *,
    label: Labeller | None = None,
    progress: Progress | None = None,
) -> Applied:
    """Carry changes out in their order.

    :param label: gives new files their SELinux label; None where the guest has no policy.
    :raises EditConflict: a file is not what the plan saw.
    :raises GuestFileError: a path is not there, or not of the kind that the change wants.
    :raises EditFailed: a volume has no room, or cannot do what is asked for.
    """
    check_before(tree, changes)
    applier = _Applier(tree, label, progress, sum(_weight(change) for change in changes))
    for change in changes:
        applier.apply(change)
    applier.finish()
    return applier.applied


def check_before(tree: GuestTree, changes: Sequence[FileChange]) -> None:
    """Make sure that every file still has the content that the plan saw, or the one that it shall have.

    :raises EditConflict: one has another, or is gone.
    """
    for change in changes:
        if isinstance(change, WriteFile) and change.before:
            now = digest_of(tree, change.path) if tree.is_file(change.path) else ""
            if now not in (change.before, hashlib.sha256(change.content).hexdigest()):
                what = "has changed" if now else "is gone"
                raise EditConflict(
                    f"{change.path} {what} since the plan was made", hint="make the plan again, then apply it"
                )


def _weight(change: FileChange) -> int:
    """How much work a change is, for the progress: bytes, and something for the change itself."""
    size = {WriteFile: "content", Upload: "size"}.get(type(change))
    value = getattr(change, size) if size else 0
    return 4096 + (len(value) if isinstance(value, bytes) else int(value))


class _Applier:
    """One run over a plan."""

    def __init__(
        self, tree: WritableTree, label: Labeller | None, progress: Progress | None, total: int
    ) -> None:
        self.applied = Applied()
        self._tree = tree
        self._label = label
        self._progress = progress
        self._done, self._total = 0, total
        self._folder_times: dict[str, int] = {}

    def apply(self, change: FileChange) -> None:
        """Carry one change out."""
        match change:
            case WriteFile():
                self._put(change, io.BytesIO(change.content))
            case Upload():
                self._upload(change)
            case Truncate():
                self._truncate(change)
            case Remove():
                self._remove(change)
            case MakeDirectory():
                self._make_directory(change)
            case MakeLink():
                self._make_link(change)
            case MakeHardLink():
                self._make_hard_link(change)
            case MakeSpecial():
                self._make_special(change)
            case Move():
                self._move(change)
            case SetMode():
                self._set_mode(change)
            case SetOwner():
                self._set_owner(change)
            case SetTimes():
                self._set_times(change)
            case SetXattr():
                self._set_xattr(change)
        self._advance(4096)

    def finish(self) -> None:
        """Give directories their times, which change with every name that is made in them."""
        for path, mtime in reversed(self._folder_times.items()):
            found = self._tree.facts(path)
            if found is not None and found.kind is FileKind.DIRECTORY:
                self._time(path, mtime)

    def _advance(self, amount: int) -> None:
        self._done += amount
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)

    # -- finding -------------------------------------------------------------------------------------------

    def _follow(self, path: str) -> tuple[str, FileStat | None]:
        """Return where ``path`` leads, links followed, and what is there: it need not exist."""
        asked = path
        for _ in range(MAX_LINKS):
            true_path = self._tree.locate(path)
            found = self._tree.facts(true_path)
            if found is None or found.kind is not FileKind.LINK:
                return true_path, found
            target = self._tree.read_link(true_path)
            path = target if target.startswith("/") else join(parent_of(true_path), target)
        raise TooManyLinks(f"too many symbolic links: {asked}", path=asked)

    def _must_exist(self, path: str) -> tuple[str, FileStat]:
        """Return the true path and facts of ``path`` itself, a link not followed."""
        true_path = self._tree.locate(path)
        found = self._tree.facts(true_path)
        if found is None:
            raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
        return true_path, found

    def _must_be_free(self, path: str) -> str:
        true_path = self._tree.locate(path)
        if self._tree.lstat(true_path) is not None:
            raise EditFailed(f"exists already: {path}", hint="remove it first, or choose another name")
        return true_path

    def _clear(self, path: str) -> None:
        """Remove what has a name, a link not followed, a directory only if it is empty."""
        true_path = self._tree.locate(path)
        found = self._tree.lstat(true_path)
        if found is not None:
            self._remove_one(true_path, found, recursive=False)
            self._tree.forget()

    # -- contents ------------------------------------------------------------------------------------------

    def _put(self, change: WriteFile | Upload, content: BinaryIO) -> str:
        """Give a file its content, then what else the change says of it; returns its true path."""
        path, before = self._follow(change.path)
        if before is not None and before.kind is not FileKind.FILE:
            what = "is a directory" if before.kind is FileKind.DIRECTORY else "not a regular file"
            raise NotAFile(f"{what}: {change.path}", path=change.path)
        writer, inner = self._tree.writer(path)
        measured = Measured(content, self._advance)
        writer.write(inner, cast(BinaryIO, measured))
        if isinstance(change, Upload) and measured.size != change.size:
            raise EditConflict(
                f"{change.host_path} has {measured.size} bytes, the plan was made for {change.size}",
                hint="it is being written to; make the plan again when that has ended",
            )
        self.applied.written[path] = measured.digest
        if before is None:
            self._created(path, FileKind.FILE)
        if before is None and change.uid is not None and change.gid is not None:
            writer.set_owner(
                inner, change.uid, change.gid
            )  # a new file has no bits that this could take away
        else:
            self._own(path, change.uid, change.gid)
        if change.mode is not None:
            writer.set_mode(inner, change.mode)
        return path

    def _upload(self, change: Upload) -> None:
        with open_upload(change) as content:
            if change.replace:
                self._clear(change.path)
            path = self._put(change, cast(BinaryIO, content))
        self._time(path, change.mtime)

    def _truncate(self, change: Truncate) -> None:
        path = self._tree.resolve(change.path)
        if self._tree.stat(path).kind is not FileKind.FILE:
            raise NotAFile(f"not a regular file: {change.path}", path=change.path)
        writer, inner = self._tree.writer(path)
        writer.truncate(inner)
        self.applied.written[path] = hashlib.sha256().hexdigest()

    # -- names ---------------------------------------------------------------------------------------------

    def _remove(self, change: Remove) -> None:
        path, found = self._must_exist(change.path)
        if change.contents_only:
            for entry in self._tree.list_dir(path):
                self._remove_one(join(path, entry.name), entry.stat, recursive=True)
        else:
            self._remove_one(path, found, recursive=change.recursive)
        self._tree.forget()

    def _remove_one(self, path: str, found: FileStat, *, recursive: bool) -> None:
        if points := self._tree.mount_points_below(path):
            raise EditFailed(
                f"{points[0]} is a mount point and cannot be removed", hint="remove what is in it instead"
            )
        writer, inner = self._tree.writer(path)
        if found.kind is not FileKind.DIRECTORY:
            writer.remove(inner)
        elif recursive:
            writer.remove_tree(inner)
        elif self._tree.list_dir(path):
            raise EditFailed(f"the directory is not empty: {path}", hint="remove it with all that is in it")
        else:
            writer.remove(inner)
        self.applied.gone(path)

    def _make_directory(self, change: MakeDirectory) -> None:
        if self._tree.is_dir(change.path):
            return
        if change.replace:
            self._clear(change.path)
        if self._tree.lstat(change.path) is not None:
            raise NotADirectory(f"not a directory in the guest: {change.path}", path=change.path)
        parent = parent_of(normalise(change.path))
        if not self._tree.is_dir(parent):
            self._make_directory(MakeDirectory(parent, 0o755, 0, 0))
        path = self._tree.locate(change.path)
        writer, inner = self._tree.writer(path)
        writer.make_directory(inner, change.mode)
        self._created(path, FileKind.DIRECTORY)
        if (change.uid, change.gid) != (0, 0):
            self._own(path, change.uid, change.gid)
        if change.mtime is not None:
            self._folder_times[path] = change.mtime

    def _make_link(self, change: MakeLink) -> None:
        path = self._tree.locate(change.path)
        found = self._tree.lstat(path)
        if found is not None and found.kind is FileKind.DIRECTORY:
            raise NotAFile(f"is a directory: {change.path}", path=change.path)
        is_there = found is not None and found.kind is FileKind.LINK
        if not (is_there and self._tree.read_link(path) == change.target):
            writer, inner = self._tree.writer(path)
            if found is not None:
                self._remove_one(path, found, recursive=False)
            writer.make_link(inner, change.target)
            self._tree.forget()
            self._created(path, FileKind.LINK)
        self._own(path, change.uid, change.gid)
        self._time(path, change.mtime)

    def _make_hard_link(self, change: MakeHardLink) -> None:
        target, found = self._must_exist(change.target)
        if found.kind is FileKind.DIRECTORY:
            raise NotAFile(f"is a directory: {change.target}", path=change.target)
        if change.replace:
            self._clear(change.path)
        path = self._must_be_free(change.path)
        writer, inner = self._tree.writer(path)
        other, inner_target = self._tree.writer(target)
        if writer is not other:
            raise EditFailed(
                f"{change.path} and {change.target} are on two volumes: no hard link can be made",
                hint="a symbolic link can",
            )
        writer.make_hard_link(inner, inner_target)

    def _make_special(self, change: MakeSpecial) -> None:
        if change.replace:
            self._clear(change.path)
        path = self._must_be_free(change.path)
        writer, inner = self._tree.writer(path)
        writer.make_special(inner, FileKind(change.kind), change.device, change.mode)
        self._created(path, FileKind(change.kind))
        if (change.uid, change.gid) != (0, 0):
            self._own(path, change.uid, change.gid)
        self._time(path, change.mtime)

    def _move(self, change: Move) -> None:
        path, found = self._must_exist(change.path)
        to = self._tree.locate(change.to)
        if path == to:
            return
        if (to + "/").startswith(path + "/"):
            raise EditFailed(f"cannot move {change.path} into itself")
        if points := self._tree.mount_points_below(path):
            raise EditFailed(f"{points[0]} is a mount point and cannot be moved")
        replaced = self._tree.lstat(to)
        if replaced is not None and FileKind.DIRECTORY in (replaced.kind, found.kind):
            raise EditFailed(f"exists already: {change.to}", hint="name the new path in full")
        writer, inner = self._tree.writer(path)
        other, inner_to = self._tree.writer(to)
        if writer is other:
            writer.rename(inner, inner_to)
            self.applied.moved(path, to)
        else:
            self._move_across(path, found, to, replaced)
        self._tree.forget()

    def _move_across(self, path: str, found: FileStat, to: str, replaced: FileStat | None) -> None:
        """Copy to another volume, then remove."""
        if replaced is not None:
            self._remove_one(to, replaced, recursive=False)
        directories: list[tuple[str, FileStat]] = []
        top = [(path, found)] if found.kind is not FileKind.DIRECTORY else None
        for source, facts in top or [(one.path, one.stat) for one in self._tree.walk(path)]:
            target = to + source[len(path) :]
            self._copy_one(source, facts, target)
            if facts.kind is FileKind.DIRECTORY:
                directories.append((target, facts))
        # A directory's time changes with every name that is made in it, so it comes last.
        for target, facts in reversed(directories):
            writer, inner = self._tree.writer(target)
            writer.set_times(inner, facts.atime, facts.mtime)
        self._remove_one(path, found, recursive=True)

    def _copy_one(self, source: str, facts: FileStat, target: str) -> None:
        """Make ``target`` what ``source`` is: content, owner, mode, attributes, times."""
        reader, inner_source = self._tree.place(source)
        writer, inner = self._tree.writer(target)
        if facts.kind is FileKind.FILE:
            with reader.open(inner_source) as stream:
                measured = Measured(stream, lambda amount: None)
                writer.write(inner, cast(BinaryIO, measured))
            self.applied.written[target] = measured.digest
        elif facts.kind is FileKind.DIRECTORY:
            writer.make_directory(inner, facts.mode)
        elif facts.kind is FileKind.LINK:
            writer.make_link(inner, reader.read_link(inner_source))
        else:
            writer.make_special(inner, facts.kind, facts.device, facts.mode)
        writer.set_owner(inner, facts.uid, facts.gid)
        if facts.kind is not FileKind.LINK:
            writer.set_mode(inner, facts.mode)
        for name, value in reader.xattrs(inner_source).items():
            writer.set_xattr(inner, name, value)
        writer.set_times(inner, facts.atime, facts.mtime)

    # -- facts of files ------------------------------------------------------------------------------------

    def _created(self, path: str, kind: FileKind) -> None:
        self.applied.created.append(path)
        context = self._label(path, kind) if self._label is not None else None
        if context is not None:
            writer, inner = self._tree.writer(path)
            writer.set_xattr(inner, LABEL, context)

    def _own(self, path: str, uid: int | None, gid: int | None) -> None:
        """Set the owner of a resolved path; the mode stays, whatever chown thinks of set-user-ID bits."""
        if uid is None and gid is None:
            return
        found = self._tree.facts(path)
        if found is None:
            raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
        writer, inner = self._tree.writer(path)
        writer.set_owner(inner, found.uid if uid is None else uid, found.gid if gid is None else gid)
        if found.mode & SET_ID and found.kind is not FileKind.LINK:
            writer.set_mode(inner, found.mode)

    def _set_mode(self, change: SetMode) -> None:
        top = self._tree.resolve(change.path)
        for path in self._paths(top, recursive=change.recursive, links=False):
            writer, inner = self._tree.writer(path)
            writer.set_mode(inner, change.mode)

    def _set_owner(self, change: SetOwner) -> None:
        top, found = self._must_exist(change.path)
        deep = change.recursive and found.kind is FileKind.DIRECTORY
        for path in self._paths(top, recursive=deep, links=True):
            self._own(path, change.uid, change.gid)

    def _paths(self, top: str, *, recursive: bool, links: bool) -> list[str]:
        if not recursive:
            return [top]
        found = self._tree.walk(top)
        return [one.path for one in found if links or one.stat.kind is not FileKind.LINK]

    def _time(self, path: str, mtime: int | None) -> None:
        """Set both times of a resolved path to one, if any is wanted."""
        if mtime is not None:
            writer, inner = self._tree.writer(path)
            writer.set_times(inner, mtime, mtime)

    def _set_times(self, change: SetTimes) -> None:
        path, found = self._must_exist(change.path)
        writer, inner = self._tree.writer(path)
        atime = found.atime if change.atime is None else change.atime
        writer.set_times(inner, atime, found.mtime if change.mtime is None else change.mtime)

    def _set_xattr(self, change: SetXattr) -> None:
        path, _ = self._must_exist(change.path)
        writer, inner = self._tree.writer(path)
        if change.value is not None:
            writer.set_xattr(inner, change.name, change.value)
        elif change.name in writer.xattrs(inner):
            writer.remove_xattr(inner, change.name)
