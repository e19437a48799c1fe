"""The last boot in a System log, read from its end."""

from __future__ import annotations

from fixtures.evtx import build
from imgtools.guest.windows.last_events import SYSTEM_LOG, LastBoot, read_last_boot
from tests.support.memory import memory_files

KERNEL = "Microsoft-Windows-Kernel-General"
REPORTER = "Microsoft-Windows-WER-SystemErrorReporting"
POWER = "Microsoft-Windows-Kernel-Power"
CHECK = (
    "The bugcheck was: 0x0000007b (0xffff8000, 0xffffffffc0000034, 0x0000000000000000, 0x0000000000000000)."
)


def last(*lines: str) -> LastBoot:
    return read_last_boot(memory_files({f"/Windows/{SYSTEM_LOG}": build(lines)}), "/Windows")


def test_only_the_last_boot_is_taken_from_the_kernels_start_on() -> None:
    found = last(
        "2024-02-29T12:00:00Z 4 12 Microsoft-Windows-Kernel-General System old",
        f"2024-02-29T12:00:09Z 2 1001 {REPORTER} System {CHECK}",
        f"2024-03-01T12:00:00Z 4 12 {KERNEL} System started",
        f"2024-03-01T12:00:01Z 1 41 {POWER} System BugcheckCode=0",
        "2024-03-01T12:00:02Z 4 6005 EventLog System started",
        "2024-03-01T12:00:03Z 4 7036 Service\\x20Control\\x20Manager System running",
    )
    assert [one.event_id for one in found.events] == [7036, 6005, 41, 12]
    assert found.is_whole
    assert found.last == 1_709_294_403 * 10**9
    assert found.bug_check() is None


def test_a_log_without_the_kernels_start_begins_with_its_own() -> None:
    found = last(
        f"2024-02-29T12:00:09Z 2 1001 {REPORTER} System {CHECK}",
        "2024-03-01T12:00:02Z 4 6005 EventLog System started",
    )
    assert [one.event_id for one in found.events] == [6005]


def test_a_bug_check_of_event_1001() -> None:
    found = last(
        "2024-03-01T12:00:02Z 4 6005 EventLog System started",
        f"2024-03-01T12:00:09Z 2 1001 {REPORTER} System {CHECK}",
    ).bug_check()
    assert found is not None
    assert (found[1].code, found[1].parameters) == (0x7B, (0xFFFF8000, 0xFFFFFFFFC0000034, 0, 0))


def test_a_bug_check_of_event_41() -> None:
    found = last(
        "2024-03-01T12:00:02Z 4 6005 EventLog System started",
        f"2024-03-01T12:00:03Z 1 41 {POWER} System BugcheckCode=126 BugcheckParameter1=0xffffffffc0000005",
    ).bug_check()
    assert found is not None
    assert (found[1].code, found[1].parameters[0]) == (0x7E, 0xFFFFFFFFC0000005)


def test_what_is_no_log_and_a_guest_without_one_say_so() -> None:
    assert read_last_boot(memory_files({}), "/Windows").reason == "it has no System log"
    found = read_last_boot(memory_files({f"/Windows/{SYSTEM_LOG}": b"noise" * 100}), "/Windows")
    assert found.reason == "not a Windows event log"
