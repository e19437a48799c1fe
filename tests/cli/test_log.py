"""imgtools log as a person and a script see it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures import evtx
from tests.support.command import Ran, imgtools
from tests.support.fixtures import fixture_image
from tests.support.images import memory_image
from tests.support.journals import make_journal
from tests.support.memory import Content, MemoryFilesystem, Node, memory_volume, serve
from tests.support.windows import windows_tree

ZONE = Path("/usr/share/zoneinfo/Europe/Berlin").read_bytes()
T = 1_709_290_800  # 2024-03-01 11:00 UTC, 12:00 in Berlin
MTIME = (T + 3600) * 10**9
Log = Callable[..., Ran]

SYSLOG = (
    "Mar  1 11:59:58 web01 kernel: [    1.000000] Linux version 6.1\n"
    "Mar  1 12:00:10 web01 sshd[42]: Accepted publickey for ann\n"
    "Mar  1 12:00:20 web01 app[7]: failed: \x1b[31mred\x1b[0m\n"
    "Traceback (most recent call last):\n"
    '  File "x.py", line 1\n'
)
BASE: dict[str, Content] = {
    "/etc/fstab": "",
    "/etc/os-release": "ID=debian\nVERSION_ID=12\n",
    "/etc/localtime": ZONE,
    "/bin/sh": "",
    "/var/log/syslog": Node(content=SYSLOG.encode(), mtime=MTIME),
    "/var/log/syslog.1": Node(content=b"Feb 29 12:00:00 web01 cron[1]: yesterday's job\n", mtime=MTIME),
    "/var/log/auth.log": Node(content=b"Mar  1 12:00:15 web01 sudo: ann : COMMAND=/bin/id\n", mtime=MTIME),
    "/var/log/dpkg.log": Node(content=b"2024-03-01 12:00:05 install nginx:amd64\n", mtime=MTIME),
    "/var/log/cloud-init.log": Node(
        content=b"2024-03-01 11:00:00,000 - util.py[WARNING]: no datasource\n"
        b"2024-03-01 11:00:01,000 - util.py[DEBUG]: chatter\n",
        mtime=MTIME,
    ),
}
JOURNAL: dict[str, Content] = {
    "/var/log/journal/0123/system.journal": make_journal(
        {"time": T, "PRIORITY": 6, "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": "Linux version 6.1"},
        {"time": T + 10, "PRIORITY": 6, "SYSLOG_IDENTIFIER": "sshd", "_PID": 42, "_SYSTEMD_UNIT": "ssh.service",
         "MESSAGE": "Accepted publickey for ann"},
        {"time": T + 7200, "PRIORITY": 3, "SYSLOG_IDENTIFIER": "app", "_SYSTEMD_UNIT": "app.service",
         "MESSAGE": "it failed"},
    )
}  # fmt: skip


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Run ``imgtools log`` on a guest with these files."""

    def run(*words: str, files: dict[str, Content] = BASE, code: int = 0) -> Ran:
        image = memory_image({memory_volume(): MemoryFilesystem(files)})
        serve(monkeypatch, "log", image)
        return imgtools("log", "memory.img", *words, code=code)

    return run


def test_the_main_log_with_its_rotated_files(log: Log) -> None:
    assert log().out.splitlines() == [
        "2024-02-29T12:00:00+01:00 web01 cron[1]: yesterday's job",
        "2024-03-01T11:59:58+01:00 web01 kernel: [    1.000000] Linux version 6.1",
        "2024-03-01T12:00:10+01:00 web01 sshd[42]: Accepted publickey for ann",
        "2024-03-01T12:00:20+01:00 web01 app[7]: failed: \\x1b[31mred\\x1b[0m",
        "    Traceback (most recent call last):",
        '      File "x.py", line 1',
    ]


def test_the_journal_comes_before_text_logs(log: Log) -> None:
    assert log("-n", "2", files=BASE | JOURNAL).out.splitlines() == [
        "2024-03-01T12:00:10+01:00 web01 sshd[42]: Accepted publickey for ann",
        "2024-03-01T14:00:00+01:00 web01 app: <err> it failed",
    ]


def test_the_newest_entries_and_all(log: Log) -> None:
    assert len(log("-n", "1").out.splitlines()) == 3
    assert log("--lines", "0").out == ""
    assert log("--lines", "all").out == log().out


@pytest.mark.parametrize(
    ("words", "programs"),
    [
        (("--unit", "ssh"), ["sshd"]),
        (("-u", "ssh.service", "-u", "cron"), ["cron", "sshd"]),
        (("--grep", "ACCEPTED", "-i"), ["sshd"]),
        (("--grep", "Traceback"), ["app"]),
        (("--since", "12 seconds ago"), ["sshd", "app"]),
        (("--since", "2024-03-01", "--until", "12:00:15"), ["kernel", "sshd"]),
        (("--since", "yesterday", "--until", "today"), ["cron"]),
        (("--since", "2024-03-01T11:00:05Z"), ["sshd", "app"]),
        (("--until", "@1709290799"), ["cron", "kernel"]),
    ],
)
def test_filters(log: Log, words: tuple[str, ...], programs: list[str]) -> None:
    for lines in ("200", "all"):
        entries = log(*words, "-n", lines, "--json").data["entries"]
        assert [entry["identifier"] for entry in entries] == programs


@pytest.mark.parametrize(
    ("words", "programs"),
    [
        (("-u", "ssh"), ["sshd"]),
        (("-p", "err"), ["app"]),
        (("-p", "3"), ["app"]),
        (("-p", "info"), ["kernel", "sshd", "app"]),
        (("--since", "1 hour ago"), ["app"]),
        (("--until", "-1h"), ["kernel", "sshd"]),
    ],
)
def test_filters_on_a_journal(log: Log, words: tuple[str, ...], programs: list[str]) -> None:
    entries = log(*words, "--json", files=BASE | JOURNAL).data["entries"]
    assert [entry["identifier"] for entry in entries] == programs


def test_several_logs_are_merged_by_time_and_named(log: Log) -> None:
    ran = log("-s", "syslog", "-s", "auth", "-s", "dpkg", "--since", "2024-03-01 12:00")
    assert [line.split()[1:3] for line in ran.out.splitlines()[:4]] == [
        ["dpkg", "install"], ["web01", "syslog"], ["web01", "auth"], ["web01", "syslog"],
    ]  # fmt: skip


def test_a_log_by_its_path(log: Log) -> None:
    assert "yesterday's job" in log("--source", "/var/log/syslog.1").out
    assert log("--source", "/var/log/syslog.1").out.count("\n") == 1


def test_priority_where_lines_have_one(log: Log) -> None:
    ran = log("-s", "cloud-init", "-p", "warning")
    assert ran.out == "2024-03-01T11:00:00+01:00 util.py: <warning> no datasource\n"


def test_a_guest_that_lives_in_utc(log: Log) -> None:
    files = {path: content for path, content in BASE.items() if path != "/etc/localtime"}
    assert log("-n", "1", files=files).out.startswith("2024-03-01T12:00:20+00:00 web01 app[7]: ")


def test_times_in_utc(log: Log) -> None:
    assert log("-s", "auth", "--utc").out.startswith("2024-03-01T11:00:15Z web01 sudo: ")


def test_json(log: Log) -> None:
    document = log("-n", "1", "--json").json
    assert document["schema"] == "imgtools.log/1"
    assert (document["image"], document["engine"], document["warnings"]) == ("memory.img", "memory", [])
    assert document["data"] == {
        "sources": ["syslog"],
        "entries": [
            {
                "time": "2024-03-01T11:00:20.000000Z",
                "local_time": "2024-03-01T12:00:20+01:00",
                "source": "syslog",
                "host": "web01",
                "unit": "",
                "identifier": "app",
                "pid": 7,
                "priority": None,
                "event_id": None,
                "message": 'failed: \x1b[31mred\x1b[0m\nTraceback (most recent call last):\n  File "x.py", line 1',
            }
        ],
    }


def test_json_lines(log: Log) -> None:
    rows = [json.loads(line) for line in log("--json-lines", "-n", "all").out.splitlines()]
    assert [row["identifier"] for row in rows] == ["cron", "kernel", "sshd", "app"]


def test_the_list_of_logs(log: Log) -> None:
    files = BASE | JOURNAL | {"/var/log/syslog.2.gz": gzip.compress(b"Feb 28 12:00:00 web01 cron[1]: old\n")}
    ran = log("--list", files=files)
    rows = [line.split("\t") for line in ran.out.splitlines()]
    assert rows[0] == ["Log", "Kind", "Files", "Size", "Entries", "First", "Last", "Path"]
    assert [row[0] for row in rows[1:]] == ["journal", "auth", "cloud-init", "dpkg", "syslog"]
    assert rows[1][4:7] == ["3", "2024-03-01T11:00:00Z", "2024-03-01T13:00:00Z"]
    assert (rows[5][2], rows[5][6]) == ("3", "2024-03-01T11:00:20Z")
    data = log("--list", "--json", files=files).json
    assert data["schema"] == "imgtools.log.list/1"
    assert [one["name"] for one in data["data"]["logs"] if one["main"]] == ["journal"]


# -- Windows ------------------------------------------------------------------------------------------------

EVENT_LOGS = "/Windows/System32/winevt/Logs"


def windows(log: Log, *words: str, code: int = 0) -> Ran:
    events = {
        f"{EVENT_LOGS}/System.evtx": evtx.build(
            [
                "2024-03-01T11:00:00Z 4 6005 EventLog System started",
                r"2024-03-01T11:00:20Z 2 7000 Service\x20Control\x20Manager System param1=nginx",
            ]
        ),
        f"{EVENT_LOGS}/Application.evtx": evtx.build(
            ["2024-03-01T11:00:10Z 3 1000 SecurityCenter Application weak"]
        ),
        f"{EVENT_LOGS}/Security.evtx": evtx.build(
            ["2024-03-01T11:00:30Z 0 4624 X Security TargetUserName=ann"]
        ),
    }
    return log(*words, files=windows_tree(more=events), code=code)


@pytest.fixture
def windows_log(monkeypatch: pytest.MonkeyPatch) -> Log:
    def run(*words: str, files: dict[str, Content], code: int = 0) -> Ran:
        volume = memory_volume("/dev/sda2", "ntfs")
        serve(monkeypatch, "log", memory_image({volume: MemoryFilesystem(files, ignores_case=True)}))
        return imgtools("log", "win.img", *words, code=code)

    return run


def test_windows_shows_system_and_application(windows_log: Log) -> None:
    lines = windows(windows_log).out.splitlines()
    assert lines[:2] == [
        "2024-03-01T13:00:00+02:00 WIN10-FIXTURE System EventLog 6005: event log started: started",
        "2024-03-01T13:00:10+02:00 WIN10-FIXTURE Application SecurityCenter 1000: <warning> weak",
    ]
    assert lines[2].endswith("Service Control Manager 7000: <err> service failed to start: param1=nginx")


def test_windows_filters(windows_log: Log) -> None:
    assert len(windows(windows_log, "-p", "err").out.splitlines()) == 1
    assert "7000" in windows(windows_log, "-u", "service control*").out
    assert "logon" not in windows(windows_log).out
    assert "TargetUserName=ann" in windows(windows_log, "-s", "Security").out
    by_path = windows(windows_log, "-s", r"C:\Windows\System32\winevt\Logs\Security.evtx")
    assert "TargetUserName=ann" in by_path.out


# -- what bad input gets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("--since", "soon"), "not a moment: 'soon'", 2),
        (("--since", "today", "--until", "yesterday"), "--since today is later than --until yesterday", 2),
        (("-p", "loud"), "no such priority: 'loud'", 2),
        (("-p", "8"), "no such priority: '8'", 2),
        (("-n", "-5"), "not a number of entries: '-5'", 2),
        (("-n", "many"), "not a number of entries: 'many'", 2),
        (("--grep", "("), "not a regular expression: (", 2),
        (("--json-lines", "--json"), "--json-lines does not go with --json", 2),
        (("-p", "err"), "--priority means nothing for syslog: its lines have none", 2),
        (("-s", "dpkg", "-u", "x"), "--unit means nothing for dpkg: its lines name no program", 2),
        (("-s", "nothing"), "the guest has no log nothing", 25),
        (("-s", "/var/log/nothing"), "no such file in the guest: /var/log/nothing", 25),
    ],
)
def test_usage(log: Log, words: tuple[str, ...], says: str, code: int) -> None:
    ran = log(*words, code=code)
    assert says in ran.err
    assert len(ran.err.splitlines()) <= 2


def test_a_guest_without_logs(log: Log) -> None:
    files = {path: content for path, content in BASE.items() if not path.startswith("/var/log")}
    assert "the guest keeps no logs" in log(files=files, code=25).err
    assert log("--list", files=files).out.count("\n") == 1


def test_without_journalctl_the_main_text_log_is_shown(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgtools.engine.process.shutil.which", lambda name, path=None: None)
    ran = log(files=BASE | JOURNAL)
    assert "Accepted publickey" in ran.out
    assert "journalctl is not installed: showing syslog, not journal" in ran.err
    assert "journalctl is not installed" in log("-s", "journal", files=BASE | JOURNAL, code=31).err


def test_damage_is_said_and_the_rest_is_shown(log: Log) -> None:
    ran = log(files=BASE | {"/var/log/syslog.2.gz": b"not gzip"})
    assert "Accepted publickey" in ran.out
    assert "/var/log/syslog.2.gz: damaged after 0 bytes" in ran.err


# -- whole disks, without booting ---------------------------------------------------------------------------


def test_a_debian_disk() -> None:
    image = fixture_image("debian")
    before = image.read_bytes()
    ran = imgtools("log", image, "-p", "crit")
    assert ran.out == (
        "2024-03-01T12:03:20+00:00 debian-fixture smartd[409]: <crit> Device: /dev/vda, FAILED SMART self-check. "
        "BACK UP DATA NOW!\n"
    )
    names = [row["name"] for row in imgtools("log", image, "--list", "--json").data["logs"]]
    assert {"journal", "syslog", "auth", "apt/history"} <= set(names)
    assert image.read_bytes() == before


def test_a_windows_disk() -> None:
    image = fixture_image("windows")
    lines = imgtools("log", image, "-p", "err").out.splitlines()
    assert [line.split(" <")[1].split(">")[0] for line in lines] == ["err", "crit"]
    assert "Zugriff verweigert für Köln" in lines[0]
