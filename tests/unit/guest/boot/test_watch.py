"""A boot is watched until it is plain how it ends: by its serial console, by its screen, by what does not move."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import pytest

from imgtools.engine.qemu.kvm import KVM
from imgtools.engine.qemu.screen import Picture
from imgtools.errors import NoRoom
from imgtools.guest.boot import watch as watching
from imgtools.guest.boot.console import Stage, Verdict
from imgtools.guest.boot.watch import Watched, Watching, watch
from imgtools.image.machine import Machine
from tests.unit.engine.qemu.test_screen import FONT, draw

BLACK = Picture(640, 400, bytes(640 * 400 * 3))
PANIC = "[    0.1] Linux version 6.1.0\n[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n"
LOGIN = "Welcome to GRUB!\nLoading initial ramdisk ...\n\nDebian GNU/Linux 12 web ttyS0\n\nweb login: "


@dataclass
class Guest:
    """A machine whose guest does what a test says: words on its serial port, screens one after the other."""

    words: str = ""
    screens: list[Picture] = field(default_factory=list)
    off: bool = False
    resets: int = 0
    full: bool = False
    accelerator: str = KVM
    typed: bytes = b""
    looks: int = 0
    requests: int = 7
    starved: float = 0.0  # seconds that it gets no processor for
    began: float = 0.0

    def begin(self) -> None:
        self.began = time.monotonic()
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.theirs.sendall(self.words.encode())

    @property
    def serial(self) -> int:
        return self.ours.fileno()

    def read_serial(self) -> bytes:
        with suppress(BlockingIOError):
            return self.ours.recv(100)
        return b""

    def write_serial(self, content: bytes) -> int:
        self.typed += content
        return len(content)

    def waited(self) -> float:
        return min(time.monotonic() - self.began, self.starved) if self.began else 0.0

    def is_off(self) -> bool:
        if self.full:
            raise NoRoom("full")
        return self.off

    def disk_requests(self) -> int:
        return self.requests

    def screen(self) -> Picture:
        self.looks += 1
        return self.screens[min(self.looks, len(self.screens)) - 1] if self.screens else BLACK


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, seconds in {
        "LOOK": 0.02,
        "POLL": 0.01,
        "SETTLE": 0.05,
        "SETTLE_MOST": 0.2,
        "QUIET": 0.3,
    }.items():
        monkeypatch.setattr(watching, name, seconds)
    monkeypatch.setattr(watching, "vga_font", lambda: dict(FONT))
    yield


def seen(guest: Guest, seconds: float = 5, **how: object) -> Watched:
    expect = re.compile(str(how.pop("expect")), re.MULTILINE) if "expect" in how else None
    return watch(cast(Machine, guest), Watching(seconds, expect, **how))  # type: ignore[arg-type]


def test_a_login_on_the_serial_console() -> None:
    found = seen(Guest(LOGIN))
    assert (found.verdict, found.reached, found.seen_on) == (Verdict.LOGIN, True, "serial")
    assert found.line == "web login:"
    assert found.serial.decode() == LOGIN
    assert found.last_lines[-1].startswith("web login:")


def test_a_panic_ends_the_watch_with_its_cause() -> None:
    found = seen(Guest(PANIC + "[    1.1] CPU: 0 PID: 1 Comm: swapper/0\n"))
    assert (found.verdict, found.reached, found.stage) == (Verdict.KERNEL_PANIC, False, Stage.KERNEL)
    assert [one.id for one in found.causes] == ["root-not-found", "kernel-panic"]
    assert "CPU: 0" in found.last_lines[-1]


def test_a_guest_without_a_serial_console_is_watched_by_its_screen() -> None:
    first, then = draw(["SeaBIOS starts"]), draw(["Debian GNU/Linux 12 web tty1", "", "web login: "])
    found = seen(Guest(screens=[first, first, then]))
    assert (found.verdict, found.reached, found.seen_on) == (Verdict.LOGIN, True, "screen")
    assert found.last_lines == ("Debian GNU/Linux 12 web tty1", "web login:")


def test_no_bootable_device() -> None:
    found = seen(Guest(screens=[draw(["Booting from Hard Disk...", "", "No bootable device."])]))
    assert (found.verdict, found.reached, found.seen_on) == (Verdict.NO_DEVICE, False, "screen")


MUTE = ["SeaBIOS (version 1.16.2)", "", "Booting from Hard Disk..."]


@pytest.mark.parametrize("more", [[], ["GRUB"], ["GRUB loading."], ["GRUB GRUB GRUB"]])
def test_boot_code_that_gives_no_sign(more: list[str]) -> None:
    found = seen(Guest(screens=[draw([*MUTE, *more])]), mute_code="grub-core-damaged")
    assert (found.verdict, found.reached, found.seen_on) == (Verdict.LOADER_ERROR, False, "screen")
    assert found.line == [*MUTE, *more][-1]
    assert found.causes == (("grub-core-damaged", 3 + len(more), found.line),)
    assert seen(Guest(screens=[draw([*MUTE, *more])])).causes == (), "nobody knows what is to blame"


def test_a_guest_that_only_says_nothing_may_have_started() -> None:
    """Its kernel was loaded, its loader stands at a menu, or its words are on the serial port."""
    mute = draw(MUTE)
    for guest in (
        Guest(screens=[mute], requests=80),
        Guest(screens=[draw([*MUTE, "GRUB loading.", "Welcome to GRUB!"])]),
        Guest("Welcome to GRUB!\n", screens=[mute]),
        Guest(screens=[draw(["Booting from Hard Disk...", "my own loader"])]),
    ):
        assert seen(guest, 1, mute_code="boot-code-missing").verdict is Verdict.NONE


def test_what_may_go_on_is_waited_for_until_nothing_moves() -> None:
    found = seen(Guest("Welcome to GRUB!\nerror: no such device: 0bad.\n"))
    assert found.verdict is Verdict.LOADER_ERROR
    assert found.seconds >= 0.3


def test_a_passphrase_is_asked_for() -> None:
    assert (
        seen(Guest("Loading, please wait...\nPlease unlock disk vda5_crypt: ")).verdict is Verdict.PASSPHRASE
    )


def test_nothing_within_the_time() -> None:
    found = seen(Guest(), 0.5)
    assert (found.verdict, found.reached, found.seen_on, found.limit) == (Verdict.NONE, False, "", 0.5)


def test_how_long_is_waited() -> None:
    assert seen(Guest(LOGIN, accelerator="TCG"), None).limit == 540  # type: ignore[arg-type]
    assert seen(Guest(LOGIN), None).limit == 180  # type: ignore[arg-type]


def test_what_is_expected_counts_and_nothing_else() -> None:
    found = seen(Guest(LOGIN), expect=r"^web log\w+")
    assert (found.reached, found.line) == (True, "web login:")
    found = seen(Guest(LOGIN), 0.5, expect="Cloud-init .* finished")
    assert (found.verdict, found.reached) == (Verdict.LOGIN, False)
    found = seen(Guest(PANIC), expect="login:")
    assert (found.verdict, found.reached) == (Verdict.KERNEL_PANIC, False)
    found = seen(Guest(PANIC), expect="Kernel panic")
    assert (found.verdict, found.reached) == (Verdict.KERNEL_PANIC, True)
    found = seen(Guest(screens=[draw(["reBoot done"])]), expect="Boot done")
    assert (found.reached, found.line) == (True, "reBoot done")


def test_a_picture_that_stays() -> None:
    noise = Picture(640, 64, bytes((x * 7 + y * 13 + x * y) % 251 for y in range(64) for x in range(640 * 3)))
    blue = Picture(640, 64, b"\0\x78\xd7" * 640 * 63 + noise.pixels[: 640 * 3])
    assert seen(Guest(screens=[noise])).verdict is Verdict.GRAPHICAL
    assert seen(Guest(screens=[noise]), is_windows=True).verdict is Verdict.WINDOWS_LOGON
    assert seen(Guest(screens=[blue]), is_windows=True).verdict is Verdict.WINDOWS_STOP
    assert seen(Guest(screens=[BLACK]), 0.6, is_windows=True).verdict is Verdict.NONE


def test_no_guest_is_taken_for_quiet_while_it_gets_no_processor() -> None:
    """A picture that stays is no sign of anything while its guest cannot run."""
    noise = Picture(640, 64, bytes((x * 7 + y * 13 + x * y) % 251 for y in range(64) for x in range(640 * 3)))
    assert seen(Guest(screens=[noise], starved=60), 1).verdict is Verdict.NONE
    found = seen(Guest(screens=[noise], starved=0.6))
    assert found.verdict is Verdict.GRAPHICAL and found.seconds > 0.6 + 0.3


def test_the_usual_time_is_the_guest_s_and_the_time_that_was_said_is_the_clock_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "PATIENCE", 0.1)
    assert watch(cast(Machine, Guest(starved=0.5)), Watching()).seconds > 0.6
    assert seen(Guest(starved=60), 0.2).verdict is Verdict.NONE


def test_a_guest_that_ends_itself() -> None:
    assert seen(Guest(off=True)).verdict is Verdict.POWERED_OFF
    assert seen(Guest(resets=9)).verdict is Verdict.REBOOTS


def test_a_host_without_room() -> None:
    with pytest.raises(NoRoom):
        seen(Guest(full=True))


def test_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    watch(cast(Machine, Guest(LOGIN)), Watching(7), progress=lambda done, total: told.append((done, total)))
    assert all(total == 7 for _done, total in told)


class Person:
    """Somebody at the console."""

    def __init__(self, *keys: bytes) -> None:
        self.shown = b""
        self._ours, theirs = socket.socketpair()
        for one in keys:
            theirs.sendall(one)
        theirs.close()

    def fileno(self) -> int:
        return self._ours.fileno()

    def read(self) -> bytes | None:
        return self._ours.recv(3) or None

    def write(self, content: bytes) -> None:
        self.shown += content


def test_a_person_works_on_the_console_until_they_leave() -> None:
    guest, person = Guest(LOGIN), Person(b"root\r")
    found = watch(cast(Machine, guest), Watching(5), person)
    assert guest.typed == b"root\r"
    assert found.verdict in (Verdict.LOGIN, Verdict.NONE)  # who leaves at once may not have seen it
