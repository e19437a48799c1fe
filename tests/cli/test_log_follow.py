"""imgtools log --follow: a guest's logs while another program writes its disk."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures import evtx
from imgtools.cli import log as log_command
from imgtools.workflows import log_follow
from tests.support.command import Ran, imgtools
from tests.support.fixtures import copy_fixture
from tests.support.journals import make_journal

T = 1_709_290_800  # 2024-03-01 11:00 UTC
Change = Callable[[Path], None]
Follow = Callable[..., Ran]

SYSLOG = (
    "2024-03-01T10:00:00+00:00 web01 cron[1]: an old one\n"
    "2024-03-01T11:00:00+00:00 web01 sshd[42]: one\n"
    "2024-03-01T11:00:01+00:00 web01 app[7]: two\n"
)
AUTH = "2024-03-01T11:00:02+00:00 web01 sudo: root\n"


def line(clock: str, message: str, program: str = "app[7]") -> str:
    return f"2024-03-01T{clock}+00:00 web01 {program}: {message}\n"


def write(path: str, content: str | bytes) -> Change:
    """What puts a file into the image, in the place of the one that has its name."""

    def change(image: Path) -> None:
        source = image.with_name("content")
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
        debugfs(image, f"rm {path}", f"write {source} {path}")

    return change


def debugfs(image: Path, *commands: str) -> None:
    script = image.with_name("commands")
    script.write_text("\n".join(commands) + "\n")
    subprocess.run(["debugfs", "-w", "-f", str(script), str(image)], check=True, capture_output=True)


def both(*changes: Change) -> Change:
    def change(image: Path) -> None:
        for one in changes:
            one(image)

    return change


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Follow:
    """Run ``imgtools log -f``; before each further look, the image is changed. Behind the last one comes Ctrl-C."""

    def run(*words: str, steps: tuple[Change, ...] = (), journal: bytes = b"", code: int = 130) -> Ran:
        image = tmp_path / "disk.img"
        top = tmp_path / "tree"
        files = {
            "etc/os-release": b"ID=debian\n",
            "etc/fstab": b"",
            "bin/sh": b"",
            "var/log/syslog": SYSLOG.encode(),
        }
        files |= {"var/log/auth.log": AUTH.encode()}
        if journal:
            files["var/log/journal/0123/system.journal"] = journal
        for path, content in files.items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_bytes(content)
        make = ["mke2fs", "-q", "-t", "ext4", "-d", str(top), str(image), "64M"]
        subprocess.run(make, check=True, capture_output=True)
        left = iter(steps)

        def pause(_seconds: float) -> None:
            step = next(left, None)
            if step is None:
                raise KeyboardInterrupt
            step(image)

        monkeypatch.setattr(log_command, "sleep", pause)
        return imgtools("log", image, "--follow", "--utc", *words, code=code)

    return run


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--json",), 2, "--follow does not end"),
        (("--list",), 2, "--follow does not end"),
        (("--until", "now"), 2, "--until asks for an end"),
        (("--source", "none"), 25, "none"),
        (("--grep", "("), 2, "not a regular expression"),
        (("--priority", "loud"), 2, "no such priority"),
        (("--interval", "0"), 2, "0.1"),
    ],
)
def test_what_is_refused(follow: Follow, words: tuple[str, ...], code: int, says: str) -> None:
    ran = follow(*words, code=code)
    assert says in ran.err
    assert not ran.out or "--json" in words


def test_nothing_new_prints_nothing_more(follow: Follow) -> None:
    same = write("/var/log/other", "not looked at\n")
    ran = follow("-n", "1", steps=(same, same))
    assert ran.out.splitlines() == ["2024-03-01T11:00:01Z web01 app[7]: two"]
    assert "while the guest runs" in ran.err
    assert ran.err.count("while the guest runs") == 1


def test_what_is_added_over_a_rotation_that_packs(follow: Follow) -> None:
    added = SYSLOG + line("11:00:05", "three")
    rotated = both(
        write("/var/log/syslog.1.gz", gzip.compress((added + line("11:00:06", "last of the old")).encode())),
        write("/var/log/syslog", line("11:00:07", "first of the new")),
    )
    ran = follow("-n", "0", steps=(write("/var/log/syslog", added), rotated))
    assert [row.rpartition(": ")[2] for row in ran.out.splitlines()] == [
        "three",
        "last of the old",
        "first of the new",
    ]


def test_the_same_line_twice_is_two_entries(follow: Follow) -> None:
    again = line("11:00:05", "again")
    steps = (write("/var/log/syslog", SYSLOG + again), write("/var/log/syslog", SYSLOG + again + again))
    assert follow("-n", "0", steps=steps).out.splitlines() == ["2024-03-01T11:00:05Z web01 app[7]: again"] * 2


def test_lines_that_come_to_an_entry_are_printed_alone(follow: Follow) -> None:
    grown = SYSLOG + "Traceback (most recent call last):\n"
    steps = (write("/var/log/syslog", grown), write("/var/log/syslog", grown + "ValueError\n"))
    out = follow("-n", "1", steps=steps).out
    assert out.count("two") == 1
    assert (out.count("Traceback"), out.count("ValueError")) == (1, 1)


def test_filters_hold_for_what_is_added(follow: Follow) -> None:
    more = line("11:00:05", "not this") + line("11:00:06", "fail", "sshd[42]") + line("11:00:07", "fail")
    steps = (write("/var/log/syslog", SYSLOG + more),)
    assert follow("-n", "0", "--grep", "FAIL", "-i", "--unit", "ssh", steps=steps).out.splitlines() == [
        "2024-03-01T11:00:06Z web01 sshd[42]: fail"
    ]


def test_several_logs_are_named_and_merged(follow: Follow) -> None:
    steps = (
        both(
            write("/var/log/syslog", SYSLOG + line("11:00:09", "late")),
            write("/var/log/auth.log", AUTH + line("11:00:08", "early", "su")),
        ),
    )
    ran = follow("-n", "0", "-s", "syslog", "-s", "auth", steps=steps)
    assert ran.out.splitlines() == [
        "2024-03-01T11:00:08Z web01 auth su: early",
        "2024-03-01T11:00:09Z web01 syslog app[7]: late",
    ]


def test_a_log_that_goes_and_comes_back_is_told_and_followed_on(follow: Follow) -> None:
    def gone(image: Path) -> None:
        debugfs(image, "rm /var/log/syslog")

    back = write("/var/log/syslog", SYSLOG + line("11:00:05", "back"))
    ran = follow("-n", "0", "-s", "syslog", steps=(gone, back))
    assert ran.out.splitlines() == ["2024-03-01T11:00:05Z web01 app[7]: back"]
    assert "syslog" in ran.err


def test_a_clock_that_is_put_back_hides_nothing(follow: Follow) -> None:
    future = SYSLOG + "2031-01-01T00:00:00+00:00 web01 app[7]: from the future\n"
    now = future + line("11:00:05", "now again") + line("11:00:06", "and on")
    steps = (write("/var/log/syslog", future), write("/var/log/syslog", now))
    out = follow("-n", "0", steps=steps).out
    assert [word in out for word in ("from the future", "now again", "and on")] == [True] * 3
    assert "an old one" not in out


def test_a_journal_is_followed_one_object_a_line(follow: Follow) -> None:
    def journal(*messages: str) -> bytes:
        return make_journal(
            *({"time": T + at, "PRIORITY": 6, "SYSLOG_IDENTIFIER": "app", "MESSAGE": text}
              for at, text in enumerate(messages))
        )  # fmt: skip

    step = write("/var/log/journal/0123/system.journal", journal("one", "two", "three", "four"))
    ran = follow("-n", "1", "--json-lines", journal=journal("one", "two"), steps=(step,))
    assert [json.loads(row)["message"] for row in ran.out.splitlines()] == ["two", "three", "four"]


def test_a_flood_is_cut_and_said(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_follow, "MOST_HELD", 5)
    flood = "".join(line(f"11:00:{10 + at}", str(at)) for at in range(7))
    last = flood + line("11:00:30", "behind it")
    steps = (write("/var/log/syslog", SYSLOG + flood), write("/var/log/syslog", SYSLOG + last))
    ran = follow("-n", "0", steps=steps)
    assert [row[-1] for row in ran.out.splitlines()] == ["2", "3", "4", "5", "6", "t"]
    assert "more than 5 new entries at once" in ran.err


def test_events_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = copy_fixture("windows", tmp_path)[0]
    old = "2024-03-01T13:00:00Z 1 41 Microsoft-Windows-Kernel-Power System restarted"
    new = "2024-03-01T13:00:05Z 2 7000 Service\\x20Control\\x20Manager System the nginx service failed"
    logs = iter((evtx.build([old]), evtx.build([old, new])))

    def pause(_seconds: float) -> None:
        if (log := next(logs, None)) is None:
            raise KeyboardInterrupt
        source = tmp_path / "System.evtx"
        source.write_bytes(log)
        imgtools("copy-in", image, source, "C:\\Windows\\System32\\winevt\\Logs", "--write")

    monkeypatch.setattr(log_command, "sleep", pause)
    ran = imgtools("log", image, "--follow", "--utc", "-n", "0", "--source", "System", code=130)
    assert [row.partition(" ")[2] for row in ran.out.splitlines()] == [
        "WIN10-FIXTURE Microsoft-Windows-Kernel-Power 41: <crit> restarted without a clean shutdown: restarted",
        "WIN10-FIXTURE Service Control Manager 7000: <err> service failed to start: the nginx service failed",
    ]
