"""QEMU as a child of ours: who is found, and what silence does."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from imgtools.engine.appliance import child
from imgtools.engine.appliance.child import ended_if_it_hangs, find_children, kill_children

TOKEN = "imgtools-0123456789abcdef"
WAITER = "import sys; sys.stdin.read()"


@pytest.fixture
def qemu() -> Iterator[subprocess.Popen[bytes]]:
    """A child that bears the name of a launch."""
    words = [sys.executable, "-S", "-c", WAITER, "-name", TOKEN]
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.host
def test_a_launch_is_found_by_its_whole_name(qemu: subprocess.Popen[bytes]) -> None:
    assert find_children(TOKEN) == [qemu.pid]
    assert find_children(TOKEN[:-1]) == []


@pytest.mark.host
def test_it_and_nothing_else_is_ended(qemu: subprocess.Popen[bytes]) -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", WAITER], stdin=subprocess.PIPE) as other:
        kill_children(TOKEN)
        assert qemu.wait(60) == -9
        assert other.poll() is None
        other.kill()


class Launch:
    """A launch of which a test says what it does.

    :param said: its log, at each look; the last stays.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *said: str, there: int = 1) -> None:
        self._said = list(said or ("",))
        self._before = there  # looks until its QEMU is there
        self.killed = threading.Event()
        monkeypatch.setattr(child, "PERIOD", 0.01)
        monkeypatch.setattr(child, "find_children", self._find)
        monkeypatch.setattr(child, "kill_children", lambda token: self.killed.set())

    def _find(self, token: str) -> list[int]:
        self._before -= 1
        return [] if self._before >= 0 else [1]

    def log(self) -> str:
        """What was said so far."""
        return self._said.pop(0) if len(self._said) > 1 else self._said[0]

    def ends(self, wait: float = 30, silent: float = 0.03, whole: float = 1000) -> str:
        """Watch it until it was killed, or some time has passed; return why it was given up."""
        with ended_if_it_hangs(TOKEN, self.log, bool, silent=silent, whole=whole) as watched:
            self.killed.wait(wait)
        assert bool(watched.gave_up) == self.killed.is_set()
        return watched.gave_up


SILENT = "nothing on its console in 0.03 s"


def test_silence_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Launch(monkeypatch).ends() == SILENT


def test_what_was_said_before_qemu_started_is_no_word_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Launch(monkeypatch, "supermin: building\n").ends() == SILENT


def test_who_has_spoken_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Launch(monkeypatch, "supermin: building\n", "supermin: building\nup\n").ends(wait=0.2)


def test_who_has_spoken_and_does_not_come_up_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    launch = Launch(monkeypatch, "supermin: building\n", "supermin: building\nup\n")
    assert launch.ends(whole=0.1) == "it was not up in 0.1 s"


def test_what_comes_at_once_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before QEMU was seen, but after it was known not to be there."""
    assert not Launch(monkeypatch, "up\n", there=0).ends(wait=0.2)


def test_before_qemu_is_there_nothing_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Launch(monkeypatch, there=10**6).ends(wait=0.2, whole=0.01)
