"""`imgtools shell` at a terminal: Tab completes, Ctrl-C interrupts, Ctrl-D ends, and a kill changes nothing."""

from __future__ import annotations

import os
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.edits import beside, digest, read
from tests.support.fixtures import copy_image, fixture_image
from tests.support.typist import PATIENCE, Typist, typing

TAB, INTERRUPT, END = "\t", "\x03", "\x04"
READY = "\x1b[?2004h"  # written once for each prompt, when it takes keys: the line itself is drawn many times
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")  # with which prompt_toolkit draws its line


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PROMPT_TOOLKIT_NO_CPR", "1")  # nobody here answers where the cursor is
    return copy_image(fixture_image("debian"), tmp_path)


def prompted(typist: Typist, shown: str = ":/>") -> None:
    """Wait for the next prompt; keys that are typed before are for the command that runs."""
    typist.waits_for(READY)
    typist.waits_for(shown)


@pytest.fixture
def typist(image: Path) -> Iterator[Typist]:
    with typing("shell", image, "--write") as one:
        prompted(one)
        yield one


def _drawn(text: str) -> str:
    return ESCAPES.sub("", text)


def _history(folder: Path) -> Path:
    return folder / "state" / "imgtools" / "shell-history"


def test_a_path_of_the_guest_is_completed(typist: Typist) -> None:
    """What is drawn is what a completion adds."""
    typist.types(f"cat /etc/hostna{TAB}")
    typist.waits_for("me")
    typist.types("\r")
    typist.waits_for("debian-fixture\r\n")
    prompted(typist)
    typist.types(f"custom{TAB}")
    typist.waits_for("ize")
    typist.types(f"--hostn{TAB}")
    typist.waits_for("ame")
    typist.types("web1 --delet")
    typist.waits_for("delet")
    typist.types(TAB)
    typist.waits_for("e")
    typist.types("/etc/crontab\r")
    typist.waits_for("remove /etc/crontab")
    prompted(typist, "1 planned]>")
    typist.types("exit\r")
    assert typist.ends() == 0


def test_names_of_the_guest_cannot_reach_the_terminal(typist: Typist) -> None:
    for name in (r"$'\x1b]0;owned\x07'", r"$'\u202egpj.exe'"):
        typist.types(f"write /srv/x{name} --content x\r")
        prompted(typist, " planned]>")
    before = len(typist.seen)
    typist.types(f"cat /srv/x{TAB}{TAB}")
    typist.waits_for("owned")
    typist.types(f"{INTERRUPT}cat $'/srv/x\\x1b{TAB}")
    typist.waits_for(r"owned\x07'")
    typist.types("\r")
    typist.waits_for("x\r\n")
    typist.types(f"{INTERRUPT}exit\r")
    typist.ends()
    shown = typist.seen[before:]
    assert "\x1b]0;" not in shown and "\u202e" not in shown


def test_what_was_typed_is_there_the_next_time(image: Path, tmp_path: Path) -> None:
    with typing("shell", image) as one:
        prompted(one)
        for text in ("pwd", " ls /srv", "customize --dry-run --root-password password:hunter2"):
            one.types(f"{text}\r")
            prompted(one)
        one.types(END)
        assert one.ends() == 0
    kept = _history(tmp_path)
    assert kept.read_text() == "pwd\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with typing("shell", image) as one:
        prompted(one)
        one.types("\x1b[A")  # the arrow upwards
        one.waits_for("pwd")
        one.types("\r")
        prompted(one)
        one.types(END)
        assert one.ends() == 0


def test_a_history_of_somebody_else_is_not_used(image: Path, tmp_path: Path) -> None:
    kept = _history(tmp_path)
    kept.parent.mkdir(parents=True)
    kept.symlink_to(tmp_path / "elsewhere")
    with typing("shell", image) as one:
        prompted(one)
        one.types("pwd\r")
        one.waits_for("is a link")
        prompted(one)
        one.types(END)
        assert one.ends() == 0
    assert not (tmp_path / "elsewhere").exists()


def test_an_interrupted_command_keeps_the_session(typist: Typist, image: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    typist.types("rm /etc/crontab\r")
    prompted(typist, "1 planned]>")
    typist.types(f"write /srv/x --from {tmp_path / 'pipe'}\r")  # waits for somebody who writes
    writing = os.open(tmp_path / "pipe", os.O_WRONLY)  # when it is read from
    typist.types(INTERRUPT)
    typist.waits_for("interrupted\r\n")  # the pipe's own path has the word, too
    os.close(writing)
    prompted(typist, "1 planned]>")
    (tmp_path / "text").write_text(
        "begun\n"
    )  # said by what is to be interrupted: a shell may miss it meanwhile
    typist.types(f"!tail -f {tmp_path / 'text'}\r")
    typist.waits_for("begun\r\n")
    typist.types(INTERRUPT)
    prompted(typist, "1 planned]>")
    typist.types("cat /etc/hostname\r")
    typist.waits_for("debian-fixture\r\n")
    typist.types("commit\r")
    typist.waits_for("1 change made in")
    prompted(typist)
    typist.types(END)
    assert typist.ends() == 0
    assert "not committed" not in typist.seen
    assert "crontab" not in read(image, "/etc/passwd") and not beside(image)


def test_the_end_of_a_session_says_what_was_not_committed(typist: Typist, image: Path) -> None:
    before = digest(image)
    typist.types("rm /etc/crontab\r")
    prompted(typist, "1 planned]>")
    typist.types(END)
    assert typist.ends() == 0
    assert "a step is planned and not committed: nothing of that was written" in _drawn(typist.seen)
    assert digest(image) == before and not beside(image)


def test_an_error_ends_nothing(typist: Typist) -> None:
    for text, said in (
        ("cta /x", "did you mean cat"),
        ("cat 'x", "a quote is not closed"),
        ("cat /x", "no such file"),
    ):
        typist.types(f"{text}\r")
        typist.waits_for(said)
        prompted(typist)
    typist.types("exit\r")
    assert typist.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_killed_session_leaves_the_image_as_it_was(
    typist: Typist, image: Path, number: signal.Signals
) -> None:
    before = digest(image)
    typist.types("customize --hostname web1 --delete /etc/crontab\r")
    prompted(typist, "1 planned]>")
    typist.process.send_signal(number)
    assert typist.process.wait(PATIENCE) == (-number if number == signal.SIGKILL else 128 + number)
    assert digest(image) == before
    # Who is killed leaves the file of its lock, which holds nothing; whoever edits next takes it.
    assert beside(image) == ({f".{image.name}.imgtools-lock"} if number == signal.SIGKILL else set())
    assert read(image, "/etc/hostname") == "debian-fixture\n"
