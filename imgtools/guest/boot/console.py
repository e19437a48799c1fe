"""Read what a console shows of a boot: how far it came, how it ended, and the lines that say why.

A boot menu may say anything, so what looks like a login or a panic counts only behind the kernel's own banner, or
behind another thing that only a running kernel, or agetty's own issue, says. Of a log with several boots the last one
counts. The text may be hostile: it is bounded, and its control sequences are taken out first.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.guest.boot.console_signs import (
    AFTER_SIGNS,
    BANNER,
    BEFORE_SIGNS,
    BEGINS,
    HANDOVER,
    ISSUE,
    LOGIN,
    OVERCOME,
    STAGES,
    STARTED,
    Place,
    Sign,
    Stage,
    Verdict,
)

__all__ = ["Cause", "ConsoleReader", "ConsoleReading", "Stage", "Verdict", "plain_lines", "read_console"]

MOST = 16 << 20  # characters from the end of a text: a verbose boot has some 200 kB
LONGEST_LINE = 1000  # characters that are looked at
MOST_CAUSES = 100
NEAR = 4  # lines between agetty's issue and its prompt

# ECMA-48: control sequences that place the cursor begin another line (what menus are drawn with); others are dropped.
_MOVES = re.compile(r"\x1b\[[0-9;]{0,16}[Hf]|\x1b[DEM]")
_DROPPED = re.compile(
    r"\x1b\[[0-?]{0,32}[ -/]{0,4}[@-~]|\x1b\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|\x1b[ -/]{0,4}[0-~]"
    r"|[\x00-\x08\x0e-\x1f\x7f-\x9f]"
)


class Cause(NamedTuple):
    """One reason that a console gives: the id of what is broken, and the line that says so, counted from 1."""

    id: str
    line_number: int
    line: str


@dataclass(frozen=True, slots=True)
class ConsoleReading:
    """What a console shows of the last boot on it.

    :param stage: how far the boot came.
    :param verdict: how it ended; NONE: nothing tells.
    :param is_final: it goes no further by itself. Else more may come, if it is still running.
    :param line: what the verdict was read from; empty without one.
    :param causes: what may be to blame, in the order of the lines.
    """

    stage: Stage = Stage.NOTHING
    verdict: Verdict = Verdict.NONE
    is_final: bool = False
    line: str = ""
    causes: tuple[Cause, ...] = ()


def read_console(text: str) -> ConsoleReading:
    """Return what a captured console, or the text of a screen, says of the last boot on it."""
    kept = text[-MOST:]
    reader = ConsoleReader(first_line=1 + text.count("\n", 0, len(text) - len(kept)))
    reader.feed(kept)
    return reader.reading()


def plain_lines(text: str, first_line: int = 1) -> Iterator[tuple[int, str]]:
    """Yield the lines of a console with their numbers, without control sequences, and without trailing blanks but one.

    What a carriage return or a placed cursor begins anew is a line of its own, with the same number.
    """
    for number, line in enumerate(text.split("\n"), first_line):
        for piece in re.split(r"\r+", _MOVES.sub("\r", line[: 8 * LONGEST_LINE])):
            plain = _DROPPED.sub("", piece)[:LONGEST_LINE]
            if stripped := plain.rstrip():
                yield number, stripped + (" " if plain != stripped else "")


class ConsoleReader:
    """Reads a console while it is written to.

    :param first_line: the number of the first line that it gets.
    """

    def __init__(self, first_line: int = 1) -> None:
        self._next_line = first_line
        self._rest = ""  # of a line whose end has not come
        self._begin()

    def feed(self, text: str) -> None:
        """Take what the console has shown since."""
        whole, end, rest = (self._rest + text).rpartition("\n")
        if end:
            for number, line in plain_lines(whole, self._next_line):
                self._take(number, line)
            self._next_line += whole.count("\n") + 1
        self._rest = rest[-8 * LONGEST_LINE :]

    def reading(self) -> ConsoleReading:
        """Return what it shows so far; a line without its end is a prompt, or will be read again."""
        tried = copy.copy(self)
        tried._causes = list(self._causes)
        for number, line in plain_lines(self._rest, self._next_line):
            tried._take(number, line)
        return tried._result()

    def _begin(self) -> None:
        """Forget what was before: another boot begins."""
        self._stage, self._verdict, self._is_final, self._line = Stage.NOTHING, Verdict.NONE, False, ""
        self._causes: list[Cause] = []
        self._runs = False  # a kernel does
        self._handed_over = False  # a loader has said that it starts one
        self._has_banner = self._has_initrd = False
        self._issue = -NEAR  # the number of the line with agetty's issue

    def _take(self, number: int, line: str) -> None:
        if self._runs and BEGINS.match(line):
            self._begin()
        if BANNER.match(line):
            if (
                self._has_banner and self._verdict is not Verdict.KERNEL_PANIC
            ):  # behind a panic: that of kdump
                self._begin()
            self._has_banner = self._runs = True
            self._come_to(Stage.KERNEL)
        elif not self._runs and STARTED.match(line):
            self._runs = True
            self._come_to(Stage.KERNEL)
        if HANDOVER.match(line):
            self._handed_over = True
            if not self._is_final and not self._runs:  # the loader goes on, whatever it has complained of
                self._verdict, self._line = Verdict.NONE, ""
        if ISSUE.search(line):
            self._issue = number
        self._has_initrd = self._has_initrd or "npacking initramfs" in line or "RAMDISK" in line
        if LOGIN.match(line) and (self._runs or self._handed_over or number - self._issue < NEAR):
            self._runs = True
            self._come_to(Stage.LOGIN)
            self._end(Verdict.LOGIN, line, is_final=True)
            return
        if self._runs:  # one line of a panic says both that it is one and why
            for sign in AFTER_SIGNS:
                if sign.pattern.search(line):
                    self._note(sign, number, line)
        else:  # of a loader's words the first sign is the closest
            signs = [one for one in BEFORE_SIGNS if one.pattern.search(line)]
            for sign in signs[:1] + [one for one in signs[1:] if one.place is Place.BOTH]:
                self._note(sign, number, line)

    def _note(self, sign: Sign, number: int, line: str) -> None:
        if sign.place is Place.BOTH:
            self._runs = True
        self._come_to(sign.stage)
        if sign.cause and len(self._causes) < MOST_CAUSES:
            self._causes.append(Cause(sign.cause, number, line.strip()))
        if sign.verdict is not Verdict.NONE and not (self._is_final and not sign.is_final):
            self._end(sign.verdict, line, is_final=sign.is_final)

    def _come_to(self, stage: Stage) -> None:
        """A later stage: what had kept the boot up is over."""
        if STAGES.index(stage) > STAGES.index(self._stage):
            self._stage = stage
            if not self._is_final or stage is Stage.LOGIN or self._was_before(stage):
                self._verdict, self._is_final, self._line = Verdict.NONE, False, ""

    def _was_before(self, stage: Stage) -> bool:
        """Whether the verdict is one of a loader or of firmware, and a kernel runs now all the same."""
        before = (Verdict.NO_DEVICE, Verdict.LOADER_ERROR)
        return self._verdict in before and STAGES.index(stage) >= STAGES.index(Stage.KERNEL)

    def _end(self, verdict: Verdict, line: str, *, is_final: bool) -> None:
        if self._verdict is Verdict.KERNEL_PANIC:  # nothing is worse
            return
        self._verdict, self._is_final, self._line = verdict, is_final, line.strip()

    def _result(self) -> ConsoleReading:
        causes = self._causes
        if STAGES.index(self._stage) >= STAGES.index(Stage.USER_SPACE):
            panic = self._verdict is Verdict.KERNEL_PANIC
            causes = [one for one in causes if panic or one.id not in OVERCOME]
        if self._has_banner and not self._has_initrd:
            causes = [*_without_initrd(causes), *causes]
        return ConsoleReading(self._stage, self._verdict, self._is_final, self._line, tuple(causes))


def _without_initrd(causes: list[Cause]) -> Iterator[Cause]:
    """A kernel that has no root and has unpacked no initramfs was given none: it says unknown-block(0,0)."""
    for one in causes:
        if one.id == "root-not-found" and "unknown-block(0,0)" in one.line:
            yield Cause("initrd-missing", one.line_number, one.line)
            return
