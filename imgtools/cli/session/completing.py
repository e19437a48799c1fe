"""What may follow what was typed: commands, their options, paths of the guest and files of the host.

Names in a guest are hostile: what a completion shows is cleaned, and what it puts into the line has nothing but
harmless letters in it (:func:`imgtools.cli.session.line.quoted`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from imgtools.cli.output.clean import clean
from imgtools.cli.session.line import Reader, Word, quoted
from imgtools.cli.session.runner import Runner
from imgtools.cli.session.verbs import session_commands
from imgtools.errors import UsageError

HOST, GUEST, NEITHER = "host", "guest", ""
MOST = 1000  # files of a folder of the host that are offered


class Candidate(NamedTuple):
    """One way to go on."""

    text: str  # as it stands in the line then
    start: int  # where that begins in what was typed
    shown: str  # in the list
    about: str = ""


def complete(runner: Runner, typed: str) -> list[Candidate]:
    """Return what may follow, up to the cursor.

    :raises ImgtoolsError: the guest cannot be read.
    """
    shift = len(typed) - len(typed.lstrip(" -")) if typed.lstrip().startswith("-") else 0
    line = typed[shift:]
    if line.lstrip().startswith("!"):
        return list(_files(_last_of_host(typed)))
    reader = Reader(line)
    try:
        words = reader.words()
    except UsageError:  # a | or > with nothing behind it yet
        return list(_files(Word("", len(typed)))) if line.rstrip().endswith((">", "<")) else []
    if reader.pipe:
        return list(_files(_last_of_host(typed)))
    begins_anew = not line or (line[-1] in " \t" and not reader.open_quote and not _is_escaped(line))
    last = Word("", len(line)) if begins_anew or not words else words[-1]
    before = words if begins_anew else words[:-1]
    last = Word(last.text, last.start + shift)
    if reader.targets and not begins_anew and _in_target(line):
        return list(_files(_last_of_host(typed)))
    return list(_candidates(runner, [one.text for one in before], last))


def _in_target(line: str) -> bool:
    """Whether the last word stands behind a > or <."""
    return max(line.rfind(">"), line.rfind("<")) > max(line.rstrip().rfind(" "), 0) - 2


def _is_escaped(line: str) -> bool:
    return len(line) > 1 and line[-2] == "\\"


def _last_of_host(typed: str) -> Word:
    at = max(typed.rfind(letter) for letter in " \t|!<>") + 1
    return Word(typed[at:], at)


def _candidates(runner: Runner, before: Sequence[str], last: Word) -> Iterator[Candidate]:
    if not before:
        yield from _named(session_commands(), last)
        return
    if before == ["help"]:
        yield from _named(session_commands(), last)
        return
    command, context, rest = _command(runner, before)
    if command is None:
        return
    members = getattr(command, "package", "")
    if members:
        yield from _named(command.list_commands(context), last)
        return
    if last.text.startswith("-"):
        yield from _options(command, last)
        return
    waits = _waiting_option(command, rest)
    kind, choices = _kind(waits) if waits is not None else _kind_of_argument(command, rest, last.text)
    if choices:
        yield from _named(choices, last)
    elif kind == HOST:
        yield from _files(last)
    elif kind == GUEST:
        yield from _paths(runner, last)


def _named(
    names: Iterator[str] | Sequence[str] | Any, last: Word
) -> Iterator[Candidate]:  # Any: keys of a mapping
    yield from (Candidate(f"{one} ", last.start, one) for one in names if one.startswith(last.text))


def _command(runner: Runner, words: Sequence[str]) -> tuple[Any, Any, Sequence[str]]:  # Any: typer's objects
    """Return the command that the words name, a context of its group, and the words behind its name."""
    group: Any = runner.group
    context = group.make_context("", ["--help"], resilient_parsing=True)
    found, rest = group, list(words)
    while rest and hasattr(found, "list_commands"):
        found = found.get_command(context, rest[0])
        if found is None:
            return None, context, ()
        rest = rest[1:]
    return found, context, rest


def _options(command: Any, last: Word) -> Iterator[Candidate]:  # Any: typer's object
    for one in command.params:
        if one.param_type_name != "option" or getattr(one, "hidden", False):
            continue
        for spelling in (*one.opts, *one.secondary_opts):
            if spelling.startswith("--") and spelling.startswith(last.text):
                yield Candidate(f"{spelling} ", last.start, spelling, clean(one.help or ""))


def _waiting_option(command: Any, rest: Sequence[str]) -> Any:  # Any: typer's object
    """Return the option whose value is being typed; None if there is none."""
    if not rest or not rest[-1].startswith("-"):
        return None
    for one in command.params:
        if one.param_type_name == "option" and rest[-1] in one.opts:
            return None if one.is_flag or getattr(one, "count", False) else one
    return None


def _kind(parameter: Any) -> tuple[str, Sequence[str]]:  # Any: typer's object
    """Return what a parameter names, and its choices if it has such: `path` is the guest's, a Path the host's."""
    choices = getattr(parameter.type, "choices", ())
    if choices:
        return NEITHER, [str(one.value if isinstance(one, Enum) else one) for one in choices]
    metavar = (parameter.metavar or "").upper()
    if _is_host(parameter):
        return HOST, ()
    return (GUEST if "PATH" in metavar or "DIRECTORY" in metavar else NEITHER), ()


def _is_host(parameter: Any) -> bool:  # Any: typer's object
    kind = type(parameter.type).__name__
    return "Path" in kind or (parameter.metavar or "").strip("[]").rstrip(".") in (
        "FILE",
        "FOLDER",
        "ARCHIVE",
    )


def _kind_of_argument(command: Any, rest: Sequence[str], word: str) -> tuple[str, Sequence[str]]:
    """Return what the argument is that is being typed."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    if not arguments:
        return NEITHER, ()
    given = _count_arguments(command, rest)
    one = arguments[min(given, len(arguments) - 1)]
    metavar = one.metavar or ""
    if " " in metavar:  # FILE... DIRECTORY: the last of several is not like the others
        first, _, end = metavar.partition(" ")
        first_kind, end_kind = _side(first), _side(end)
        return (first_kind if given == 0 else _by_look(word, first_kind, end_kind)), ()
    return _kind(one)


def _side(metavar: str) -> str:
    return HOST if metavar.strip("[]").rstrip(".") in ("FILE", "FOLDER", "ARCHIVE") else GUEST


def _by_look(word: str, first: str, end: str) -> str:
    """Where it may be either: what begins with / is the guest's."""
    return GUEST if word.startswith("/") else (first if first == HOST else end)


def _count_arguments(command: Any, rest: Sequence[str]) -> int:
    count, skip = 0, False
    for word in rest:
        if skip:
            skip = False
        elif word.startswith("-") and len(word) > 1:
            skip = _waiting_option(command, [word]) is not None
        else:
            count += 1
    return count


def _paths(runner: Runner, last: Word) -> Iterator[Candidate]:
    """Yield paths of the guest; of a Windows guest with backslashes too."""
    above, separator, begun = _split(last.text)
    names = runner.session.names(above or (separator or "."))
    for entry, is_directory in names:
        name = entry.name
        if name.startswith(begun) and (begun or not name.startswith(".")):
            yield _path(f"{above}{separator}{name}", name, last, is_directory, separator or "/")


def _split(text: str) -> tuple[str, str, str]:
    at = max(text.rfind("/"), text.rfind("\\"))
    return ("", "", text) if at < 0 else (text[:at], text[at], text[at + 1 :])


def _path(whole: str, name: str, last: Word, is_directory: bool, separator: str) -> Candidate:
    end = separator if is_directory else ""
    return Candidate(quoted(f"{whole}{end}") + ("" if is_directory else " "), last.start, clean(name + end))


def _files(last: Word) -> Iterator[Candidate]:
    """Yield files of the host."""
    folder, slash, begun = last.text.rpartition("/")
    try:
        with os.scandir(Path(folder + slash).expanduser() if slash else ".") as entries:
            found = sorted(entries, key=lambda one: one.name)[:MOST]
            for one in found:
                if one.name.startswith(begun) and (begun or not one.name.startswith(".")):
                    yield _path(f"{folder}{slash}{one.name}", one.name, last, one.is_dir(), "/")
    except OSError:
        return
