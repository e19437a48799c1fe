"""Turns composed changes into plain ones, before anything is written.

A composed change says what a file should say. Here its file is read once, all edits of it are made in memory, and
one :class:`WriteFile` takes their place, with the digest of what was read. So both engines only ever see plain
changes, and a diff can be shown of every edit.

A kind of composed change is a line in :data:`EDITORS`: what turns a file's content into another.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import cast

from imgtools.change.change import (
    Change,
    Composed,
    DoneEdit,
    EditConfig,
    EditLines,
    LineEdit,
    PlainChange,
    RegistryChange,
    WriteFile,
)
from imgtools.change.contradictions import true_path
from imgtools.engine.augeas_files import edit_config
from imgtools.engine.hive_log import MAX_HIVE
from imgtools.errors import NoSuchGuestFile, NotAFile, UsageError
from imgtools.files.tree import GuestReader

LIMIT = 64 << 20  # bytes of a file that is edited in memory; a hive may be longer

# Takes the path (for messages), the content (None: there is no file) and edits of one kind; gives the new content.
Editor = Callable[[str, bytes | None, Sequence[Composed]], bytes | None]

# Files whose content nobody should find in a terminal's history or a log.
_PRIVATE = (
    "/etc/shadow*",
    "/etc/gshadow*",
    "/etc/master.passwd",
    "/etc/ssh/ssh_host_*_key",
    "/etc/NetworkManager/system-connections/*",
    "/etc/ppp/*-secrets",
    "/etc/wpa_supplicant/*.conf",
    "/etc/wireguard/*",
    "/etc/ipsec.secrets",
    "*/.ssh/id_*",
    "*/config/SAM",
    "*/config/SECURITY",
)


@dataclass(slots=True)
class _Draft:
    """One file with the edits of it that the plan holds so far."""

    position: int  # where in the plan the file is written
    write: WriteFile  # what is written without the edits: its content is what they begin with
    original: bytes | None  # what the guest has; None: nothing
    edits: list[Composed] = field(default_factory=list)


def compose(changes: Sequence[Change], files: GuestReader) -> tuple[PlainChange, ...]:
    """Return the changes with every composed one replaced by the file that results.

    A file that does not change disappears from the plan. An edit of a file that the plan itself writes is an
    edit of what it writes.

    :raises OddGuest: a file does not parse.
    :raises UsageError: an edit makes no sense (a pattern that is no regular expression).
    :raises NoSuchGuestFile: a registry hive is not there.
    """
    plain: list[PlainChange | None] = []
    drafts: dict[str, _Draft] = {}
    for change in changes:
        if isinstance(change, Composed):
            path = true_path(change, files)
            if path not in drafts:
                drafts[path] = _begin(change, path, plain, files)
            drafts[path].edits.append(change)
        else:
            plain.append(change)
    for path, draft in drafts.items():
        plain[draft.position] = _finish(path, draft, files)
    return tuple(change for change in plain if change is not None)


def is_private(path: str) -> bool:
    """Whether a file holds secrets by its nature: password hashes, private keys."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in _PRIVATE)


def _begin(change: Composed, path: str, plain: list[PlainChange | None], files: GuestReader) -> _Draft:
    """Start the draft of a file: from what the plan writes, or from what the guest has."""
    for position, earlier in enumerate(plain):
        if isinstance(earlier, WriteFile) and true_path(earlier, files) == path:
            return _Draft(position, earlier, None)
    plain.append(None)
    is_hive = isinstance(change, RegistryChange)
    if is_hive and not files.exists(path):
        raise NoSuchGuestFile(f"no such registry hive: {path}", path=path, hint="see: imgtools registry list")
    if not files.exists(path):
        return _Draft(len(plain) - 1, WriteFile(path, b"", private=is_private(path)), None)
    if not files.is_file(path):
        raise NotAFile(f"not a regular file: {path}", path=path)
    content = files.read_bytes(path, limit=MAX_HIVE if is_hive else LIMIT)
    before = hashlib.sha256(content).hexdigest()
    write = WriteFile(path, content, before=before, private=is_private(path))
    return _Draft(len(plain) - 1, write, content)


def _finish(path: str, draft: _Draft, files: GuestReader) -> WriteFile | None:
    """Make the edits; None if they change nothing."""
    is_new = draft.original is None and not draft.write.content
    content: bytes | None = None if is_new else draft.write.content
    registry = [edit for edit in draft.edits if isinstance(edit, RegistryChange)]
    done: tuple[DoneEdit, ...] = ()
    if registry:
        from imgtools.change.registry import edit_hive  # which only Windows guests need

        content, done = edit_hive(path, content or b"", registry, files, private=draft.write.private)
    others = (edit for edit in draft.edits if not isinstance(edit, RegistryChange))
    for kind, edits in groupby(others, type):
        content = EDITORS[kind](path, content, list(edits))
    if content is None or (draft.original is not None and content == draft.original):
        return None
    said = [draft.write.what, *(getattr(edit, "what", "") for edit in draft.edits)]
    return replace(draft.write, content=content, what=join_words(said), hive_edits=done)


def join_words(said: Sequence[str]) -> str:
    """Return what several changes of one file say of themselves, each once."""
    return "; ".join(dict.fromkeys(word for words in said for word in words.split("; ") if word))


# -- editors -----------------------------------------------------------------------------------------------


def _edit_lines(path: str, content: bytes | None, edits: Sequence[Composed]) -> bytes | None:
    if content is None:
        return None
    text = content.decode("utf-8", "surrogateescape")
    for edit in edits:
        for one in cast(EditLines, edit).edits:
            text = edit_text(text, one, path)
    return text.encode("utf-8", "surrogateescape")


def edit_text(text: str, edit: LineEdit, path: str = "") -> str:
    """Return ``text`` with one edit of its lines made; line ends stay as they are.

    :raises UsageError: the pattern is not a regular expression, or the replacement does not fit it.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if edit.pattern:
        try:
            pattern = re.compile(edit.pattern)
            lines = [changed for line in lines if (changed := _edit_line(line, pattern, edit)) is not None]
        except (re.error, IndexError) as error:
            raise UsageError(f"not a regular expression: {edit.pattern!r}: {error}") from None
    if edit.append and all(_split_end(line)[0] != edit.append for line in lines):
        end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += end
        lines.append(edit.append + end)
    return "".join(lines)


def _edit_line(line: str, pattern: re.Pattern[str], edit: LineEdit) -> str | None:
    body, end = _split_end(line)
    if edit.replacement is None:
        return None if pattern.search(body) else line
    return pattern.sub(edit.replacement, body) + end


def _split_end(line: str) -> tuple[str, str]:
    body = line.rstrip("\n").removesuffix("\r") if line.endswith("\n") else line
    return body, line[len(body) :]


def _edit_config(path: str, content: bytes | None, edits: Sequence[Composed]) -> bytes | None:
    """Parse once, write once; edits that name another lens come after those of the first."""
    for lens, group in groupby(cast(Sequence[EditConfig], edits), lambda edit: edit.lens):
        settings = [(one.node, one.value) for edit in group for one in edit.settings]
        content = edit_config(path, content, settings, lens=lens)
    return content


EDITORS: Mapping[type, Editor] = {EditLines: _edit_lines, EditConfig: _edit_config}
