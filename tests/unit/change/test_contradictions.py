"""What contradicts what in a plan, and what is only said twice."""

from __future__ import annotations

import pytest

from imgtools.change.change import (
    Change,
    MakeDirectory,
    MakeLink,
    Move,
    Remove,
    SetMode,
    SetOwner,
    SetXattr,
    Truncate,
    WriteFile,
)
from imgtools.change.contradictions import refuse_contradictions
from imgtools.errors import EditConflict
from tests.support.memory import link, memory_files

FILES = memory_files({"/etc/a": "1", "/etc/d/x": "2", "/etc/l": link("a"), "/var/cache/y": "3"})


@pytest.mark.parametrize(
    "changes",
    [
        (WriteFile("/etc/a", b"1"), WriteFile("/etc/a", b"2")),
        (WriteFile("/etc/a", b"1"), WriteFile("/etc/l", b"2")),  # the same file by another name
        (WriteFile("/etc/a", b"1"), Truncate("/etc/a")),
        (WriteFile("/etc/new", b"1"), Remove("/etc/new")),
        (WriteFile("/etc/d/new", b"1"), Remove("/etc/d", recursive=True)),
        (WriteFile("/etc/d/new", b"1"), Remove("/etc/d", contents_only=True)),
        (WriteFile("/etc/a", b"1"), MakeLink("/etc/a", "x")),
        (MakeLink("/etc/n", "x"), MakeLink("/etc/n", "y")),
        (Remove("/etc/a"), SetMode("/etc/a", 0o600)),
        (Remove("/etc/d", recursive=True), SetMode("/etc/d/x", 0o600)),
        (SetMode("/etc/a", 0o600), SetMode("/etc/a", 0o644)),
        (SetOwner("/etc/a", 1), SetOwner("/etc/a", 2)),
        (SetXattr("/etc/a", "user.x", b"1"), SetXattr("/etc/a", "user.x", None)),
        (WriteFile("/etc/a", b"1"), Move("/etc/d/x", "/etc/a")),
    ],
)
def test_contradictions_are_found_before_anything_is_written(changes: tuple[Change, ...]) -> None:
    with pytest.raises(EditConflict):
        refuse_contradictions(changes, FILES)


@pytest.mark.parametrize(
    "changes",
    [
        (Remove("/etc/l"), WriteFile("/etc/l", b"a file now")),
        (Remove("/etc/d", recursive=True), MakeDirectory("/etc/d"), WriteFile("/etc/d/x", b"1")),
        (Remove("/etc/d", recursive=True), MakeDirectory("/etc/d"), SetMode("/etc/d", 0o700)),
        (
            WriteFile("/etc/a", b"3"),
            SetMode("/etc/a", 0o600),
            SetOwner("/etc/a", 1),
            SetOwner("/etc/a", gid=2),
        ),
        (SetMode("/etc", 0o755, recursive=True), SetMode("/etc/a", 0o600)),
        (Remove("/etc/l"), WriteFile("/etc/l", b"a file now"), SetXattr("/etc/l", "user.x", b"1")),
        (Remove("/etc/l"), WriteFile("/etc/l", b"a file now"), SetMode("/etc/a", 0o600)),
        (Move("/etc/a", "/etc/b"), WriteFile("/etc/a", b"1")),
        (WriteFile("/etc/d/x", b"1"), Move("/etc/d/x", "/etc/b"), Remove("/etc/d", recursive=True)),
        (WriteFile("/etc/d/x", b"1"), Move("/etc/d", "/b"), Remove("/etc", recursive=True)),
        (SetXattr("/etc/a", "user.x", b"1"), SetXattr("/etc/a", "user.y", b"1")),
    ],
)
def test_what_makes_sense_in_its_order_is_kept(changes: tuple[Change, ...]) -> None:
    assert refuse_contradictions(changes, FILES) == changes


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ((Remove("/etc/a"), Remove("/etc/a")), 1),
        ((Remove("/etc/d", recursive=True), Remove("/etc/d/x")), 1),
        ((WriteFile("/etc/a", b"3"), WriteFile("/etc/a", b"3")), 1),
        ((WriteFile("/etc/a", b"3"), WriteFile("/etc/l", b"3")), 1),
        ((Truncate("/etc/a", 1), Truncate("/etc/a", 1)), 1),
        ((SetMode("/etc/a", 0o600), SetMode("/etc/a", 0o600)), 1),
        ((WriteFile("/etc/d/x", b"2"),), 0),
        ((WriteFile("/etc/d/x", b"2", mode=0o600),), 1),
        ((Remove("/etc/d", recursive=True), WriteFile("/etc/d/x", b"2")), 2),
        ((SetMode("/etc/a", 0o644), SetOwner("/etc/a", 0)), 0),
    ],
)
def test_what_is_said_twice_is_done_once_and_what_is_so_not_at_all(
    changes: tuple[Change, ...], kept: int
) -> None:
    assert len(refuse_contradictions(changes, FILES)) == kept
