"""Whom files belong to: root, keep, and maps of ids with their limits."""

from __future__ import annotations

import pytest

from imgtools.errors import UsageError
from imgtools.newdisk.owners import LARGEST, parse_owner


@pytest.mark.parametrize(
    "text",
    [
        "", "me", "ROOT", "root,keep", "1000", "1000:", ":0", "u:1000", "x:1:2", "-1:0", "1:2:3:4", "1:0,", "1 :0",
        "1:0:0", "0:4294967295", "4294967294:0:2", "0:4294967294:2", "12345678901:0", "u:1:2 g:3:4", "1:0x10", "١:0",
    ],
)  # fmt: skip
def test_what_is_no_owner(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_owner(text)
    assert "\n" not in caught.value.message


def test_root_and_keep() -> None:
    assert parse_owner("root")(5, 6) == (0, 0)
    assert parse_owner("keep")(5, 6) == (5, 6)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1000:0", {(1000, 1000): (0, 0), (1001, 999): (1001, 999)}),
        ("u:1000:0", {(1000, 1000): (0, 1000)}),
        ("g:1000:0", {(1000, 1000): (1000, 0)}),
        ("100000:0:65536", {(100000, 165535): (0, 65535), (99999, 165536): (99999, 165536)}),
        ("u:1:2, g:1:3", {(1, 1): (2, 3)}),
        ("1:2,2:1", {(1, 2): (2, 1)}),
        ("1:5:3,2:9", {(2, 3): (6, 7)}),  # the first range that has it counts
        (f"{LARGEST}:0", {(LARGEST, 1): (0, 1)}),
        (f"0:{LARGEST}", {(0, 1): (LARGEST, 1)}),
    ],
)
def test_a_map(text: str, found: dict[tuple[int, int], tuple[int, int]]) -> None:
    owner = parse_owner(text)
    assert {ids: owner(*ids) for ids in found} == found
