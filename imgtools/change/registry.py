"""Edits of one registry hive: what they say, whether they agree, and the hive that comes of them, read back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from imgtools.change.change import (
    DoneEdit,
    RegistryApplyLog,
    RegistryChange,
    RegistryMakeKey,
    RegistryRemoveKey,
    RegistryRemoveValue,
    RegistrySet,
)
from imgtools.change.reg_text import hive_name, value_lines
from imgtools.engine.hive import FILETIME_EPOCH, open_hive
from imgtools.engine.hive_log import MAX_HIVE, MAX_LOG, replayed
from imgtools.engine.regf.editor import HiveEditor
from imgtools.engine.regf.keys import folded
from imgtools.engine.regvalue import NUMBER_SIZES, TEXT_TYPES, RegistryType, RegistryValue
from imgtools.errors import EditConflict, EngineFailed, UsageError, shorten
from imgtools.files.tree import GuestReader

__all__ = ["MAX_HIVE", "edit_hive", "folded", "full_name", "stored_value", "type_number", "typed_value"]

LOGS = (".LOG1", ".LOG2", ".LOG")
MOST_LINES = 200  # of the diff of one key that is removed


def edit_hive(
    path: str, content: bytes, edits: Sequence[RegistryChange], files: GuestReader, *, private: bool = False
) -> tuple[bytes, tuple[DoneEdit, ...]]:
    """Make the edits of a hive, in their order; return it, and those that changed something.

    Another reader than the writer, hivex, has to find in it what the edits say.

    :param private: what it holds is not shown.
    :raises OddGuest: it is no hive, damaged, or was not closed cleanly and no edit says what becomes of its log.
    :raises UsageError: an edit makes no sense.
    :raises EditConflict: two of them contradict each other.
    :raises EngineFailed: hivex reads something else than was written.
    """
    _refuse_contradictions(path, edits)
    done: list[DoneEdit] = []
    for log in (one for one in edits if isinstance(one, RegistryApplyLog)):
        clean = replayed(content, logs_beside(path, files), path)
        if clean != content:
            done.append(DoneEdit(log))
        content = clean
    editor = HiveEditor(content, path, filetime_now())
    for edit in edits:
        diff = _make(editor, edit)
        if diff and private:
            if isinstance(edit, RegistrySet | RegistryRemoveValue):
                edit = replace(edit, private=True)
            done.append(DoneEdit(edit))
        elif diff:
            done.append(DoneEdit(edit, "" if getattr(edit, "private", False) else diff))
    changed = editor.finish()
    if changed is not None:
        _read_back(path, changed, edits)
        content = changed
    return content, tuple(done)


def logs_beside(path: str, files: GuestReader) -> list[bytes]:
    """Return the contents of a hive's transaction logs."""
    found = [path + ending for ending in LOGS if files.is_file(path + ending)]
    return [files.read_bytes(one, limit=MAX_LOG) for one in found if files.stat(one).size <= MAX_LOG]


def filetime_now() -> int:
    """The time, in 100 ns since 1601."""
    return FILETIME_EPOCH + time.time_ns() // 100


def full_name(change: RegistryChange) -> str:
    """What regedit calls the key of a change."""
    key = getattr(change, "key", "")
    return rf"{hive_name(change.path)}\{key}" if key else hive_name(change.path)


# -- values ----------------------------------------------------------------------------------------------------


def type_number(name: str) -> int:
    """Return the number of a type: ``REG_DWORD``, ``dword``, ``0x1f4``.

    :raises UsageError: there is none of that name.
    """
    word = name.upper().removeprefix("REG_")
    with suppress(KeyError):
        return int(RegistryType[word])
    with suppress(ValueError):
        if 0 <= (number := int(word, 0)) < 1 << 32:
            return number
    known = ", ".join(one.name.lower() for one in RegistryType)
    raise UsageError(f"no such type of a registry value: {name}", hint=f"there are {known}, and numbers")


def stored_value(change: RegistrySet) -> RegistryValue:
    """Return the value that a change sets, as the hive stores it.

    :raises UsageError: it is given in no way or in several, or its type does not fit.
    """
    kind = type_number(change.type)
    given = [one for one in ("text", "texts", "number", "data") if getattr(change, one) is not None]
    if len(given) > 1:
        raise _odd(change, f"both {given[0]} and {given[1]} are given")
    if not given and kind != RegistryType.NONE:
        raise _odd(change, "no text, texts, number or data is given")
    return RegistryValue(change.name, kind, _stored(change, kind))


def typed_value(name: str, type_: str, given: Sequence[str | bytes]) -> RegistrySet:
    """Return the change that sets a value to what a person gives for it, without hive and key.

    :param type_: as :func:`type_number` takes it.
    :param given: what is given: words, or the contents of files. A text file ends with a line end that is not meant;
        a MULTI_SZ has a text in each line of one. Bytes that are words are in hexadecimal.
    :raises UsageError: it does not fit the type.
    """
    kind = type_number(type_)
    word = RegistryValue("", kind, b"").type_name
    if kind == RegistryType.MULTI_SZ:
        lines = [
            line for one in given for line in (_text(one).splitlines() if isinstance(one, bytes) else [one])
        ]
        return RegistrySet("", "", name, word, texts=tuple(lines))
    if len(given) > 1:
        raise UsageError(f"{len(given)} values for one {word}", hint="--type multi_sz takes several texts")
    if kind in TEXT_TYPES:
        return RegistrySet("", "", name, word, text=_text(given[0]))
    if kind in NUMBER_SIZES:
        return RegistrySet("", "", name, word, number=_number(_text(given[0]), word))
    data = given[0] if isinstance(given[0], bytes) else _bytes(given[0], word)
    return RegistrySet("", "", name, word.replace("REG_0x", "0x"), data=data)


def _text(given: str | bytes) -> str:
    if isinstance(given, str):
        return given
    try:
        return given.decode("utf-16" if given[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig").rstrip(
            "\r\n"
        )
    except UnicodeDecodeError:
        raise UsageError(
            "the file is neither UTF-8 nor UTF-16", hint="--type binary takes any bytes"
        ) from None


def _number(text: str, word: str) -> int:
    try:
        return int(text.strip(), 0)
    except ValueError:
        raise UsageError(f"not a number for {word}: {shorten(text)!r}", hint="such as 3 or 0x3") from None


def _bytes(text: str, word: str) -> bytes:
    try:
        return bytes.fromhex(text.replace(",", " "))
    except ValueError:
        raise UsageError(
            f"not bytes in hexadecimal for {word}: {shorten(text)!r}", hint="such as 00,ff or @FILE"
        ) from None


def _stored(change: RegistrySet, kind: int) -> bytes:
    if change.text is not None:
        if kind not in TEXT_TYPES or "\0" in change.text:
            raise _odd(change, f"a text is no {change.type}")
        return _utf16(change.text + "\0")
    if change.texts is not None:
        if kind != RegistryType.MULTI_SZ or any(not one or "\0" in one for one in change.texts):
            raise _odd(change, f"several texts, none of them empty, are no {change.type}")
        return _utf16("".join(f"{one}\0" for one in change.texts) + "\0")
    if change.number is not None:
        size = NUMBER_SIZES.get(kind)
        if size is None or not 0 <= change.number < 1 << 8 * size:
            raise _odd(change, f"{change.number} is no {change.type}")
        return change.number.to_bytes(size, "big" if kind == RegistryType.DWORD_BIG_ENDIAN else "little")
    return change.data or b""


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _odd(change: RegistrySet, what: str) -> UsageError:
    return UsageError(f"{full_name(change)}, {shorten(change.name) or '@'}: {what}")


# -- whether they agree ----------------------------------------------------------------------------------------


def _refuse_contradictions(path: str, edits: Sequence[RegistryChange]) -> None:
    """Refuse two edits of one value that differ, and the removal of what was set before.

    :raises EditConflict: so it is.
    """
    orders: dict[tuple[str, str], object] = {}
    for edit in edits:
        if isinstance(edit, RegistryApplyLog):
            continue
        key = folded(edit.key)
        if isinstance(edit, RegistryRemoveKey):
            if any(other == key or other.startswith(f"{key}\\") for other, _ in orders):
                raise EditConflict(f"the plan sets something in {full_name(edit)}, and then removes it")
            continue
        if isinstance(edit, RegistryMakeKey):
            continue
        value = stored_value(edit) if isinstance(edit, RegistrySet) else None
        wanted = None if value is None else (value.type, value.data)
        if orders.setdefault((key, folded(edit.name)), wanted) != wanted:
            raise EditConflict(
                f"two changes of {edit.name or '@'} of {full_name(edit)} contradict each other"
            )


# -- making them -----------------------------------------------------------------------------------------------


def _make(editor: HiveEditor, edit: RegistryChange) -> str:
    """Make one edit; return what it changes in .reg notation, "" if nothing."""
    name = full_name(edit)
    match edit:
        case RegistrySet():
            old, new = editor.value(edit.key, edit.name), stored_value(edit)
            is_new_key = not editor.has_key(edit.key)
            editor.set_value(edit.key, edit.name, new.type, new.data)
            same = old is not None and (old.type, old.data) == (new.type, new.data)
            shown = new if old is None else RegistryValue(old.name, new.type, new.data)
            return "" if same else _diff(name, old, shown, is_new=is_new_key)
        case RegistryRemoveValue():
            old = editor.value(edit.key, edit.name)
            editor.remove_value(edit.key, edit.name)
            return "" if old is None else _diff(name, old, None)
        case RegistryMakeKey():
            is_new_key = not editor.has_key(edit.key)
            editor.make_key(edit.key)
            return f"+[{name}]\n" if is_new_key else ""
        case RegistryRemoveKey():
            gone = list(_removed(editor, edit.key, name))
            editor.remove_key(edit.key)
            return "".join(gone)
        case _:
            return ""


def _diff(name: str, old: RegistryValue | None, new: RegistryValue | None, *, is_new: bool = False) -> str:
    lines = [f"{'+' if is_new else ' '}[{name}]"]
    lines += [f"-{line}" for line in value_lines(old)] if old is not None else []
    lines += [f"+{line}" for line in value_lines(new)] if new is not None else []
    return "".join(f"{line}\n" for line in lines)


def _removed(editor: HiveEditor, key: str, name: str) -> Iterator[str]:
    """Yield the lines of a key that goes, and of what is below it, as many as anybody reads."""
    if not editor.has_key(key):
        return
    todo, count = [(key, name)], 0
    while todo:
        here, shown = todo.pop()
        lines = [f"[{shown}]", *(line for value in editor.values(here) for line in value_lines(value))]
        count += len(lines)
        if count > MOST_LINES:
            yield "-...\n"
            return
        yield from (f"-{line}\n" for line in lines)
        todo += [(rf"{here}\{one}", rf"{shown}\{one}") for one in reversed(editor.subkeys(here))]


def _read_back(path: str, content: bytes, edits: Sequence[RegistryChange]) -> None:
    """Compare with the edits what hivex finds.

    :raises EngineFailed: it finds something else.
    """
    with open_hive(content, path) as hive:
        for index, edit in enumerate(edits):
            if isinstance(edit, RegistryApplyLog):
                continue
            if isinstance(edit, RegistryRemoveKey) and any(
                _undoes(other, edit) for other in edits[index + 1 :]
            ):
                continue
            key = hive.key(edit.key)
            found = (
                None
                if key is None or isinstance(edit, (RegistryMakeKey, RegistryRemoveKey))
                else key.value(edit.name)
            )
            match edit:
                case RegistrySet():
                    wanted = stored_value(edit)
                    right = found is not None and (found.type, found.data) == (wanted.type, wanted.data)
                case RegistryRemoveValue():
                    right = found is None
                case RegistryMakeKey():
                    right = key is not None
                case RegistryRemoveKey():
                    right = key is None
            if not right:
                raise EngineFailed(
                    f"{full_name(edit)} does not read back as it was written",
                    hint="nothing was changed; this is a bug of imgtools: please report it",
                )


def _undoes(later: RegistryChange, removal: RegistryRemoveKey) -> bool:
    """Whether a later edit makes the key again that was removed."""
    if not isinstance(later, (RegistrySet, RegistryMakeKey)):
        return False
    return f"{folded(later.key)}\\".startswith(f"{folded(removal.key)}\\")
