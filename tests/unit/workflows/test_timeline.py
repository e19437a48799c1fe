"""What happened in a guest in memory."""

from __future__ import annotations

import pytest

from imgtools.errors import NoSuchGuestFile, UsageError
from imgtools.records.files import FileKind, FileStat
from imgtools.records.timeline import Happening
from imgtools.workflows.timeline import TimelineReport, TimelineWish, file_times, timeline
from tests.support.memory import Content, Node, memory_guest_image, serve
from tests.unit.guest.logs.test_utmp import utmp

T = 1_709_294_400  # 2024-03-01 12:00 UTC


def at(seconds: int) -> int:
    return (T + seconds) * 10**9


BASE: dict[str, Content] = {
    "/etc/os-release": Node(content=b"ID=debian\n", mtime=at(-9000)),
    "/etc/fstab": Node(mtime=at(-9000)),
    "/etc/passwd": Node(content=b"root:x:0:0::/root:/bin/sh\n", mtime=at(30)),
    "/bin/sh": Node(content=b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\0", mtime=at(-9000)),
    "/var/log/dpkg.log": Node(content=b"2024-03-01 12:00:10 install nginx:amd64 <none> 1.18\n", mtime=at(60)),
    "/var/log/syslog": Node(
        content=b"Mar  1 12:00:20 web app[7]: two\nMar  1 12:00:05 web app[7]: one, out of order\n",
        mtime=at(60),
    ),
    "/var/log/wtmp": Node(content=utmp("x86_64", 7, user="ann", line="pts/0", time=T + 15), mtime=at(60)),
    "/var/log/app.log": Node(content=b"no time at all\n", mtime=at(60)),
}
OTHERS = (Happening.PACKAGE, Happening.LOGIN, Happening.LOG)


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def run(wish: TimelineWish, files: dict[str, Content] = BASE) -> TimelineReport:
        return timeline(serve(monkeypatch, "timeline", memory_guest_image(files)), wish)

    return run


def test_all_that_knows_a_time_in_one_order(tell) -> None:  # type: ignore[no-untyped-def]
    report = tell(TimelineWish(OTHERS))
    assert [(one.time[11:19], one.kind.value, one.what, one.where, one.text) for one in report.entries] == [
        ("12:00:05", "log", "app", "syslog", "one, out of order"),
        ("12:00:10", "package", "install", "/var/log/dpkg.log", "nginx:amd64 1.18"),
        ("12:00:15", "login", "login", "/var/log/wtmp", "ann on pts/0"),
        ("12:00:20", "log", "app", "syslog", "two"),
    ]
    assert [one.path for one in report.warnings] == ["/var/log/app.log"] and not report.incomplete


def test_files_have_their_facts(tell) -> None:  # type: ignore[no-untyped-def]
    report = tell(TimelineWish((Happening.FILE,), since="2024-03-01 12:00:25", until="2024-03-01 12:00:35"))
    (one,) = report.entries
    assert (one.where, one.what, one.time) == ("/etc/passwd", "m...", "2024-03-01T12:00:30.000000Z")
    assert one.file is not None and (one.file.kind, one.file.size) == (FileKind.FILE, 26)


def test_relative_moments_count_from_the_last_sign_of_life(tell) -> None:  # type: ignore[no-untyped-def]
    syslog = Node(content=b"Mar  1 12:00:05 web app[7]: one\nMar  1 12:00:20 web app[7]: two\n", mtime=at(60))
    report = tell(TimelineWish(OTHERS, since="8 seconds ago"), BASE | {"/var/log/syslog": syslog})
    assert [one.kind.value for one in report.entries] == ["login", "log"]
    assert tell(TimelineWish((Happening.LOGIN,), since="50 seconds ago")).entries


def test_only_files_below_a_path(tell) -> None:  # type: ignore[no-untyped-def]
    paths = {one.where for one in tell(TimelineWish((Happening.FILE,), path="/var/log")).entries}
    assert paths == {"/var/log", *(path for path in BASE if path.startswith("/var/log/"))}
    with pytest.raises(NoSuchGuestFile):
        tell(TimelineWish(path="/gone"))


def test_moments_the_wrong_way_round(tell) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="later than"):
        tell(TimelineWish(since="2024-03-02", until="2024-03-01"))


def test_a_damaged_record_is_told_and_costs_nothing_else(tell) -> None:  # type: ignore[no-untyped-def]
    report = tell(TimelineWish(OTHERS), BASE | {"/var/log/btmp": b"\xff" * 400})
    assert len(report.entries) == 4 and report.incomplete
    assert "/var/log/btmp" in [one.path for one in report.warnings]


def test_times_of_a_file_that_are_equal_are_one_entry() -> None:
    stat = FileStat(FileKind.FILE, 0, mtime=2, ctime=2, atime=3, crtime=1)
    assert file_times(stat) == [(1, "...b"), (2, "m.c.")]
    assert file_times(stat, atime=True) == [(1, "...b"), (2, "m.c."), (3, ".a..")]
    assert file_times(FileStat(FileKind.FILE, 0, mtime=2, ctime=3)) == [(2, "m..."), (3, "..c.")]
