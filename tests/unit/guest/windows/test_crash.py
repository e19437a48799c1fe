"""What a dump's header and the report of automatic repair say."""

from __future__ import annotations

import struct

import pytest

from fixtures.ailments.windows import TRAIL, dump
from imgtools.guest.windows.crash import BugCheck, newest_dump, read_dump, read_trail, repair_trail
from tests.support.memory import Node, memory_files

SECOND = 10**9
NOON = 133_537_680_000_000_000  # 2024-03-01T12:00:00Z as a FILETIME
NOON_NS = 1_709_294_400 * SECOND


def test_a_small_dump_of_64_bit_names_code_parameters_time_and_driver() -> None:
    found = read_dump(dump(0x7E, 0xFFFFFFFFC0000005, 1, 2, 3, driver="badflt.sys", time=NOON))
    assert found == BugCheck(0x7E, (0xFFFFFFFFC0000005, 1, 2, 3), NOON_NS, "badflt.sys")
    assert found.words == "0x7E SYSTEM_THREAD_EXCEPTION_NOT_HANDLED (0xFFFFFFFFC0000005, 0x1, 0x2, 0x3)"


def test_the_driver_may_stand_behind_its_entry_in_the_list() -> None:
    head = bytearray(dump(0xD1, driver="x.sys"))
    struct.pack_into("<I", head, 0x2040, 0x2180)
    struct.pack_into("<I", head, 0x2180, 0x2100)
    found = read_dump(bytes(head))
    assert found is not None
    assert found.driver == "x.sys"


def test_a_dump_of_32_bit() -> None:
    head = bytearray(0x1000)
    head[:8] = b"PAGEDUMP"
    struct.pack_into("<5I", head, 0x28, 0x7B, 1, 2, 3, 4)
    struct.pack_into("<Q", head, 0xFC0, NOON)
    assert read_dump(bytes(head)) == BugCheck(0x7B, (1, 2, 3, 4), NOON_NS)


def test_an_unknown_code_is_a_number() -> None:
    assert BugCheck(0xABC).words == "0xABC"


@pytest.mark.parametrize(
    "head",
    [b"", b"PAGE", b"PAGEDU64" + bytes(100), b"MDMP" + bytes(0x3000), b"PAGEXXXX" + bytes(0x3000)],
)
def test_what_is_no_dump_tells_nothing(head: bytes) -> None:
    assert read_dump(head) is None


@pytest.mark.parametrize("pointer", [0, 0xFFFFFFFF, 0x21FE, 0x2040])
def test_a_pointer_that_leads_nowhere_names_no_driver(pointer: int) -> None:
    head = bytearray(dump(0x7E, driver="x.sys"))
    struct.pack_into("<I", head, 0x2040, pointer)
    found = read_dump(bytes(head))
    assert found is not None
    assert found.driver == ""


def test_a_name_that_is_no_drivers_is_not_taken() -> None:
    found = read_dump(dump(0x7E, driver="\x1b[31mred"))
    assert found is not None
    assert found.driver == ""


def test_the_newest_dump_is_taken_by_its_own_time() -> None:
    files = memory_files(
        {
            "/Windows/MEMORY.DMP": dump(0x0A, time=NOON),
            "/Windows/Minidump/030124-1.dmp": Node(content=dump(0x7B, time=NOON - 10**12), mtime=1),
            "/Windows/Minidump/030124-2.dmp": Node(content=dump(0x7E, time=NOON + 10**9), mtime=2),
        }
    )
    found = newest_dump(files, "/Windows")
    assert found is not None
    assert (found.path, found.check.code) == ("/Windows/Minidump/030124-2.dmp", 0x7E)


def test_a_dump_that_is_none_is_left_out() -> None:
    assert newest_dump(memory_files({"/Windows/MEMORY.DMP": b"PAGE"}), "/Windows") is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_the_report_of_automatic_repair_names_root_causes(encoding: str) -> None:
    found = read_trail(TRAIL.replace("\n", "\r\n").encode(encoding))
    assert found.attempts == 2
    assert found.causes == ((11, r"Boot critical file c:\windows\system32\drivers\badflt.sys is corrupt."),)


def test_a_report_without_a_cause() -> None:
    assert read_trail(b"Startup Repair\r\nNumber of repair attempts: 1\r\n").causes == ()
    assert read_trail(b"Root cause found:\r\n-----\r\n").causes == ()
    assert read_trail(b"\xff\xfe\x00").attempts == 0


def test_a_guest_that_was_never_repaired_has_no_report() -> None:
    assert repair_trail(memory_files({}), "/Windows") is None
