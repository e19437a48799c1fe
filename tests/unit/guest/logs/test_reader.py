"""Entries of all kinds of logs, in both directions, merged, and out of damaged files."""

from __future__ import annotations

import ctypes
import gzip
import lzma
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC

import pytest

from fixtures import evtx
from imgtools.engine.confined import event_log
from imgtools.guest.logs.reader import Dated, Found, LogReader, LogWish, Reading, merge_lazily
from imgtools.guest.logs.which import LogEntry, find_logs
from imgtools.guest.settings.clock import SECOND
from imgtools.records.system import OsInfo, OsType, Warned
from tests.support.journals import make_journal
from tests.support.memory import Content, Node, memory_files
from tests.support.windows import windows_files

LINUX = OsInfo(OsType.LINUX)
NEWEST = LogWish(newest_first=True)
OLDEST = LogWish()
T = 1_709_290_800  # 2024-03-01 11:00 UTC


def reader(files: dict[str, Content]) -> LogReader:
    return LogReader(memory_files(files), UTC)


def read(files: dict[str, Content], name: str, wish: LogWish) -> list[Found]:
    tree = memory_files(files)
    (source,) = (one for one in find_logs(tree, LINUX) if one.name == name)
    return list(LogReader(tree, UTC).read(source, wish))


def messages(found: list[Found]) -> list[str]:
    return [one.entry.message for one in found if isinstance(one, Dated)]


def warnings(found: list[Found]) -> list[Warned]:
    return [one for one in found if isinstance(one, Warned)]


# -- text ----------------------------------------------------------------------------------------------------


def line(hour: int, text: str) -> bytes:
    return b"2024-03-01T%02d:00:00+00:00 web app[7]: %s\n" % (hour, text.encode())


def at(hour: int) -> int:
    return (T - 11 * 3600 + hour * 3600) * SECOND


ROTATED: dict[str, Content] = {
    "/var/log/app.log": Node(content=line(7, "g") + line(8, "h"), mtime=at(8)),
    "/var/log/app.log.1": Node(content=line(5, "e") + line(6, "f"), mtime=at(6)),
    "/var/log/app.log.2.gz": Node(content=gzip.compress(line(3, "c") + line(4, "d")), mtime=at(4)),
    "/var/log/app.log.3.xz": Node(content=lzma.compress(line(1, "a") + line(2, "b")), mtime=at(2)),
}


def test_rotated_and_packed_files_are_one_log() -> None:
    assert messages(read(ROTATED, "app", OLDEST)) == list("abcdefgh")
    assert messages(read(ROTATED, "app", NEWEST)) == list("hgfedcba")


def test_files_older_than_since_are_not_opened() -> None:
    damaged = {**ROTATED, "/var/log/app.log.3.xz": Node(content=b"not xz", mtime=at(2))}
    assert warnings(read(damaged, "app", OLDEST)) != []
    for wish in (OLDEST, NEWEST):
        found = read(damaged, "app", replace(wish, since=at(5)))
        assert warnings(found) == []
        assert set(messages(found)) >= set("efgh")


def test_reading_ends_soon_after_until() -> None:
    found = messages(read(ROTATED, "app", replace(OLDEST, until=at(3))))
    assert found[:3] == list("abc") and "e" not in found


def test_a_damaged_packed_file_gives_what_it_has_and_a_warning() -> None:
    whole = gzip.compress(b"".join(line(3, f"{number:05d}") for number in range(5000)))
    found = read(
        {"/var/log/app.log.1.gz": whole[: len(whole) // 2], "/var/log/app.log": line(8, "h")}, "app", OLDEST
    )
    assert messages(found)[0] == "00000" and messages(found)[-1] == "h"
    (warning,) = warnings(found)
    assert warning.path == "/var/log/app.log.1.gz" and "damaged after" in warning.text


def test_binary_files_are_left_out_with_a_warning() -> None:
    found = read({"/var/log/app.log": bytes(range(256)) * 10}, "app", OLDEST)
    assert messages(found) == []
    assert warnings(found) == [Warned("not text: left out", "/var/log/app.log")]


def test_gigabytes_that_are_no_log_are_looked_at_and_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgtools.guest.logs.reader.unpack", None)
    monkeypatch.setattr("imgtools.guest.logs.reader.unpack_forwards", None)
    files: dict[str, Content] = {"/var/log/app.log.1.gz": gzip.compress(bytes(1 << 20))}
    for wish in (OLDEST, NEWEST):
        assert warnings(read(files, "app", wish)) == [Warned("not text: left out", "/var/log/app.log.1.gz")]


def test_a_packed_log_is_read_forwards_without_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgtools.guest.logs.reader.unpack", None)
    assert messages(read(ROTATED, "app", OLDEST)) == list("abcdefgh")


def test_a_text_log_with_a_hole_of_nuls_is_text() -> None:
    content = line(1, "a") + bytes(8192) + line(2, "b")
    for wish, expected in ((OLDEST, ["a", "b"]), (NEWEST, ["b", "a"])):
        assert messages(read({"/var/log/app.log": content}, "app", wish)) == expected


def test_utf16_as_windows_writes_it() -> None:
    content = b"\xff\xfe" + "2024-03-01 01:00:00, Error   SYS   Köln\r\n".encode("utf-16-le")
    assert messages(read({"/var/log/app.log": content}, "app", NEWEST)) == ["Köln"]


def test_lines_without_a_time_are_ordered_by_their_neighbours_or_the_file() -> None:
    files: dict[str, Content] = {
        "/var/log/dmesg": Node(content=b"[    0.000001] one\n[    0.000002] two\n", mtime=at(9))
    }
    found = read(files, "dmesg", OLDEST)
    assert [one.time for one in found if isinstance(one, Dated)] == [at(9), at(9)]
    assert [one.entry.time for one in found if isinstance(one, Dated)] == [None, None]


# -- journals ------------------------------------------------------------------------------------------------

FOLDER = "/var/log/journal/0123"
JOURNALS: dict[str, Content] = {
    f"{FOLDER}/system@old.journal": make_journal(
        {"time": T, "MESSAGE": "a", "PRIORITY": 3, "_SYSTEMD_UNIT": "x.service"},
        {"time": T + 10, "MESSAGE": "b"},
    ),
    f"{FOLDER}/system.journal": make_journal(
        {"time": T + 20, "MESSAGE": "c"}, {"time": T + 40, "MESSAGE": "e"}
    ),
    f"{FOLDER}/user-1000.journal": make_journal({"time": T + 30, "MESSAGE": "d"}),
}


@pytest.mark.host
def test_the_files_of_a_journal_are_merged() -> None:
    assert messages(read(JOURNALS, "journal", OLDEST)) == list("abcde")
    assert messages(read(JOURNALS, "journal", NEWEST)) == list("edcba")


@pytest.mark.host
@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (LogWish(since=(T + 10) * SECOND, until=(T + 30) * SECOND), list("bcd")),
        (LogWish(priority=3), ["a"]),
        (LogWish(units=("x",), newest_first=True), ["a"]),
    ],
)
def test_journalctl_filters(wish: LogWish, expected: list[str]) -> None:
    assert messages(read(JOURNALS, "journal", wish)) == expected


@pytest.mark.host
def test_only_the_newest_journal_is_copied_for_the_newest_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    from imgtools.engine import journal

    copied = []
    original = journal.copy_journal
    monkeypatch.setattr(
        "imgtools.guest.logs.reader.copy_journal", lambda stream: copied.append(1) or original(stream)
    )
    tree = memory_files(JOURNALS)
    (source,) = find_logs(tree, LINUX)
    reading = LogReader(tree, UTC).read(source, NEWEST)
    first = next(reading)
    reading.close()
    assert isinstance(first, Dated) and first.entry.message == "e"
    assert len(copied) == 1


@pytest.mark.host
def test_a_journal_that_is_none_is_a_warning() -> None:
    found = read({**JOURNALS, f"{FOLDER}/broken.journal": b"junk"}, "journal", OLDEST)
    assert messages(found) == list("abcde")
    assert warnings(found) == [Warned("not a journal, or damaged: left out", f"{FOLDER}/broken.journal")]


@pytest.mark.host
def test_a_journal_cut_short_is_a_warning_and_the_others_are_read() -> None:
    content = JOURNALS[f"{FOLDER}/system@old.journal"]
    assert isinstance(content, bytes)
    found = read({**JOURNALS, f"{FOLDER}/system@old.journal": content[:5000]}, "journal", OLDEST)
    assert messages(found) == list("cde")
    assert [warning.path for warning in warnings(found)] == [f"{FOLDER}/system@old.journal"]


# -- Windows events ------------------------------------------------------------------------------------------

EVENTS = evtx.build(
    [
        r"2024-03-01T11:00:00Z 4 7036 Service\x20Control\x20Manager System param1=Spooler param2=running",
        "2024-03-01T11:10:00Z 1 41 Microsoft-Windows-Kernel-Power System BugcheckCode=0",
        "2024-03-01T11:20:00Z 2 9 Some-Driver System",
    ]
)


def windows(content: bytes, wish: LogWish) -> list[Found]:
    path = "/Windows/System32/winevt/Logs/System.evtx"
    tree = windows_files(more={path: content})
    (source,) = find_logs(tree, OsInfo(OsType.WINDOWS, windows_systemroot="/Windows"))
    return list(LogReader(tree, UTC).read(source, wish))


@pytest.mark.host
def test_windows_events() -> None:
    found = [one.entry for one in windows(EVENTS, OLDEST) if isinstance(one, Dated)]
    assert found[1] == LogEntry(
        (T + 600) * SECOND,
        "System",
        "restarted without a clean shutdown: BugcheckCode=0",
        "WIN10-FIXTURE",
        "Microsoft-Windows-Kernel-Power",
        684,
        priority=2,
        event_id=41,
    )
    assert found[0].message == "service changed its state: param1=Spooler, param2=running"
    assert (found[2].message, found[2].priority) == ("(no data)", 3)
    assert messages(windows(EVENTS, NEWEST)) == [one.message for one in reversed(found)]


@pytest.mark.host
def test_damage_in_an_event_log_is_one_warning() -> None:
    content = bytearray(EVENTS)
    content[4096 + 600 : 4096 + 700] = b"\xee" * 100
    (warning,) = warnings(windows(bytes(content), OLDEST))
    assert "could not be read" in warning.text
    assert warnings(windows(b"no event log at all", OLDEST))[0].text == "not a Windows event log"


@pytest.mark.host
def test_a_crash_on_an_event_log_is_named_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "facts", lambda _: ctypes.string_at(0))
    found = windows(EVENTS, OLDEST)
    first, second = warnings(found)
    assert first.text == "/Windows/System32/winevt/Logs/System.evtx: libevtx crashed (SIGSEGV)"
    assert second.text == "damaged: records of 1 chunk could not be read"
    assert len(found) == 2


# -- spans ---------------------------------------------------------------------------------------------------


def test_spans() -> None:
    tree = memory_files({**ROTATED, **JOURNALS, "/var/log/dmesg": "[    0.000001] x\n"})
    spans = {source.name: LogReader(tree, UTC).span(source) for source in find_logs(tree, LINUX)}
    assert (spans["app"].first, spans["app"].last) == (at(1), at(8))
    assert (spans["journal"].first, spans["journal"].last, spans["journal"].entries) == (
        T * SECOND,
        (T + 40) * SECOND,
        5,
    )
    assert (spans["dmesg"].first, spans["dmesg"].last) == (None, None)


# -- merging -------------------------------------------------------------------------------------------------


def reading(name: str, *times: int) -> Reading:
    for time in times:
        yield Dated(time, LogEntry(time, name, f"{name}{time}"))


def test_merging_begins_a_part_only_when_its_time_has_come() -> None:
    begun: list[str] = []

    def begin(name: str, *times: int) -> Iterator[object]:
        begun.append(name)
        return reading(name, *times)

    parts = [(9, lambda: begin("a", 9, 6, 3)), (5, lambda: begin("b", 5, 4)), (1, lambda: begin("c", 1))]
    merged = merge_lazily(parts, newest_first=True)  # type: ignore[arg-type]
    assert [next(merged).entry.message for _ in range(2)] == ["a9", "a6"]  # type: ignore[union-attr]
    assert begun == ["a"]
    assert [one.entry.message for one in merged if isinstance(one, Dated)] == ["b5", "b4", "a3", "c1"]


def test_merging_of_nothing() -> None:
    assert list(merge_lazily([], newest_first=False)) == []
    assert list(merge_lazily([(1, lambda: reading("a"))], newest_first=False)) == []


def test_a_journal_of_zeros_says_what_it_is() -> None:
    for content, says in (
        (bytes(8 << 20), "nothing but zeros where a journal begins: it never reached the disk: left out"),
        (b"", "empty: left out"),
        (b"LPKSHHRX" + bytes(300), "not a journal, or damaged: left out"),
    ):
        found = read({f"{FOLDER}/system.journal": content}, "journal", OLDEST)
        assert messages(found) == []
        assert [one.text for one in warnings(found)] == [says, "the journal has no entries"]
