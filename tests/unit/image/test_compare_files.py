"""Which files are not as they were, and what of them is shown."""

from __future__ import annotations

from imgtools.image.compare_files import Found, Pair, compare_trees
from imgtools.records.differences import Became, Difference
from tests.support.memory import Content, Node, directory, link, memory_files


def found(old: dict[str, Content], new: dict[str, Content], content: str = "ext4") -> list[Difference]:
    """The differences of two trees that the guest has at /srv, but for their part /etc, which it has at /etc."""
    pair = Pair(memory_files(old), memory_files(new), content, (("/etc", "/etc"), ("/", "/srv")))
    result = Found()
    assert compare_trees(pair, result) == result.count == len(result.files)
    return result.files


def test_the_same_is_no_difference() -> None:
    tree: dict[str, Content] = {"/a": "x", "/b": link("a"), "/c": directory()}
    assert found(tree, dict(tree)) == []


def test_every_kind_of_change_is_told() -> None:
    old: dict[str, Content] = {
        "/etc/motd": "old\n", "/gone": "x", "/mode": Node(content=b"x", mode=0o644), "/own": Node(content=b"x"),
        "/link": link("a"), "/touched": Node(content=b"x"), "/same": "s",
    }  # fmt: skip
    new: dict[str, Content] = {
        "/etc/motd": Node(content=b"new\n", mtime=5), "/made": "y\n", "/mode": Node(content=b"x", mode=0o600),
        "/own": Node(content=b"x", uid=33, gid=44), "/link": link("longer"), "/touched": Node(content=b"x", mtime=5),
        "/same": "s",
    }  # fmt: skip
    told = {one.path: one for one in found(old, new)}
    assert {path: (one.kind, one.details) for path, one in told.items()} == {
        "/etc/motd": (Became.CHANGED, ("content",)),
        "/srv/gone": (Became.REMOVED, ()),
        "/srv/made": (Became.CREATED, ()),
        "/srv/mode": (Became.CHANGED, ("mode 0644 -> 0600",)),
        "/srv/own": (Became.CHANGED, ("owner 0:0 -> 33:44",)),
        "/srv/link": (Became.CHANGED, ("content",)),
        "/srv/touched": (Became.CHANGED, ("times",)),
    }
    assert "-old\n+new\n" in told["/etc/motd"].diff and "+y\n" in told["/srv/made"].diff
    assert told["/srv/made"].summary == "created /srv/made (file, 2)"


def test_secrets_are_not_shown() -> None:
    old: dict[str, Content] = {
        "/etc/shadow": Node(content=b"root:$y$old:\n", mode=0o644),
        "/key": Node(mode=0o600),
    }
    new: dict[str, Content] = {
        "/etc/shadow": Node(content=b"root:$y$new:\n", mode=0o644, mtime=5),
        "/key": Node(content=b"secret\n", mode=0o600),
    }
    told = found(old, new)
    assert [one.details for one in told] == [("content",), ("content",)]
    assert not any(one.diff for one in told)


def test_what_is_large_or_no_text_is_not_shown() -> None:
    new: dict[str, Content] = {"/binary": b"a\0b", "/large": "x\n" * 40_000}
    assert [one.diff for one in found({}, new)] == ["", ""]


def test_a_folder_whose_times_changed_counts_only_alone() -> None:
    old: dict[str, Content] = {"/d": directory()}
    touched: dict[str, Content] = {"/d": Node(kind=directory().kind, mode=0o755, mtime=7)}
    assert [one.details for one in found(old, touched)] == [("times",)]
    assert [one.path for one in found(old, {**touched, "/d/new": "x"})] == ["/srv/d/new"]
