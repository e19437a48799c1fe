"""Watch a guest boot: its serial console, its screen and its disks, until it is plain how that ends.

What the serial console says counts first. A guest that says nothing there is watched by its screen: text is read off
it, and a picture that stays while the disks are quiet is taken for what a graphical system shows when it is up.

Quiet is what the guest has time to break: while this machine has no processor for it, none of it counts.
"""

from __future__ import annotations

import codecs
import re
import selectors
import time
from dataclasses import dataclass, field, replace
from typing import Protocol

from imgtools.engine.qemu.kvm import KVM
from imgtools.engine.qemu.screen import (
    Picture,
    ScreenText,
    as_png,
    is_plain,
    read_text,
    stop_colour,
    vga_font,
)
from imgtools.guest.boot.console import (
    Cause,
    ConsoleReader,
    ConsoleReading,
    Stage,
    Verdict,
    plain_lines,
    read_console,
)
from imgtools.guest.boot.console_signs import HANDED_ON
from imgtools.image.machine import Machine
from imgtools.records.progress import Progress

POLL = 0.2  # seconds at most between two looks at the serial port
LOOK = 2.0  # between two looks at the screen, while the serial port is silent
SETTLE = 1.5  # of silence behind a bad end: the lines that follow a panic belong to it
SETTLE_MOST = 5.0
QUIET = 20.0  # of neither words, pictures nor disks, after which what stays is how it ends; under KVM
STRETCH = 3.0  # how much longer without KVM
PATIENCE = 180.0  # seconds for a boot under KVM, where nobody says how long
FEW_REQUESTS = 70  # of disks: GRUB's core image takes some 60, its menu 20 more, and a kernel hundreds
MOST_RESETS = 4  # of one boot: firmware's own, an update's, a relabelling's
MOST_SERIAL = 32 << 20  # bytes that are kept
WINDOW = 1 << 16  # characters in which --expect is looked for
LAST_LINES = 20

GOOD = (Verdict.LOGIN, Verdict.WINDOWS_LOGON)


class Talk(Protocol):
    """A person at the serial console."""

    def fileno(self) -> int:
        """A descriptor that can be read from when something was typed."""

    def read(self) -> bytes | None:
        """Return what was typed; None: no more is to come."""

    def write(self, content: bytes) -> None:
        """Show what the guest has said."""


@dataclass(frozen=True, slots=True)
class Watching:
    """What is waited for.

    :param seconds: how long; None: as long as is usual, longer without KVM, and where other programs take its time.
    :param expect: ends the watch when the console or the screen shows it, and nothing else good does.
    :param is_windows: whether a picture that stays is a Windows that is up.
    :param mute_code: what is to blame where the BIOS's last words stay on the screen, as a diagnosis calls it.
    """

    seconds: float | None = None
    expect: re.Pattern[str] | None = None
    is_windows: bool = False
    mute_code: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """How a boot ended.

    :param reached: a login, or what was expected.
    :param stage: how far it came, for all that can be told.
    :param line: what tells it, and ``seen_on``, where: ``serial``, ``screen``; empty: neither.
    :param last_lines: of the serial console, or of the screen if there are none.
    """

    verdict: Verdict
    reached: bool
    stage: Stage
    line: str
    seen_on: str
    causes: tuple[Cause, ...]
    last_lines: tuple[str, ...]
    seconds: float
    resets: int
    accelerator: str
    serial: bytes = field(repr=False)
    picture: Picture = field(repr=False)
    limit: float = 0.0  # seconds that it had

    def png(self) -> bytes:
        """Return the screen as it was at the end, as a PNG file."""
        return as_png(self.picture)


def watch(
    machine: Machine, how: Watching, talk: Talk | None = None, progress: Progress | None = None
) -> Watched:
    """Switch a machine on and watch it until it is plain how that ends, or time is up.

    :param talk: the person at the console; then only the person, or the guest's own end, ends the watch.
    :raises NoRoom: the guest writes more than the host has room for.
    :raises EngineFailed: QEMU ended.
    """
    return _Watch(machine, how, talk).run(progress or (lambda _done, _total: None))


class _Watch:
    """One watch."""

    def __init__(self, machine: Machine, how: Watching, talk: Talk | None) -> None:
        stretch = 1.0 if machine.accelerator == KVM else STRETCH
        self._machine, self._how, self._talk = machine, how, talk
        patience = PATIENCE * (2 if how.is_windows else 1)
        self._limit = how.seconds if how.seconds is not None else patience * stretch
        self._quiet = QUIET * stretch
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._font = vga_font()
        self._console = ConsoleReader()
        self._on_serial = ConsoleReading()
        self._on_screen = ConsoleReading()
        self._serial = bytearray()
        self._window = ""
        self._screen = ScreenText()
        self._picture: Picture | None = None
        self._requests = -1
        self._typed = b""
        self._expected = self._expected_on = ""
        self._has_left = False

    def run(self, progress: Progress) -> Watched:
        """Watch."""
        self._begun = self._heard = time.monotonic()
        self._looked = self._told = 0.0
        self._final_since: float | None = None
        self._machine.begin()
        self._moved = self._began = self._guest_time()
        with selectors.DefaultSelector() as selector:
            selector.register(self._machine.serial, selectors.EVENT_READ, self._listen)
            if self._talk is not None:
                selector.register(self._talk.fileno(), selectors.EVENT_READ, self._ask)
            while True:
                for key, _events in selector.select(POLL):
                    key.data()
                self._type()
                now = time.monotonic()
                if now - self._looked >= LOOK and now - self._heard >= min(LOOK, now - self._begun):
                    self._look(now)
                if (ended := self._ending(now)) is not None:
                    return self._result(ended, now)
                if now - self._told >= 1.0:
                    self._told = now
                    progress(int(now - self._begun), int(self._limit))

    # -- looking -------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        piece = self._machine.read_serial()
        if not piece:
            return
        self._heard, self._moved = time.monotonic(), self._guest_time()
        if self._talk is not None:
            self._talk.write(piece)
        self._serial += piece
        del self._serial[: max(0, len(self._serial) - MOST_SERIAL)]
        text = self._decoder.decode(piece)
        self._console.feed(text)
        self._on_serial = self._console.reading()
        self._window = (self._window + text)[-WINDOW:]
        self._expect("\n".join(line for _number, line in plain_lines(self._window)), "serial")

    def _ask(self) -> None:
        assert self._talk is not None
        typed = self._talk.read()
        if typed is None:
            self._has_left = True
        else:
            self._typed += typed

    def _type(self) -> None:
        if self._typed:
            self._typed = self._typed[self._machine.write_serial(self._typed) :]

    def _look(self, now: float) -> None:
        self._looked = now
        requests, picture = self._machine.disk_requests(), self._machine.screen()
        if requests != self._requests:
            self._requests, self._moved = requests, self._guest_time()
        if self._picture is None or picture != self._picture:
            shown = read_text(picture, self._font)
            if not shown.is_text or shown != self._screen:  # else the cursor blinks
                self._moved = self._guest_time()
            self._picture, self._screen = picture, shown
            if shown.is_text:
                self._on_screen = read_console(shown.text)
                self._expect(shown.text, "screen")

    def _expect(self, text: str, where: str) -> None:
        if self._how.expect is not None and not self._expected and (found := self._how.expect.search(text)):
            line = text[text.rfind("\n", 0, found.start()) + 1 :].partition("\n")[0]
            self._expected, self._expected_on = line.strip() or found[0], where

    # -- judging -------------------------------------------------------------------------------------------

    def _ending(self, now: float) -> Verdict | None:
        """Return how it ended, or None: it goes on."""
        if self._expected and self._talk is None:
            verdict = self._reading.verdict
            return verdict if verdict is not Verdict.NONE else Verdict.EXPECTED
        if self._machine.is_off():
            verdict = self._reading.verdict
            return Verdict.POWERED_OFF if verdict in (*GOOD, Verdict.NONE, Verdict.TARGET) else verdict
        if self._talk is not None:
            return self._reading.verdict if self._has_left else None
        if self._machine.resets >= MOST_RESETS:
            return Verdict.REBOOTS
        if (
            now - self._begun if self._how.seconds is not None else self._guest_time() - self._began
        ) >= self._limit:
            return self._reading.verdict
        if self._reading.is_final:
            return self._final(now)
        self._final_since = None
        return self._by_quiet()

    def _final(self, now: float) -> Verdict | None:
        """A bad end is listened to for a moment; a login is not enough where something else is expected."""
        verdict = self._reading.verdict
        if verdict in GOOD:
            return verdict if self._how.expect is None else None
        self._final_since = self._final_since or now
        is_settled = now - self._heard >= SETTLE or now - self._final_since >= SETTLE_MOST
        return verdict if is_settled and now - self._final_since >= SETTLE / 2 else None

    def _guest_time(self) -> float:
        """Seconds that pass only while the guest runs, or has nothing to do."""
        return time.monotonic() - self._machine.waited()

    def _by_quiet(self) -> Verdict | None:
        """What stays, with nothing that moves, is how it ends."""
        verdict = self._reading.verdict
        if self._guest_time() - self._moved < (
            self._quiet if verdict is not Verdict.PASSPHRASE else self._quiet / 4
        ):
            return None
        if self._how.expect is not None and verdict in (*GOOD, Verdict.TARGET):
            return None
        if verdict is not Verdict.NONE:
            return verdict
        if self._mute_line:
            return Verdict.LOADER_ERROR
        if self._picture is None or self._screen.is_text or is_plain(self._picture):
            return None
        if not self._how.is_windows:
            return Verdict.GRAPHICAL
        return Verdict.WINDOWS_STOP if stop_colour(self._picture) else Verdict.WINDOWS_LOGON

    @property
    def _mute_line(self) -> str:
        """The last words on the screen, if they are the BIOS's or a boot sector's, and no kernel can be loaded."""
        shown = _last(self._screen.text)
        is_mute = bool(shown) and not self._serial and 0 <= self._requests < FEW_REQUESTS
        return shown[-1] if is_mute and HANDED_ON.match(shown[-1]) else ""

    @property
    def _reading(self) -> ConsoleReading:
        """The serial console's, unless the screen knows better."""
        on_serial, on_screen = self._on_serial, self._on_screen
        if on_screen.is_final and not on_serial.is_final:
            return on_screen
        if on_serial.verdict is Verdict.NONE and on_serial.stage is Stage.NOTHING:
            return on_screen
        return on_serial

    def _result(self, verdict: Verdict, now: float) -> Watched:
        reading = self._reading
        reached = bool(self._expected) if self._how.expect is not None else verdict in GOOD
        if verdict is Verdict.LOADER_ERROR and reading.verdict is Verdict.NONE:
            reading = self._mute(reading)
        is_said = reading.verdict is verdict and bool(reading.line)
        seen_on = "serial" if reading is self._on_serial and is_said else "screen"
        seen_on = self._expected_on or seen_on
        line = self._expected or (reading.line if is_said else "")
        return Watched(
            verdict=verdict,
            reached=reached,
            stage=Stage.LOGIN if verdict in GOOD else reading.stage,
            line=line,
            seen_on=seen_on if verdict is not Verdict.NONE else "",
            causes=reading.causes,
            last_lines=self._last_lines(),
            seconds=now - self._begun,
            resets=self._machine.resets,
            accelerator=self._machine.accelerator,
            serial=bytes(self._serial),
            picture=self._machine.screen(),
            limit=self._limit,
        )

    def _mute(self, reading: ConsoleReading) -> ConsoleReading:
        """What is said of boot code that says nothing itself."""
        line, number = self._mute_line, self._screen.text.rstrip("\n").count("\n") + 1
        causes = (Cause(self._how.mute_code, number, line),) if self._how.mute_code else ()
        return replace(reading, verdict=Verdict.LOADER_ERROR, line=line, causes=causes)

    def _last_lines(self) -> tuple[str, ...]:
        lines = _last(self._window)
        return (
            lines
            if len(lines) > 1 and self._reading is not self._on_screen
            else _last(self._screen.text) or lines
        )


def _last(text: str) -> tuple[str, ...]:
    return tuple(line for _number, line in plain_lines(text))[-LAST_LINES:]
