"""What the programs made in OCaml have in common: options, messages with a time, and --machine-readable.

Source: common/mltools/tools_utils.ml of guestfs-tools 1.48.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from imgtools.compat.sources import SPEAKING
from imgtools.compat.text import put
from imgtools.compat.words import Option, Takes, Words, idle, switch
from imgtools.errors import HostError, ImgtoolsError, UsageError

COLOURS = ("--color", "--colors", "--colour", "--colours")
MACHINE = Option(("--machine-readable",), Takes.MAYBE)
STANDARD = (
    idle("nothing is coloured", *COLOURS),
    idle("there is no OCaml whose memory could be checked", "--debug-gc"),
    idle("lines are not wrapped", "--wrap"),
    switch("--quiet", "-q"),
    *SPEAKING,
)
PLACED = ("--format", "--blocksize")  # stand before the -a that they are about; in these programs anywhere


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says on standard output what is done, with the seconds since the start, and as JSON where that was asked for."""

    quiet: bool
    descriptor: int | None  # where JSON goes
    began: float

    def message(self, text: str) -> None:
        """Say what begins, or has ended."""
        self.tell("message", text)
        if not self.quiet:
            put(f"[{time.monotonic() - self.began:6.1f}] {text}\n")

    def info(self, text: str) -> None:
        """Say something without a time, also where little is to be said."""
        self.tell("info", text)
        put(f"{text}\n")

    def tell(self, kind: str, text: str) -> None:
        """Write a line of JSON."""
        if self.descriptor is not None:
            now = datetime.now(UTC).isoformat()
            line = json.dumps({"message": text, "timestamp": now, "type": kind})
            _write(self.descriptor, f"{{ {line[1:-1]} }}\n")


@contextmanager
def speaking(words: Words) -> Iterator[Speaker]:
    """Yield what says what is done; an error is told as JSON too.

    :raises UsageError: the place for JSON is none.
    """
    with _descriptor(words) as descriptor:
        speaker = Speaker(words.has("--quiet"), descriptor, time.monotonic())
        try:
            yield speaker
        except ImgtoolsError as error:
            speaker.tell("error", error.message)
            raise


def told_facts(words: Words, facts: Sequence[str]) -> bool:
    """Print what the program can do, a word a line, if that was asked for; return whether it was.

    :raises UsageError: the place for it is none.
    """
    with _descriptor(words) as descriptor:
        if descriptor is not None:
            _write(descriptor, "".join(f"{fact}\n" for fact in facts))
        return descriptor is not None


@contextmanager
def _descriptor(words: Words) -> Iterator[int | None]:
    """Yield where --machine-readable writes; None: it was not given.

    :raises UsageError: the place is none.
    """
    if not words.has(MACHINE.name):
        yield None
        return
    text = words.last(MACHINE.name) or "stream:stdout"
    kind, _, place = text.partition(":")
    numbers = {"stdout": 1, "stderr": 2}
    if kind == "stream" and place in numbers:
        yield numbers[place]
    elif kind == "fd" and place.isdecimal():
        yield int(place)
    elif kind == "file" and place:
        with _opened(place) as number:
            yield number
    else:
        raise UsageError(
            f"invalid format string for {MACHINE.name}: {text}", hint="file:NAME, stream:stderr or fd:NUMBER"
        )


@contextmanager
def _opened(place: str) -> Iterator[int]:
    try:
        number = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise HostError(f"cannot write {place}: {error.strerror}") from None
    try:
        yield number
    finally:
        os.close(number)


def _write(descriptor: int, text: str) -> None:
    if descriptor == 1:
        put(text)
        return
    try:
        sys.stdout.flush()
        os.write(descriptor, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise HostError(f"cannot write {MACHINE.name}: {error.strerror}") from None


def anywhere(words: Words) -> Words:
    """Return words with --format and --blocksize before all images: here they need not stand there."""
    before = [one for one in words.given if one.name in PLACED]
    return replace(words, given=(*before, *(one for one in words.given if one not in before)))


def once(words: Words, *names: str) -> None:
    """Make sure that options are given once at most.

    :raises UsageError: one is given again.
    """
    for name in names:
        if sum(one.name == name for one in words.given) > 1:
            raise UsageError(f"{name} option can only be given once", hint="leave one of them away")


def one_guest(words: Words) -> None:
    """Make sure that either images or a domain are named, and --domain once.

    :raises UsageError: both are, or neither.
    """
    once(words, "--domain")
    if words.has("--add") and words.has("--domain"):
        raise UsageError("you cannot give -a and -d options together", hint="name images, or one guest")
    if not words.has("--add") and not words.has("--domain"):
        raise UsageError("you must give either -a or -d options", hint=f"{words.program} -a IMAGE")


def no_more(words: Words) -> None:
    """Make sure that nothing stands beside the options.

    :raises UsageError: something does.
    """
    if words.rest:
        raise UsageError(f"stray argument '{words.rest[0]}'", hint="name images with -a, guests with -d")
