"""Which program is meant, and what all of them answer: --help, --version, an error in one line and exit code 1."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType

from imgtools import __version__
from imgtools.compat.programs import PROGRAMS
from imgtools.compat.text import harmless, put
from imgtools.compat.words import Option, Takes, Words, parse
from imgtools.errors import ImgtoolsError, UsageError, shorten
from imgtools.records.system import Warned

LIKE = "1.48.2"  # the release whose options and output these are
FAILED = 1  # what each of the programs exits with, whatever went wrong
LONGEST = 4000  # letters of a message


def program_of(word: str) -> str:
    """Return the program that a word names, with or without ``virt-``.

    :raises UsageError: there is none of that name.
    """
    for name in (word, f"virt-{word}"):
        if name in PROGRAMS:
            return name
    raise UsageError(f"no such program: {word}", hint=f"there are: {', '.join(PROGRAMS)}")


def call(program: str, words: Sequence[str]) -> int:
    """Run one program; return its exit code."""
    module = importlib.import_module(f"imgtools.compat.{PROGRAMS[program].module}")
    try:
        return _run(program, words, module)
    except ImgtoolsError as error:
        sys.stdout.flush()
        complain(program, error)
        return FAILED


def _run(program: str, words: Sequence[str], module: ModuleType) -> int:
    options: Sequence[Option] = module.OPTIONS
    parsed = parse(program, words, options, single_dash=getattr(module, "SINGLE_DASH", False))
    if parsed.has("--help"):
        put(help_text(program, options))
    elif parsed.has("--version"):
        put(f"{program} {LIKE} (imgtools {__version__})\n")
    elif parsed.has("--long-options"):
        put(long_options(options))
    elif parsed.has("--short-options"):
        put(short_options(options))
    else:
        code: int = module.run(parsed)
        return code
    return 0


def complain(program: str, error: ImgtoolsError) -> None:
    """Say on standard error what is wrong, under the name of the program."""
    sys.stderr.write(f"{program}: {_clean(error.message)}\n")
    if error.hint:
        sys.stderr.write(f"  hint: {_clean(error.hint)}\n")


def warn(words: Words, text: str) -> None:
    """Say something on standard error that is no error."""
    sys.stderr.write(f"{words.program}: {_clean(text)}\n")


def report_warnings(words: Words, warnings: Iterable[Warned]) -> None:
    """Say on standard error what there is to know of what was done."""
    for one in warnings:
        warn(words, f"warning: {one.path}: {one.text}" if one.path else f"warning: {one.text}")


def _clean(text: str) -> str:
    """Return text in one line, without what a terminal would obey."""
    return harmless(shorten(text, LONGEST).replace("\n", " "))


def help_text(program: str, options: Sequence[Option]) -> str:
    """Return the list of what a program takes, and what becomes of it."""
    lines = [
        f"{program}: imgtools in the place of {program} {LIKE} ({PROGRAMS[program].summary})",
        "",
        "Options:",
    ]
    for option in options:
        value = {Takes.NOTHING: "", Takes.VALUE: " VALUE", Takes.MAYBE: "[=VALUE]"}[option.takes]
        note = (
            f": refused; {option.instead}"
            if option.instead
            else f": passed over; {option.idle}"
            if option.idle
            else ""
        )
        lines.append(f"  {', '.join(option.names)}{value}{note}")
    return "\n".join((*lines, "", f"What they mean is in {program}(1); docs/virt.md tells what differs.", ""))


def long_options(options: Sequence[Option]) -> str:
    """Return the long options, a line each, as programs that complete words ask for them."""
    hidden = {"--long-options", "--short-options"}
    names = sorted({name for one in options for name in one.names if name.startswith("--")} - hidden)
    return "".join(f"{name}\n" for name in names)


def short_options(options: Sequence[Option]) -> str:
    """Return the letters, a line each."""
    names = sorted({name for one in options for name in one.names if not name.startswith("--")})
    return "".join(f"{name}\n" for name in names)
