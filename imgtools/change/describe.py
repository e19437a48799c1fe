"""Say what a change will do, in words and as a diff, before it is done."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace

from imgtools.change.change import (
    Change,
    CheckFilesystem,
    DiscardHibernation,
    EditConfig,
    EditLines,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Move,
    NewLvmUuids,
    PlainChange,
    RegistryApplyLog,
    RegistryChange,
    RegistryMakeKey,
    RegistryRemoveKey,
    RegistryRemoveValue,
    RegistrySet,
    Relabel,
    Remove,
    RunInGuest,
    SetMode,
    SetOwner,
    SetTimes,
    SetUuid,
    SetXattr,
    Truncate,
    Upload,
    WriteDisk,
    WriteFile,
)
from imgtools.change.document import Document, format_change, kind_of
from imgtools.errors import GuestFileError
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind
from imgtools.units import format_size

DIFF_LIMIT = 1 << 20  # bytes; a diff of more is nothing that anyone reads


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One change of a plan, as it is shown: ``summary`` is a line for people, ``diff`` a unified diff or empty."""

    change: PlainChange | RegistryChange
    summary: str
    diff: str = ""

    @property
    def shown(self) -> tuple[PlannedChange, ...]:
        """What stands for it where a plan is shown: the edits of a registry, in place of their hive."""
        edits = self.change.hive_edits if isinstance(self.change, WriteFile) else ()
        if not edits:
            return (self,)
        return tuple(PlannedChange(edit.change, summarise(edit.change), edit.diff) for edit in edits)

    @property
    def kind(self) -> str:
        """The kind's name, such as ``write-file``."""
        return kind_of(self.change)

    @property
    def path(self) -> str:
        """The guest path that it is about; empty for a change of a volume or a program that runs."""
        return str(getattr(self.change, "path", ""))

    def as_json(self) -> Document:
        """The change as a plan document has it, with summary and diff beside it."""
        remarks: Document = {"summary": self.summary}
        if self.diff:
            remarks["diff"] = self.diff
        return {**format_change(self.change), **remarks}


def describe(change: PlainChange, files: GuestReader) -> PlannedChange:
    """Return a change with words and, for the new content of a text file, a diff."""
    diff = ""
    if isinstance(change, WriteFile) and not change.private and not change.hive_edits:
        diff = _diff_of(change, files)
    change = _measured(change, files)
    return PlannedChange(change, summarise(change, is_new=_is_new(change, files)), diff)


def _measured(change: PlainChange, files: GuestReader) -> PlainChange:
    """A change that takes a file's content away, with how much that is; plans that people write do not say."""
    if not isinstance(change, (Remove, Truncate)) or not files.exists(change.path):
        return change
    found = files.lstat(change.path)
    if found is None or found.kind is not FileKind.FILE:
        return change
    if isinstance(change, Remove):
        return replace(change, size=found.size)
    return replace(change, size_before=found.size)


def _is_new(change: Change, files: GuestReader) -> bool:
    return isinstance(change, (WriteFile, Upload)) and not files.exists(change.path)


def _diff_of(change: WriteFile, files: GuestReader) -> str:
    old = b""
    if files.exists(change.path):
        try:
            old = files.read_bytes(change.path, limit=DIFF_LIMIT)
        except (
            GuestFileError
        ):  # a directory, or too large to compare; the first is refused when it is applied
            return ""
    if len(change.content) > DIFF_LIMIT or not (_is_text(old) and _is_text(change.content)):
        return ""
    return unified_diff(old, change.content, change.path)


def unified_diff(old: bytes, new: bytes, path: str) -> str:
    """Return the unified diff of two versions of a text file, as ``diff -u`` writes it."""
    lines: list[str] = []
    for line in difflib.unified_diff(_lines(old), _lines(new), f"a{path}", f"b{path}"):
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def _lines(content: bytes) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", content.decode("utf-8", "surrogateescape"))


def _is_text(content: bytes) -> bool:
    return b"\0" not in content


def summarise(change: Change, *, is_new: bool = False) -> str:
    """Return one line that says what a change does."""
    match change:
        case WriteFile():
            words = f": {change.what}" if change.what else ""
            return (
                f"{'create' if is_new else 'write'} {change.path} ({format_size(len(change.content))}){words}"
            )
        case Upload():
            return f"{'create' if is_new else 'write'} {change.path} ({format_size(change.size)})"
        case Truncate():
            return f"empty {change.path} ({format_size(change.size_before)})"
        case Remove():
            return _summarise_removal(change)
        case MakeDirectory():
            return f"make directory {change.path}"
        case MakeLink():
            return f"link {change.path} -> {change.target}"
        case MakeHardLink():
            return f"hard link {change.path} = {change.target}"
        case MakeSpecial():
            return f"make {change.path} (special file, {change.kind})"
        case Move():
            return f"move {change.path} to {change.to}"
        case SetMode():
            return f"mode {change.mode:04o} {change.path}{_and_below(change.recursive)}"
        case SetOwner():
            return f"owner {_owner(change)} {change.path}{_and_below(change.recursive)}"
        case SetTimes():
            return f"times of {change.path}"
        case SetXattr():
            return (
                f"{'set' if change.value is not None else 'remove'} attribute {change.name} of {change.path}"
            )
        case _:
            return _summarise_other(change)


def _summarise_other(change: Change) -> str:
    match change:
        case EditConfig() | EditLines():
            return f"edit {change.path}"
        case RegistrySet() | RegistryRemoveValue() | RegistryMakeKey() | RegistryRemoveKey():
            return _summarise_registry(change)
        case RegistryApplyLog():
            return f"apply the transaction log of {change.path}"
        case SetUuid():
            return f"new UUID for {change.device}"
        case NewLvmUuids():
            return _summarise_lvm(change)
        case DiscardHibernation():
            return f"discard the hibernated session of Windows on {change.device}"
        case WriteDisk():
            return (
                f"write {change.what or f'{len(change.content)} bytes at {change.offset}'} on {change.device}"
            )
        case CheckFilesystem():
            return f"check and mend the {change.type} filesystem on {change.device}"
        case RunInGuest():
            return f"run {change.what or change.script.strip().partition(chr(10))[0]}"
        case Relabel():
            return f"relabel {', '.join(change.paths) or 'the whole guest'}"
        case _:
            return kind_of(change)


def _summarise_registry(
    change: RegistrySet | RegistryRemoveValue | RegistryMakeKey | RegistryRemoveKey,
) -> str:
    from imgtools.change.registry import full_name  # which only Windows guests need

    match change:
        case RegistrySet():
            words = f": {change.what}" if change.what else ""
            return f"set {change.name or '@'} of {full_name(change)}{words}"
        case RegistryRemoveValue():
            return f"remove {change.name or '@'} of {full_name(change)}"
        case RegistryMakeKey():
            return f"make {full_name(change)}"
        case RegistryRemoveKey():
            return f"remove {full_name(change)} and all below it"


def _summarise_removal(change: Remove) -> str:
    what = f"everything in {change.path}" if change.contents_only else change.path
    if change.recursive and not change.size and change.count == 1:
        return f"remove {what}{_and_below(not change.contents_only)}"  # nobody has counted
    facts = f"{change.count} files, " if change.recursive and change.count > 1 else ""
    return f"remove {what} ({facts}{format_size(change.size)})"


def _summarise_lvm(change: NewLvmUuids) -> str:
    kept = ", ".join(change.keep_groups)
    why = f" (the group {kept} keeps its own: GRUB finds /boot by it)" if kept else ""
    return f"new LVM UUIDs for {', '.join(change.groups)}{why}"


def _owner(change: SetOwner) -> str:
    uid = "" if change.uid is None else str(change.uid)
    return uid if change.gid is None else f"{uid}:{change.gid}"


def _and_below(recursive: bool) -> str:
    return " and all below it" if recursive else ""
