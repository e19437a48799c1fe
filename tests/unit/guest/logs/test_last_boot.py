"""What the kernel and systemd wrote at the last boot, and what it is a sign of."""

from __future__ import annotations

import pytest

from fixtures import journal
from fixtures.ailments.logs import EMERGENCY, HEALTHY, JOURNAL, LAST, OLD, entries
from imgtools.guest.logs import last_boot
from imgtools.guest.logs.last_boot import LastLog, ToldLine, crash_record, read_last_boot
from imgtools.guest.logs.signs import signs_in
from tests.support.memory import Content, Node, memory_files

HEAD = "Mar  1 12:00:00 host kernel: [    0.000000] Linux version 6.1.0-18-amd64"
PANIC = "Mar  1 12:00:01 host kernel: [    1.000000] Kernel panic - not syncing: Fatal exception"
OOM = "Mar  1 12:00:01 host kernel: [    1.000000] Out of memory: Killed process 612 (mysqld)"


def read(files: dict[str, Content]) -> LastLog:
    return read_last_boot(memory_files(files))


def ids(log: LastLog) -> list[str]:
    return [one.id for one in signs_in(log.lines)]


def text(*lines: str) -> str:
    return "".join(f"{one}\n" for one in lines)


@pytest.mark.host
def test_a_journal_gives_its_last_boot_alone() -> None:
    told = entries(OLD, 1_709_300_000, EMERGENCY) + entries(LAST, 1_709_310_000, HEALTHY)
    log = read({JOURNAL: journal.build(told)})
    assert [one.text for one in log.lines][-1] == HEALTHY[0][1]
    assert len(log.lines) == 2
    assert log.began == 1_709_310_000 * 10**9
    assert ids(log) == []


@pytest.mark.host
def test_emergency_mode_with_what_led_to_it() -> None:
    log = read({JOURNAL: journal.build(entries(LAST, 1_709_310_000, EMERGENCY))})
    assert ids(log) == ["fstab-source-missing", "emergency-mode"]
    assert signs_in(log.lines)[0].lines[0] == ToldLine(JOURNAL, 0, EMERGENCY[0][1])


@pytest.mark.host
def test_emergency_mode_that_was_left_again_is_no_sign() -> None:
    log = read({JOURNAL: journal.build(entries(LAST, 1_709_310_000, (*EMERGENCY, *HEALTHY)))})
    assert "emergency-mode" not in ids(log)


@pytest.mark.host
def test_what_other_programs_say_in_a_journal_does_not_count() -> None:
    told = entries(LAST, 1_709_310_000, [("sshd", "Kernel panic - not syncing: not at all")])
    told = told.replace(
        "SYSLOG_IDENTIFIER=sshd\n_TRANSPORT=journal", "SYSLOG_IDENTIFIER=sshd\n_TRANSPORT=syslog"
    )
    assert ids(read({JOURNAL: journal.build(told)})) == []


def test_a_text_log_gives_the_last_boot_with_its_line_numbers() -> None:
    log = read({"/var/log/kern.log": text(HEAD, PANIC, HEAD, OOM)})
    assert log.lines == (
        ToldLine("/var/log/kern.log", 3, "Linux version 6.1.0-18-amd64"),
        ToldLine("/var/log/kern.log", 4, "Out of memory: Killed process 612 (mysqld)"),
    )
    assert ids(log) == ["out-of-memory"]


@pytest.mark.parametrize(
    "line",
    [
        "Mar  1 12:00:01 host sshd[99]: error: Kernel panic - not syncing",
        "Mar  1 12:00:01 host kernel: [    1.0] I/O error, dev fd0, sector 0 op 0x0:(READ) flags 0x0",
        "Mar  1 12:00:01 host kernel: [    1.0] Buffer I/O error on dev sr0, logical block 0",
        "Mar  1 12:00:01 host kernel: [    1.0] Memory cgroup out of memory: Killed process 7 (java)",
        "Mar  1 12:00:01 host kernel: [    1.0] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)",
    ],
)
def test_what_is_no_sign(line: str) -> None:
    assert ids(read({"/var/log/messages": text(HEAD, line)})) == []


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("host kernel: [    1.0] I/O error, dev vda, sector 2048 op 0x0:(READ)", "disk-errors"),
        (
            "host kernel: [    1.0] EXT4-fs error (device vda1): ext4_lookup:1813: inode #2: bad",
            "filesystem-errors",
        ),
        (
            "host kernel: [    1.0] XFS (vda1): Corruption detected. Unmount and run xfs_repair",
            "filesystem-errors",
        ),
        ("alpine kern.emerg kernel: [    1.0] Kernel panic - not syncing: x", "kernel-panic"),
        ("host systemd[1]: Reached target Emergency Mode.", "emergency-mode"),
    ],
)
def test_signs_in_text_logs(line: str, cause: str) -> None:
    assert cause in ids(read({"/var/log/syslog": text(HEAD, f"Mar  1 12:00:01 {line}")}))


def test_a_ring_buffer_needs_no_prefix() -> None:
    found = read(
        {"/var/log/dmesg": text("[    0.000000] Linux version 6.1", "[    2.0] Kernel panic - not syncing")}
    )
    assert ids(found) == ["kernel-panic"]


def test_of_a_long_log_the_end_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_boot, "TAIL", 400)
    lines = [HEAD, PANIC, *(f"Mar  1 12:00:01 host kernel: [    1.0] line {one}" for one in range(50)), OOM]
    counted = read({"/var/log/kern.log": text(*lines)})
    assert counted.lines[-1].line == len(lines)
    assert ids(counted) == ["out-of-memory"]
    monkeypatch.setattr(last_boot, "WHOLE", 500)
    assert read({"/var/log/kern.log": text(*lines)}).lines[-1] == ToldLine(
        "/var/log/kern.log", 0, OOM.partition("] ")[2]
    )


def test_a_guest_without_logs_says_so() -> None:
    assert read({"/etc/hostname": "x"}).reason == "no log of a boot is there"


def test_the_last_words_that_pstore_kept_at_the_last_boot() -> None:
    record = b"Panic#1 Part1\n<0>[   12.002000] Kernel panic - not syncing: Fatal exception\n"
    files = memory_files({"/var/lib/systemd/pstore/1709/dmesg.txt": Node(content=record, mtime=100)})
    (sign,) = signs_in(crash_record(files, began=50))
    assert (sign.id, sign.lines[0].line) == ("kernel-panic", 2)
    assert crash_record(files, began=101) == ()
    assert crash_record(memory_files({}), began=None) == ()
