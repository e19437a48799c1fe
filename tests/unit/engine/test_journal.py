"""systemd journals: what is read from them, and what becomes of damaged ones."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from imgtools.engine.journal import (
    JournalEntry,
    JournalWish,
    copy_journal,
    parse_entry,
    read_journal,
    read_journal_header,
)
from imgtools.engine.process import ToolFailed
from imgtools.errors import EngineTimeout, HostError, ToolMissing
from tests.support.journals import MACHINE, make_journal

T = 1_709_290_800
SECOND = 10**9
JOURNAL = make_journal(
    {"time": T, "PRIORITY": 6, "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": "Linux version 6.1"},
    {"time": T + 5, "PRIORITY": 6, "_SYSTEMD_UNIT": "init.scope", "UNIT": "ssh.service", "MESSAGE": "Started ssh."},
    {"time": T + 9.5, "PRIORITY": 3, "_SYSTEMD_UNIT": "ssh.service", "SYSLOG_IDENTIFIER": "sshd", "_PID": 42,
     "MESSAGE": "error: Grüße \x1b[31m"},
)  # fmt: skip


ALL = JournalWish()


def read(wish: JournalWish = ALL, content: bytes = JOURNAL) -> list[JournalEntry]:
    with copy_journal(io.BytesIO(content)) as path:
        return list(read_journal(path, wish))


def test_the_header_tells_times_and_count() -> None:
    header = read_journal_header(JOURNAL[:208])
    assert header is not None
    assert (header.entries, header.first, header.last) == (3, T * SECOND, T * SECOND + 9_500_000_000)
    # The writer stamps its own machine id; what counts is that it is read from the right place.
    assert len(header.machine_id) == len(MACHINE)
    assert read_journal_header(JOURNAL[:100]) is None
    assert read_journal_header(bytes(208)) is None


@pytest.mark.host
def test_entries() -> None:
    assert read() == [
        JournalEntry(T * SECOND, "Linux version 6.1", 6, "kernel", None, "", "web01"),
        JournalEntry((T + 5) * SECOND, "Started ssh.", 6, "", None, "ssh.service", "web01"),
        JournalEntry(
            T * SECOND + 9_500_000_000, "error: Grüße \x1b[31m", 3, "sshd", 42, "ssh.service", "web01"
        ),
    ]


@pytest.mark.host
@pytest.mark.parametrize(
    ("wish", "messages"),
    [
        (JournalWish(newest_first=True), ["error", "Started", "Linux"]),
        (JournalWish(since=(T + 5) * SECOND), ["Started", "error"]),
        (JournalWish(until=(T + 5) * SECOND), ["Linux", "Started"]),
        (JournalWish(since=(T + 5) * SECOND + 1000, until=(T + 9) * SECOND), []),
        (JournalWish(priority=3), ["error"]),
        (JournalWish(units=("ssh",)), ["error"]),
        (JournalWish(units=("nothing",)), []),
    ],
)
def test_wishes(wish: JournalWish, messages: list[str]) -> None:
    assert [entry.message.split()[0].rstrip(":") for entry in read(wish)] == messages


@pytest.mark.host
def test_a_journal_cut_short_gives_its_beginning_or_a_named_error() -> None:
    with pytest.raises(ToolFailed):
        read(content=JOURNAL[:5000])


@pytest.mark.host
def test_random_damage_never_hangs_and_never_shows_another_error() -> None:
    chance = random.Random(7)
    for _ in range(12):
        content = bytearray(JOURNAL)
        for _ in range(30):
            content[chance.randrange(200, 9000)] = chance.randrange(256)
        try:
            read(content=bytes(content))
        except (ToolFailed, EngineTimeout):
            pass


def test_what_lies_behind_a_journals_end_is_not_copied() -> None:
    header = read_journal_header(JOURNAL[:208])
    assert header is not None and header.size == len(JOURNAL)
    with copy_journal(io.BytesIO(JOURNAL + b"x" * (64 << 20))) as path:
        assert path.read_bytes() == JOURNAL


def test_the_copy_is_gone_afterwards_and_keeps_its_holes() -> None:
    content = bytes(8 << 20) + JOURNAL + bytes(64 << 20)
    with copy_journal(io.BytesIO(content)) as path:
        assert path.stat().st_size == len(content)
        assert path.stat().st_blocks * 512 < 16 << 20
        assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.parent.exists()


def test_without_room_for_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(HostError, match="No space left") as caught, copy_journal(Full()):
        pass
    assert "TMPDIR" in caught.value.hint


def test_without_journalctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(ToolMissing, match="journalctl is not installed"):
        list(read_journal(tmp_path / "x", JournalWish()))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"__REALTIME_TIMESTAMP":"5","MESSAGE":[71,114,252]}', "Gr\udcfc"),
        (b'{"__REALTIME_TIMESTAMP":"5","MESSAGE":["one","two"]}', "one"),
        (b'{"__REALTIME_TIMESTAMP":"5","MESSAGE":null}', ""),
        (b'{"__REALTIME_TIMESTAMP":"5"}', ""),
    ],
)
def test_odd_messages(line: bytes, message: str) -> None:
    entry = parse_entry(line)
    assert entry is not None and (entry.message, entry.time) == (message, 5000)


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"7", b'{"MESSAGE":"x"}', b'{"__REALTIME_TIMESTAMP":"5","MESS', b"[" * 100_000]
)
def test_what_is_no_entry(line: bytes) -> None:
    assert parse_entry(line) is None
