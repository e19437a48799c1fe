"""Lines of text logs, as real programs write them, and how lines become entries."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from imgtools.guest.logs.lines import (
    LINE_LIMIT,
    LogLine,
    group_backwards,
    group_forwards,
    lines_backwards,
    parse_line,
)
from imgtools.guest.settings.clock import SECOND, Clock

CLOCK = Clock(timezone(timedelta(hours=1)), int(datetime(2024, 3, 2, tzinfo=UTC).timestamp()) * SECOND)
T = int(datetime(2024, 3, 1, 12, 0, 5, tzinfo=UTC).timestamp()) * SECOND  # 13:00:05 for the guest


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Mar  1 13:00:05 web01 sshd[812]: Accepted publickey for ann",
         LogLine(T, "Accepted publickey for ann", "web01", "sshd", 812)),
        ("Mar  1 13:00:05 web01 kernel: [    1.0] ACPI: x", LogLine(T, "[    1.0] ACPI: x", "web01", "kernel")),
        ("Mar  1 13:00:05 web01 last message repeated 2 times", LogLine(T, "web01 last message repeated 2 times")),
        ("Mar  1 13:00:05 alp auth.err sshd[9]: error: x", LogLine(T, "error: x", "alp", "sshd", 9, 3)),
        ("2024-03-01T13:00:05.250000+01:00 web01 CRON[7]: (root) CMD (x)",
         LogLine(T + 250_000_000, "(root) CMD (x)", "web01", "CRON", 7)),
        ("2024-03-01T12:00:05+0000 INFO --- logging initialized ---",
         LogLine(T, "--- logging initialized ---", priority=6)),
        ("2024-03-01T12:00:05Z DEBUG Command: dnf install x", LogLine(T, "Command: dnf install x", priority=7)),
        ("2024-03-01 13:00:05,000 - util.py[WARNING]: no datasource",
         LogLine(T, "no datasource", "", "util.py", None, 4)),
        ("2024-03-01 13:00:05,000 - tuned.daemon - ERROR - no profile",
         LogLine(T, "no profile", "", "tuned.daemon", None, 3)),
        ("2024-03-01 13:00:05 status installed nginx:amd64 1.22", LogLine(T, "status installed nginx:amd64 1.22")),
        ("2024-03-01 13:00:05|install|vim|9.0|x86_64|root", LogLine(T, "|install|vim|9.0|x86_64|root")),
        ("2024-03-01 13:00:05, Error                 CBS    Failed to x",
         LogLine(T, "Failed to x", "", "CBS", None, 3)),
        ("2024-03-01 13:00:05 DROP TCP 192.0.2.1 192.0.2.2", LogLine(T, "DROP TCP 192.0.2.1 192.0.2.2")),
        ("[2024-03-01T13:00:05+0100] [ALPM] installed vim (9.0)", LogLine(T, "installed vim (9.0)", "", "ALPM")),
        ("Start-Date: 2024-03-01  13:00:05", LogLine(T, "Start-Date", "", "apt")),
        ("Log started: 2024-03-01  13:00:05", LogLine(T, "Log started", "", "apt")),
        ("type=AVC msg=audit(1709294405.000:24287): avc:  denied", LogLine(T, "type=AVC avc:  denied", "", "audit")),
        ("node=web01 type=SYSCALL msg=audit(1709294405.000:1): x", LogLine(T, "type=SYSCALL x", "web01", "audit")),
        ("2024/03/01 13:00:05 [error] 12#12: *1 open() failed", LogLine(T, "*1 open() failed", "", "nginx", 12, 3)),
        ("[Fri Mar 01 13:00:05.000000 2024] [core:warn] [pid 1] AH1", LogLine(T, "[pid 1] AH1", priority=4)),
        ('192.0.2.9 - - [01/Mar/2024:13:00:05 +0100] "GET / HTTP/1.1" 200',
         LogLine(T, '192.0.2.9 "GET / HTTP/1.1" 200')),
        ("update-alternatives 2024-03-01 13:00:05: run with --install",
         LogLine(T, "run with --install", "", "update-alternatives")),
        ("(2024-03-01 13:00:05): [sssd] [x] started", LogLine(T, "[sssd] [x] started")),
        ("[2024/03/01 13:00:05.000000,  0] ../source3/x.c:1(main)", LogLine(T, "../source3/x.c:1(main)")),
        ("Mar  1 13:00:05 alp syslog.warn syslogd started: BusyBox v1.36",
         LogLine(T, "syslogd started: BusyBox v1.36", "alp", "", None, 4)),
        ("[    0.000000] Linux version 6.1", LogLine(None, "[    0.000000] Linux version 6.1", "", "kernel")),
        ("<3>[   12.345678] oops", LogLine(None, "<3>[   12.345678] oops", "", "kernel", None, 3)),
    ],
)  # fmt: skip
def test_formats(line: str, expected: LogLine) -> None:
    assert parse_line(line, CLOCK) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "    at com.example.Main(Main.java:5)",
        "Mars 1 13:00:05 is far away",
        "Mar 99 13:00:05 web01 x: y",
        "2024-99-01 13:00:05 x",
        "20240301 no",
        "[ OK ] Started x",
        "1.2.3.4 - - [nothing]",
        "type=AVC msg=audit(99999999999999999999.1:1): x",
        "\x1b[0;32m  OK  \x1b[0m",
    ],
)
def test_lines_that_begin_no_entry(line: str) -> None:
    assert parse_line(line, CLOCK) is None


# -- backwards ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"one",
        b"one\n",
        b"one\ntwo",
        b"one\r\ntwo\r\n\r\n",
        b"\n\nx\n\n",
        b"a\n" * 100_000,
        b"x" * 65535 + b"\ny\n",
    ],
)
def test_backwards_is_forwards_backwards(content: bytes) -> None:
    lines = [line.rstrip(b"\r\n") for line in io.BytesIO(content)]
    assert list(lines_backwards(io.BytesIO(content))) == lines[::-1]


def test_a_line_without_end_needs_no_memory_without_end() -> None:
    class Counted(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1) -> bytes:
            self.largest = max(self.largest, size or 0)
            return super().read(size)

    stream = Counted(b"first\n" + b"y" * 3_000_000 + b"\nlast\n")
    found = list(lines_backwards(stream))
    assert found[0] == b"last" and found[2] == b"first"
    assert found[1] == b"y" * LINE_LIMIT
    assert stream.largest <= 64 << 10


# -- entries --------------------------------------------------------------------------------------------------------

TRACE = b"""2024-03-01T13:00:01+01:00 web app[1]: failed
Traceback (most recent call last):

  File "x.py"
2024-03-01T13:00:02+01:00 web app[1]: again
    indented
"""


def forwards(content: bytes) -> list[LogLine]:
    return list(group_forwards(content.splitlines(), CLOCK))


def backwards(content: bytes) -> list[LogLine]:
    return list(group_backwards(content.splitlines()[::-1], CLOCK))[::-1]


@pytest.mark.parametrize("group", [forwards, backwards])
def test_lines_without_a_time_belong_to_the_entry_above(group: Callable[[bytes], list[LogLine]]) -> None:
    assert [entry.message for entry in group(TRACE)] == [
        'failed\nTraceback (most recent call last):\n\n  File "x.py"',
        "again\n    indented",
    ]


@pytest.mark.parametrize("group", [forwards, backwards])
@pytest.mark.parametrize("count", [3, 2000])
def test_a_log_without_times_is_a_list_of_lines(group: Callable[[bytes], list[LogLine]], count: int) -> None:
    content = b"".join(b"[  OK  ] Started unit %d.\n" % number for number in range(count))
    assert [entry.message for entry in group(content)] == content.decode().splitlines()


@pytest.mark.parametrize("group", [forwards, backwards])
def test_the_kernels_lines_stay_single(group: Callable[[bytes], list[LogLine]]) -> None:
    content = b"[    0.000000] one\n[    0.000001] two\nthree\n"
    assert [entry.message[-3:] for entry in group(content)] == ["one", "two", "ree"]


def test_an_entry_without_end_is_cut() -> None:
    content = b"Mar  1 13:00:05 web app: begin\n" + b"more\n" * 5000
    (entry,) = forwards(content)
    assert entry.message.count("more") == 500
    # Backwards it is known only at the end whose lines they were; memory stays bounded, nothing is lost.
    assert len(backwards(content)) > 1


def test_what_a_crash_left_in_the_file() -> None:
    content = b"Mar  1 13:00:05 web app: one\n" + bytes(4096) + b"Mar  1 13:00:06 web app: two \xff\n"
    assert [entry.message for entry in forwards(content)] == ["one", "two \udcff"]
