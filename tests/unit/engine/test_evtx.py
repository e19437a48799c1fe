"""Windows event logs: events, order, damage and hostile logs."""

from __future__ import annotations

import ctypes
import io
import sys
from typing import NoReturn

import Evtx.Evtx
import pytest

from fixtures import evtx
from imgtools.engine.confined import event_log
from imgtools.engine.evtx import UNREADABLE, Damage, EventRecord, read_events, read_span
from imgtools.engine.process import Limits
from imgtools.errors import OddGuest, ToolMissing

LINES = [
    "2024-03-01T12:00:00Z 4 6005 EventLog System The Event log service was started.",
    r"2024-03-01T12:00:05.25Z 2 7000 Service\x20Control\x20Manager System nginx <&> 'Zugriff' für Köln",
    "2024-03-01T12:01:00Z 0 4624 Microsoft-Windows-Security-Auditing Security TargetUserName=alice LogonType=2",
    "2024-03-01T13:00:00Z 1 41 Microsoft-Windows-Kernel-Power System",
]
NOON = 1_709_294_400 * 10**9


def read(content: bytes, *, newest_first: bool = False) -> list[EventRecord | Damage]:
    return list(read_events(io.BytesIO(content), len(content), newest_first=newest_first))


def events(content: bytes) -> list[EventRecord]:
    return [one for one in read(content) if isinstance(one, EventRecord)]


@pytest.mark.host
def test_events() -> None:
    first, second, third, fourth = events(evtx.build(LINES))
    assert first == EventRecord(
        NOON,
        1,
        6005,
        4,
        "EventLog",
        "System",
        "WIN10-FIXTURE",
        684,
        (("", "The Event log service was started."),),
    )
    assert (second.time, second.provider) == (NOON + 5_250_000_000, "Service Control Manager")
    assert second.data == (("", "nginx <&> 'Zugriff' für Köln"),)
    assert third.data == (("TargetUserName", "alice"), ("LogonType", "2"))
    assert (third.channel, third.level) == ("Security", 0)
    assert (fourth.event_id, fourth.level, fourth.data) == (41, 1, ())


@pytest.mark.host
def test_the_fixtures_are_what_another_reader_reads_too() -> None:
    """python-evtx, which shares no line with libevtx, finds the same numbers and checksums."""
    content = evtx.build(LINES * 200)
    head = Evtx.Evtx.FileHeader(content, 0)
    assert head.verify()
    chunks = list(head.chunks())
    assert len(chunks) > 1 and all(chunk.verify() for chunk in chunks)
    numbers = [record.record_num() for chunk in chunks for record in chunk.records()]
    assert numbers == [event.number for event in events(content)] == list(range(1, 801))
    assert "für K&#246;ln" in next(
        r for c in chunks for r in c.records() if r.record_num() == 2
    ).xml().replace("&#252;", "ü")


@pytest.mark.host
def test_newest_first_over_several_chunks() -> None:
    content = evtx.build(LINES * 200)
    numbers = [one.number for one in read(content, newest_first=True) if isinstance(one, EventRecord)]
    assert numbers == list(range(800, 0, -1))


@pytest.mark.host
def test_the_newest_events_cost_one_chunk() -> None:
    class Counting(io.BytesIO):
        bytes_read = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.bytes_read += len(data)
            return data

    content = evtx.build(LINES * 1000)
    source = Counting(content)
    newest = next(iter(read_events(source, len(content), newest_first=True)))
    assert isinstance(newest, EventRecord) and newest.number == 4000
    assert len(content) > 1 << 20
    assert source.bytes_read < 70_000


@pytest.mark.host
def test_a_ring_that_has_wrapped_is_read_in_order() -> None:
    content = evtx.build(LINES * 200)
    chunks = [content[at : at + 65536] for at in range(4096, len(content), 65536)]
    wrapped = content[:4096] + b"".join(chunks[1:] + chunks[:1])
    assert [event.number for event in events(wrapped)] == list(range(1, 801))


def test_the_span_of_a_log() -> None:
    content = evtx.build(LINES * 200)
    span = read_span(io.BytesIO(content), len(content))
    assert (span.records, span.first, span.last) == (800, NOON, NOON + 3600 * 10**9)
    assert read_span(io.BytesIO(evtx.build([])), 69632).records == 0


@pytest.mark.parametrize("content", [b"", b"LfLe" * 100, bytes(8192)])
def test_what_is_no_event_log(content: bytes) -> None:
    with pytest.raises(OddGuest, match="not a Windows event log"):
        read(content)


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.host
def test_a_damaged_chunk_takes_no_other_with_it() -> None:
    content = bytearray(evtx.build(LINES * 200))
    content[4096 + 512 : 4096 + 65536] = b"\xa5" * (65536 - 512)
    found = read(bytes(content))
    damage = [one for one in found if isinstance(one, Damage)]
    numbers = [one.number for one in found if isinstance(one, EventRecord)]
    assert numbers and numbers[-1] == 800 and numbers == list(range(numbers[0], 801))
    assert damage == [Damage(4096, numbers[0] - 1)]


@pytest.mark.host
def test_a_log_cut_short() -> None:
    content = evtx.build(LINES * 200)
    found = events(content[: 4096 + 65536 + 30_000])
    assert len(found) > 50
    assert found[0].number == 1


class Bomb(evtx._Chunk):
    """EventData that holds a template sixty times, which holds one sixty times ...: few bytes, endless text."""

    depth = 8

    def _nested(self, data: object) -> None:
        self.bytes += evtx.FRAGMENT
        self.depth -= 1
        if self.depth:
            slots = evtx._slot(0, evtx.BINXML) * 60
            self._template("many", lambda chunk: chunk.element("y", [], slots), [(evtx.BINXML, ())])
        else:
            slot = evtx._slot(0, evtx.WSTRING)
            self._template("one", lambda chunk: chunk.element("x", [], slot), [(evtx.WSTRING, b"a\0")])
        self.bytes += b"\0"


@pytest.mark.host
def test_a_log_that_expands_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty to the power of seven elements: its process is ended by its limits, other chunks are read."""
    monkeypatch.setattr("imgtools.engine.evtx.LIMITS", Limits(seconds=None, memory=256 << 20, cpu=2))
    good = evtx.build(LINES)
    monkeypatch.setattr(evtx, "_Chunk", Bomb)
    found = read(evtx.build(LINES[:1]) + good[4096:])
    assert [one for one in found if isinstance(one, Damage)]
    assert {one.event_id for one in found if isinstance(one, EventRecord)} == {6005, 7000, 4624, 41}


def crash(*_: object) -> NoReturn:
    ctypes.string_at(0)
    raise AssertionError("it did not crash")


@pytest.mark.host
def test_a_log_whose_chunks_all_kill_their_reader_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "facts", crash)
    content = evtx.build(LINES * 1000)
    why = "event log: libevtx crashed (SIGSEGV)"
    assert read(content) == [Damage(4096 + 65536 * number, UNREADABLE, why) for number in range(3)]


@pytest.mark.host
def test_a_chunk_that_says_too_much_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "MAX_ANSWER", 3000)
    found = read(evtx.build(LINES))
    assert [one.event_id for one in found if isinstance(one, EventRecord)] == [6005, 7000]
    assert found[2:] == [Damage(4096, 2)]


@pytest.mark.host
def test_without_libevtx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyevtx", None)
    with pytest.raises(ToolMissing, match="libevtx is not installed"):
        read(evtx.build(LINES))
