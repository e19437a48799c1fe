"""Look at a plan before anything is written: what contradicts what, and what is said twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from imgtools.change.change import (
    Change,
    Composed,
    FileChange,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Move,
    PlainChange,
    Remove,
    RunInGuest,
    SetMode,
    SetOwner,
    SetTimes,
    SetXattr,
    Truncate,
    Upload,
    WriteFile,
)
from imgtools.errors import EditConflict, GuestFileError
from imgtools.files.paths import normalise, parent_of
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind

_CONTENTS = (WriteFile, Upload, Truncate)
_NAMES = (MakeLink, MakeHardLink, MakeSpecial)
FILE_CHANGES = (*_CONTENTS, *_NAMES, Remove, MakeDirectory, Move, SetMode, SetOwner, SetTimes, SetXattr)


@dataclass(slots=True)
class _Fate:
    """What the plan has said of one path so far."""

    content: Change | None = None  # the change that gives it its content, or makes it
    made: bool = False
    removed: bool = False
    facts: dict[str, object] = field(default_factory=dict)  # mode, owner, times, attributes


def refuse_contradictions(changes: Sequence[PlainChange], files: GuestReader) -> tuple[PlainChange, ...]:
    """Return the plan without what is said twice, or is so already.

    Order counts: removing a path and then making it again is a plan; making it and then removing it is not, nor
    is changing what was removed, or giving one file two contents. The reader tells which paths are the same
    file.

    :raises EditConflict: two changes contradict each other; nothing has been written.
    """
    fates: dict[str, _Fate] = {}
    kept: list[PlainChange] = []
    has_run = False
    for change in changes:
        if isinstance(change, RunInGuest):
            # Nobody knows what a program leaves: what comes after it is a plan of its own.
            has_run = True
            fates.clear()
        if not isinstance(change, FILE_CHANGES) or _note(change, fates, files) or has_run:
            kept.append(change)
    return tuple(kept)


def true_path(change: Change, files: GuestReader) -> str:
    """Return the path that a change is about, links followed where the change follows them.

    What does not exist yet, or lies below what the plan itself makes, keeps the name it was given.
    """
    path = str(getattr(change, "path", ""))
    try:
        here = files.locate(path)
        follows = isinstance(change, WriteFile | Upload | Truncate | SetMode | Composed)
        if follows and not getattr(change, "replace", False):
            found = files.lstat(here)
            if found is not None and found.kind is FileKind.LINK and files.exists(here):
                return files.resolve(here)
        return here
    except GuestFileError:
        return normalise(path)


def _note(change: FileChange, fates: dict[str, _Fate], files: GuestReader) -> bool:
    """Note one change; False if it says nothing new.

    :raises EditConflict: it contradicts one before it.
    """
    path = _path_now(change, fates, files)
    if isinstance(change, Remove):
        return _note_removal(change, path, fates)
    if isinstance(change, Move):
        for below in [one for one in fates if one.startswith(path.rstrip("/") + "/")]:
            del fates[below]  # it goes along, and what the plan has made of it
        fates[path] = _Fate(removed=True)
        return _note_content(change, _path_now(replace(change, path=change.to), fates, files), fates, files)
    if isinstance(change, (*_CONTENTS, *_NAMES)):
        return _note_content(change, path, fates, files)
    if isinstance(change, MakeDirectory):
        _made(path, fates)
        return True
    return _note_facts(change, path, fates, files)


def _path_now(change: FileChange, fates: dict[str, _Fate], files: GuestReader) -> str:
    """As :func:`true_path`; a link that the plan has removed or replaced is no longer followed."""
    path = true_path(change, files)
    if path == change.path:
        return path
    try:
        here = files.locate(change.path)
    except GuestFileError:
        return path
    fate = fates.get(here)
    return here if fate is not None and (fate.removed or fate.made) else path


def _note_removal(change: Remove, path: str, fates: dict[str, _Fate]) -> bool:
    if _is_removed(path, fates):
        return False
    below = path.rstrip("/") + "/"
    gone = [
        other for other in fates if other.startswith(below) or (other == path and not change.contents_only)
    ]
    for other in gone:
        content = fates.pop(other).content
        if content is not None:
            raise _conflict(other, content, change)
    if not change.contents_only:
        fates[path] = _Fate(removed=True)
    return True


def _note_content(change: FileChange, path: str, fates: dict[str, _Fate], files: GuestReader) -> bool:
    is_as_found = not _is_removed(path, fates) and path not in fates
    fate = _made(path, fates)
    if fate.content is not None:
        if _same(fate.content, change):
            return False
        raise _conflict(path, fate.content, change)
    fate.content = change
    return not (is_as_found and isinstance(change, WriteFile) and _is_so(change, files))


def _note_facts(change: FileChange, path: str, fates: dict[str, _Fate], files: GuestReader) -> bool:
    if _is_removed(path, fates):
        raise EditConflict(f"{path} is removed by the plan, and then changed", hint="choose one of the two")
    fate = fates.setdefault(path, _Fate())
    is_as_found = fate.content is None and not fate.made
    said = _facts(change)
    deep = getattr(change, "recursive", False)
    for name, value in said.items():
        if not deep and name in fate.facts and fate.facts[name] != value:
            raise EditConflict(f"two changes give {path} another {name}", hint="choose one of the two")
    news = deep or any(name not in fate.facts for name in said)
    if not deep:
        fate.facts.update(said)
        news = news and not (is_as_found and _is_so(change, files))
    return news


def _is_so(change: FileChange, files: GuestReader) -> bool:
    """Whether the guest is already as a change wants it."""
    try:
        match change:
            case WriteFile():
                found = files.stat(change.path)
                wanted = (change.mode, change.uid, change.gid)
                if found.kind is not FileKind.FILE or found.size != len(change.content):
                    return False
                facts = (found.mode, found.uid, found.gid)
                if any(one is not None and one != fact for one, fact in zip(wanted, facts, strict=True)):
                    return False
                return files.read_bytes(change.path) == change.content
            case SetMode():
                return files.stat(change.path).mode == change.mode
            case SetOwner():
                owned = files.lstat(change.path)
                return owned is not None and (change.uid, change.gid) == (
                    owned.uid if change.uid is not None else None,
                    owned.gid if change.gid is not None else None,
                )
            case _:
                return False
    except GuestFileError:
        return False


def _facts(change: FileChange) -> dict[str, object]:
    """What a change says of a file, by the name that a message calls it."""
    match change:
        case SetMode():
            said: dict[str, object | None] = {"mode": change.mode}
        case SetOwner():
            said = {"owner": change.uid, "group": change.gid}
        case SetTimes():
            said = {"access time": change.atime, "modification time": change.mtime}
        case SetXattr():
            return {f"attribute {change.name}": change.value}
        case _:
            return {}
    return {name: value for name, value in said.items() if value is not None}


def _is_removed(path: str, fates: dict[str, _Fate]) -> bool:
    """Whether the plan removes ``path``, or a directory that it is in, and does not make it again."""
    here = path
    while True:
        fate = fates.get(here)
        if fate is not None and (fate.removed or fate.made):
            return fate.removed
        if here == "/":
            return False
        here = parent_of(here)


def _made(path: str, fates: dict[str, _Fate]) -> _Fate:
    """Note that the plan makes ``path``, perhaps after it removed it."""
    fate = fates.get(path)
    if fate is None or fate.removed:
        fate = fates[path] = _Fate()
    fate.made = True
    return fate


def _same(one: Change, other: Change) -> bool:
    """Whether two changes leave the same file."""
    if isinstance(one, WriteFile) and isinstance(other, WriteFile):
        return replace(one, path="", before="") == replace(other, path="", before="")
    if isinstance(one, Truncate) and isinstance(other, Truncate):
        return True
    return type(one) is type(other) and one == other


def _conflict(path: str, one: Change, other: Change) -> EditConflict:
    words = f"{_verb(one)} and {_verb(other)}"
    return EditConflict(f"two changes want {path}: {words}", hint="leave one of them out")


def _verb(change: Change) -> str:
    verbs: dict[type, str] = {
        WriteFile: "write it",
        Upload: "write it",
        Truncate: "empty it",
        Remove: "remove it",
        MakeLink: "make it a link",
        MakeHardLink: "make it a hard link",
        MakeSpecial: "make it a special file",
        Move: "move another file there",
    }
    return verbs.get(type(change), "change it")
