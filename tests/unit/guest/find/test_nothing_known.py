"""Disks full of what imgtools does not know are never called empty."""

from __future__ import annotations

import pytest

from imgtools.guest.find.nothing_known import nothing_known
from imgtools.records.disks import Declined, Disk, Layout, Partition

GIB = 1 << 30


def part(number: int, type: str, kind: str = "primary") -> Partition:
    return Partition(f"/dev/sda{number}", number, 1 << 20, GIB, type, kind)


@pytest.mark.parametrize(
    ("disk", "told"),
    [
        (Disk("/dev/sda", 2 * GIB), "known on /dev/sda (2.0G)"),
        (Disk("/dev/sda", 2 * GIB, problems=("it says that it has a GPT",)), "(it says that it has a GPT, 2.0G)"),
        (Disk("/dev/sda", 2 * GIB, foreign_table="sun"), "/dev/sda (a partition table of sun, 2.0G)"),
        (
            Disk("/dev/sda", 2 * GIB, table="gpt", partitions=(part(1, "7C3457EF-0000-11AA-AA11-00306543ECAC"),)),
            "/dev/sda1 (type 7C3457EF-0000-11AA-AA11-00306543ECAC, APFS, 1.0G)",
        ),
        (
            Disk("/dev/sda", 2 * GIB, table="dos", partitions=(part(1, "0x7f"), part(2, "0x5", "extended"))),
            "/dev/sda1 (type 0x7f, 1.0G)",
        ),
    ],
)  # fmt: skip
def test_what_is_there_is_told_by_its_type(disk: Disk, told: str) -> None:
    error = nothing_known(Layout((disk,)))
    assert error.message.endswith(told) and "empty" not in error.message
    assert "of a kind that imgtools does not know" in error.hint


def test_why_something_was_not_read_is_the_hint() -> None:
    layout = Layout((Disk("/dev/sda", GIB),), unread=(Declined("/dev/sda", "a DDF member"),))
    assert nothing_known(layout).hint.startswith("/dev/sda: a DDF member")


def test_a_message_has_an_end() -> None:
    disk = Disk("/dev/sda", GIB, table="gpt", partitions=tuple(part(number, "X") for number in range(1, 129)))
    assert len(nothing_known(Layout((disk,))).message) < 500
