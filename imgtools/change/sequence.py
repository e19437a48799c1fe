"""A plan made of steps that follow each other: each is planned for what those before it leave.

Operations that know nothing of each other must not want the same file: that is a contradiction
(:mod:`imgtools.change.contradictions`). Orders of a user are another thing: the later one wins. Here they become one
plan without contradictions, in which every file is written once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from imgtools.change.applier import apply_changes
from imgtools.change.change import (
    Change,
    FileChange,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Move,
    Remove,
    RunInGuest,
    SetMode,
    SetOwner,
    Truncate,
    Upload,
    WriteFile,
)
from imgtools.change.compose import compose, join_words
from imgtools.change.contradictions import FILE_CHANGES, true_path
from imgtools.change.preview import PlannedFilesystem, planned_tree
from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestReader, GuestTree

_CONTENTS = (WriteFile, Upload, Truncate)


class ChangeSequence:
    """Takes changes step by step. ``files`` is the guest as all of them leave it."""

    def __init__(self, files: GuestReader) -> None:
        self._original = cast(GuestTree, files)
        self.files = planned_tree(self._original)
        self._kept: list[tuple[str, Change] | None] = []
        self._begin = 0  # of those since a program was last run: nobody knows what it left

    @property
    def changes(self) -> tuple[Change, ...]:
        """The plan: every file is written once, with what it has to be in the end."""
        return tuple(one[1] for one in self._kept if one is not None)

    def add(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """Take a step; return its changes, edits settled into files.

        :raises ImgtoolsError: it cannot be made on what the steps before it leave.
        """
        made: list[Change] = []
        for change in compose(tuple(changes), self.files):
            if isinstance(change, MakeDirectory) and not self._begin and self.files.is_dir(change.path):
                continue
            made.append(change)
            if not isinstance(change, FILE_CHANGES):
                self._kept.append(("", change))
                if isinstance(change, RunInGuest):
                    self._begin = len(self._kept)
                continue
            path = true_path(change, self.files)
            self._note(change, path)
            self._foresee(change, path)
        return tuple(made)

    def _foresee(self, change: FileChange, path: str) -> None:
        folder = parent_of(change.path)
        if (
            self._begin
            and isinstance(change, (WriteFile, Upload, MakeLink))
            and not self.files.is_dir(folder)
        ):
            # The program that was run has to make it; if it does not, nothing is written.
            apply_changes(self.files, [MakeDirectory(folder)])
        if isinstance(change, Upload):
            found = self.files.lstat(change.path)
            if change.replace and found is not None:
                apply_changes(self.files, [Remove(change.path)])
            empty = WriteFile(change.path, b"", change.mode, change.uid, change.gid)
            apply_changes(self.files, [empty])
            filesystem, inner = self.files.writer(self.files.resolve(change.path))
            cast(PlannedFilesystem, filesystem).uploaded(inner, change)
        else:
            bare = replace(change, before="") if isinstance(change, WriteFile) else change
            apply_changes(self.files, [bare])
        self.files.forget()

    # -- one plan of many ------------------------------------------------------------------------------------

    def _note(self, change: FileChange, path: str) -> None:
        if isinstance(change, Remove):
            self._note_removal(change, path)
            return
        replaces = getattr(change, "replace", False)
        is_linked = replaces and self._is_linked(path)
        if replaces and not is_linked:
            self._drop(path, (*_CONTENTS, MakeLink, MakeHardLink, MakeSpecial))
        is_content = isinstance(change, _CONTENTS) and not is_linked
        if is_content and (earlier := self._find(path, _CONTENTS)) is not None:
            held = cast(tuple[str, Change], self._kept[earlier])[1]
            self._kept[earlier] = (path, _rewritten(cast(FileChange, held), cast(Upload, change)))
            return
        if isinstance(change, MakeLink):
            self._drop(path, (WriteFile, Upload, Truncate, MakeLink))
        if isinstance(change, (SetMode, SetOwner)) and not change.recursive:
            change = self._merged_facts(change, path)
        if isinstance(change, WriteFile) and change.before and self._came_about(path):
            change = replace(change, before="")  # what is written over is not what the guest has now
        self._kept.append((path, change))

    def _find(self, path: str, kinds: tuple[type, ...]) -> int | None:
        """The last change of a kind to a path that still stands: nothing removed or renamed it since."""
        for number in range(len(self._kept) - 1, self._begin - 1, -1):
            one = self._kept[number]
            if one is not None and isinstance(one[1], (Remove, Move)) and _is_at_or_below(path, one[0]):
                return None
            if one is not None and one[0] == path and isinstance(one[1], kinds):
                return number
        return None

    def _drop(self, path: str, kinds: tuple[type, ...]) -> None:
        while (number := self._find(path, kinds)) is not None:
            self._kept[number] = None

    def _is_linked(self, path: str) -> bool:
        """Whether a step gave a file a second name, which has to stay what it is."""
        return any(
            one is not None and isinstance(one[1], MakeHardLink) and one[1].target == path
            for one in self._kept
        )

    def _merged_facts(self, change: SetMode | SetOwner, path: str) -> SetMode | SetOwner:
        number = self._find(path, (type(change),))
        held = None if number is None else cast(tuple[str, Change], self._kept[number])[1]
        if number is None or held is None or getattr(held, "recursive", False):
            return change
        self._kept[number] = None
        if isinstance(change, SetOwner) and isinstance(held, SetOwner):
            uid = held.uid if change.uid is None else change.uid
            return replace(change, uid=uid, gid=held.gid if change.gid is None else change.gid)
        return change

    def _came_about(self, path: str) -> bool:
        """Whether the plan itself put there what is at ``path`` now, by a renaming of it or of a folder above."""
        return any(
            one is not None and isinstance(one[1], (Move, Remove, MakeLink))
            and (_is_at_or_below(path, one[0]) or _is_at_or_below(path, getattr(one[1], "to", path)))
            for one in self._kept[self._begin :]
        )  # fmt: skip

    def _note_removal(self, change: Remove, path: str) -> None:
        """What was made to be removed again is not made at all, as far as no program ran between."""
        ours = self._kept[self._begin :]
        moved = any(
            one is not None and isinstance(one[1], Move) and _concerns(one[1], one[0], path) for one in ours
        )
        if not moved:
            for number, one in enumerate(ours, self._begin):
                if one is None or isinstance(one[1], Remove) or not _is_at_or_below(one[0], path):
                    continue
                if not (change.contents_only and one[0] == path):
                    self._kept[number] = None
            if not self._begin and self._original.lstat(path) is None:
                return
        self._kept.append((path, change))


def _concerns(move: Move, path: str, other: str) -> bool:
    """Whether a renaming is of, to, or around another path."""
    return any(_is_at_or_below(one, other) or _is_at_or_below(other, one) for one in (path, move.to))


def _is_at_or_below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _rewritten(held: FileChange, change: WriteFile | Upload | Truncate) -> FileChange:
    """Return the one change that leaves what two leave: the later content, and the facts of both."""
    if isinstance(change, Truncate):
        if isinstance(held, Truncate):
            return held
        change = WriteFile(change.path, b"")
    mode = _first(change.mode, getattr(held, "mode", None))
    uid, gid = _first(change.uid, getattr(held, "uid", None)), _first(change.gid, getattr(held, "gid", None))
    if isinstance(change, Upload):
        return replace(change, mode=mode, uid=uid, gid=gid)
    before = held.before if isinstance(held, WriteFile) else ""
    private = change.private or getattr(held, "private", False)
    what = join_words([getattr(held, "what", ""), change.what])
    edits = (
        (*held.hive_edits, *change.hive_edits) if isinstance(held, WriteFile) and change.hive_edits else ()
    )
    return replace(
        change, before=before, private=private, what=what, mode=mode, uid=uid, gid=gid, hive_edits=edits
    )


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one
