"""Programs that end with us: what they hold is let go, and their folder goes."""

from __future__ import annotations

import socket
import subprocess

import pytest

from imgtools.engine import kept_program
from imgtools.engine.confined.fence import HOST
from imgtools.engine.held_folder import HeldFolder
from imgtools.engine.kept_program import TALK, Kept
from imgtools.errors import EngineTimeout, ToolMissing
from tests.support.waiting import wait_until


@pytest.mark.host
def test_nothing_of_an_ended_program_keeps_its_descriptor() -> None:
    ours, theirs = socket.socketpair()
    kept = Kept(["true"], HOST, HeldFolder(), talk=theirs.fileno())
    theirs.close()
    ours.settimeout(60)
    assert ours.recv(1) == b""
    ours.close()
    kept.end()
    assert kept.has_ended and not kept.folder.exists()


@pytest.mark.host
def test_the_program_ends_with_its_keeper() -> None:
    ours, theirs = socket.socketpair()
    kept = Kept(["sleep", "1000"], HOST, HeldFolder(), talk=theirs.fileno())
    theirs.close()
    kept.end()
    assert ours.recv(1) == b"" and not kept.folder.exists()
    ours.close()


@pytest.mark.host
def test_the_program_and_its_folder_go_when_the_keeper_was_killed() -> None:
    ours, theirs = socket.socketpair()
    kept = Kept(["sh", "-c", f"echo x >&{TALK}; exec sleep 1000"], HOST, HeldFolder(), talk=theirs.fileno())
    theirs.close()
    assert ours.recv(2) == b"x\n"
    kept._kept.keeper.kill()
    kept.end()
    ours.settimeout(60)
    assert ours.recv(1) == b""
    assert not kept.folder.exists()
    ours.close()


@pytest.mark.host
def test_a_program_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_program, "END_SECONDS", 0.1)
    ours, theirs = socket.socketpair()
    script = f"trap '' TERM; echo x >&{TALK}; sleep 1000"
    kept = Kept(["sh", "-c", script], HOST, HeldFolder(), talk=theirs.fileno())
    theirs.close()
    assert ours.recv(2) == b"x\n"
    with pytest.raises(EngineTimeout, match="sh does not end"):
        kept.end()
    ours.settimeout(60)
    assert ours.recv(1) == b"" and not kept.folder.exists()
    ours.close()


def test_a_program_that_is_not_there_leaves_no_folder() -> None:
    folder = HeldFolder()
    with pytest.raises(ToolMissing):
        Kept(["no-such-program"], HOST, folder)
    assert not folder.path.exists()


@pytest.mark.host
def test_what_a_program_says_last_is_its_complaint() -> None:
    kept = Kept(["sh", "-c", "echo one >&2; echo two >&2; exit 3"], HOST, HeldFolder())
    wait_until(lambda: kept.has_ended)
    assert kept.complaint() == "two"
    kept.end()


@pytest.mark.host
def test_interrupted_while_the_program_begins_no_folder_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun still holds the folder for a moment, and nobody is left to clean up after it."""
    begun = []

    def interrupted(program: object, script: str, words: list[str], lock: list[int]) -> None:
        begun.append(subprocess.Popen(["sleep", "0.3"], pass_fds=lock))
        raise KeyboardInterrupt

    monkeypatch.setattr(kept_program, "KeptProgram", interrupted)
    folder = HeldFolder()
    (folder.path / "disk0.qcow2").touch()
    with pytest.raises(KeyboardInterrupt):
        Kept(["sleep", "1000"], HOST, folder)
    assert begun[0].wait(60) == 0 and not folder.path.exists()
