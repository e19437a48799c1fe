"""Which logs a guest has, and which of them is meant."""

from __future__ import annotations

import pytest

from imgtools.errors import GuestFileError, NoSuchGuestFile
from imgtools.guest.logs.which import LogKind, LogSource, find_logs, main_logs, select_log, split_rotated
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import Content, link, memory_files
from tests.support.windows import windows_files

LINUX = OsInfo(OsType.LINUX)
WINDOWS = OsInfo(OsType.WINDOWS, windows_systemroot="/Windows")
DEBIAN: dict[str, Content] = {
    "/var/log/syslog": "x\n",
    "/var/log/syslog.1": "x\n",
    "/var/log/syslog.2.gz": b"x",
    "/var/log/syslog.10.gz": b"x",
    "/var/log/auth.log": "x\n",
    "/var/log/apt/history.log": "x\n",
    "/var/log/apt/term.log": "x\n",
    "/var/log/boot": "x\n",
    "/var/log/boot.log": "x\n",
    "/var/log/Xorg.0.log.old": "x\n",
    "/var/log/messages": "",
    "/var/log/wtmp": b"x",
    "/var/log/wtmp.1": b"x",
    "/var/log/lastlog": b"x",
    "/var/log/README": "Where are the logs? In the journal.\n",
    "/var/log/journal/0123/system.journal": b"x",
    "/var/log/journal/0123/user-1000.journal": b"x",
    "/var/log/journal/0123/system@1.journal~": b"x",
    "/var/log/journal/0123/README": b"x",
    "/srv/app.log": "x\n",
    "/var/log/app.log": link("/srv/app.log"),
    "/var/log/loop": link("loop"),
}


def sources(files: dict[str, Content], os: OsInfo = LINUX) -> dict[str, LogSource]:
    return {source.name: source for source in find_logs(memory_files(files), os)}


def test_the_logs_of_a_linux_guest() -> None:
    found = sources(DEBIAN)
    assert list(found) == [
        "journal", "Xorg.0", "app", "auth", "boot", "boot.log", "messages", "syslog", "apt/history", "apt/term",
    ]  # fmt: skip
    assert [file.path for file in found["syslog"].files] == [
        "/var/log/syslog", "/var/log/syslog.1", "/var/log/syslog.2.gz", "/var/log/syslog.10.gz",
    ]  # fmt: skip
    assert [file.ending for file in found["syslog"].files] == ["", "", ".gz", ".gz"]
    assert found["syslog"].size == 6
    assert (found["journal"].kind, len(found["journal"].files)) == (LogKind.JOURNAL, 3)


@pytest.mark.parametrize(
    ("path", "base", "order"),
    [
        ("/l/messages-20240225", "/l/messages", (1, -20240225)),
        ("/l/messages-20240218.gz", "/l/messages", (1, -20240218)),
        ("/l/cron.3.xz", "/l/cron", (1, 3)),
        ("/l/dmesg.0", "/l/dmesg", (1, 0)),
        ("/l/Xorg.0.log", "/l/Xorg.0.log", (0, 0)),
        ("/l/php8.2-fpm.log", "/l/php8.2-fpm.log", (0, 0)),
        ("/l/x.log.old", "/l/x.log", (1, 0)),
        ("/l/2024", "/l/2024", (0, 0)),
    ],
)
def test_rotated_names(path: str, base: str, order: tuple[int, int]) -> None:
    assert split_rotated(path) == (base, order)


@pytest.mark.parametrize(
    ("without", "main"),
    [((), ["journal"]), (("journal",), ["syslog"]), (("journal", "syslog"), ["auth"])],
)
def test_the_main_log(without: tuple[str, ...], main: list[str]) -> None:
    """Empty logs are no main log: on a guest with only a journal, messages may exist and be empty."""
    kept = [source for name, source in sources(DEBIAN).items() if name not in (*without, "Xorg.0", "app")]
    assert [source.name for source in main_logs(kept)] == main


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("auth", "auth"),
        ("auth.log", "auth"),
        ("AUTH", "auth"),
        ("secure", "auth"),  # what the Red Hat family calls it
        ("history", "apt/history"),
        ("apt/term.log", "apt/term"),
        ("boot.log", "boot.log"),
        ("boot", "boot"),
        ("/var/log/auth.log", "auth"),
        ("journal", "journal"),
    ],
)
def test_a_log_by_its_name(name: str, found: str) -> None:
    files = memory_files(DEBIAN)
    assert select_log(files, find_logs(files, LINUX), name).name == found


def test_a_log_by_its_path() -> None:
    files = memory_files({**DEBIAN, "/opt/x.journal": b"", "/opt/y.evtx": b"", "/opt/j/a.journal": b""})
    known = find_logs(files, LINUX)
    assert [file.path for file in select_log(files, known, "/var/log/syslog.1").files] == [
        "/var/log/syslog.1"
    ]
    assert select_log(files, known, "/srv/app.log").kind is LogKind.TEXT
    assert select_log(files, known, "/opt/x.journal").kind is LogKind.JOURNAL
    assert select_log(files, known, "/opt/y.evtx").kind is LogKind.EVENTS
    assert select_log(files, known, "/opt/j").files[0].path == "/opt/j/a.journal"


@pytest.mark.parametrize("name", ["nothing", "/var/log/nothing", "/etc", "/var/log/loop"])
def test_a_log_that_is_not_there(name: str) -> None:
    files = memory_files({**DEBIAN, "/etc/x": ""})
    with pytest.raises(GuestFileError):
        select_log(files, find_logs(files, LINUX), name)


def test_the_hint_names_what_there_is() -> None:
    files = memory_files(DEBIAN)
    with pytest.raises(NoSuchGuestFile, match="no log nothing") as caught:
        select_log(files, find_logs(files, LINUX), "nothing")
    assert "journal, Xorg.0, app, auth" in caught.value.hint


def test_the_logs_of_windows() -> None:
    logs = "/Windows/System32/winevt/Logs"
    files = windows_files(
        more={
            f"{logs}/System.evtx": b"x",
            f"{logs}/Application.evtx": b"x",
            f"{logs}/Security.evtx": b"x",
            f"{logs}/HardwareEvents.evtx": b"x",
            f"{logs}/Microsoft-Windows-TaskScheduler%4Operational.evtx": b"x",
            f"{logs}/notes.txt": b"x",
            "/Windows/Panther/setupact.log": b"x",
        }
    )
    found = find_logs(files, WINDOWS)
    assert [source.name for source in found] == [
        "System", "Application", "Security", "HardwareEvents",
        "Microsoft-Windows-TaskScheduler/Operational", "setupact",
    ]  # fmt: skip
    assert [source.name for source in main_logs(found)] == ["System", "Application"]
    assert select_log(files, found, "system.evtx").name == "System"
    assert select_log(files, found, "Operational").name == "Microsoft-Windows-TaskScheduler/Operational"


def test_a_guest_without_logs() -> None:
    assert find_logs(memory_files({}), LINUX) == ()
    assert main_logs(()) == ()
    assert find_logs(windows_files(), WINDOWS) == ()
