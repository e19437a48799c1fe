"""Listening to a program: what ends it, and what is said of its end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from imgtools.engine.qemu.listen import Heard, run_while_heard
from imgtools.errors import ToolMissing

LONG = 60.0  # seconds that no test waits for


def heard(script: str, *, silence: float = LONG, seconds: float = LONG) -> Heard:
    """What a shell script says until it says DONE."""
    return run_while_heard(["sh", "-c", script], silence=silence, seconds=seconds, until=b"DONE")


def is_running(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.host
def test_a_program_that_ends_is_told_by_its_code_and_both_its_outputs() -> None:
    found = heard("echo one; echo two >&2; exit 3")
    assert (found.output, found.complaint, found.code, found.silent) == (b"one\n", b"two\n", 3, False)


@pytest.mark.host
def test_a_signal_that_ends_it_is_a_code_as_a_shell_gives_it() -> None:
    assert heard("kill -ABRT $$").code == 128 + 6


@pytest.mark.host
def test_what_was_waited_for_ends_it_at_once() -> None:
    found = heard("echo DONE; sleep 1000")
    assert found.output == b"DONE\n"
    assert not found.silent


@pytest.mark.host
def test_silence_ends_it() -> None:
    found = heard("echo begun; sleep 1000", silence=0.3)
    assert (found.output, found.code, found.silent) == (b"begun\n", None, True)


@pytest.mark.host
def test_who_goes_on_speaking_is_not_silent_until_time_is_up() -> None:
    found = heard("while :; do echo more; sleep 0.05; done", silence=30, seconds=0.5)
    assert (found.code, found.silent) == (None, False)
    assert found.output.startswith(b"more\n")


@pytest.mark.host
def test_time_that_is_up_before_the_silence_is_long_enough_is_no_silence() -> None:
    assert not heard("sleep 1000", silence=LONG, seconds=0.3).silent


@pytest.mark.host
def test_a_program_that_closes_its_output_and_stays_is_ended() -> None:
    assert heard("exec >&- ; sleep 1000").code is None


@pytest.mark.host
def test_what_it_has_started_ends_with_it() -> None:
    found = heard("sleep 1000 & echo $!; sleep 1000", silence=0.3)
    deadline = time.monotonic() + 30
    while is_running(int(found.output)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.host
def test_it_is_ended_when_we_are_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    kill = os.killpg
    monkeypatch.setattr(os, "killpg", lambda pid, number: (pids.append(pid), kill(pid, number)))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imgtools.engine.qemu.listen._hear", interrupted)
    with pytest.raises(KeyboardInterrupt):
        heard("sleep 1000")
    assert not is_running(pids[0])


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ToolMissing, match="no-such-program"):
        run_while_heard(["no-such-program"], silence=1, seconds=1, until=b"")
