"""Owners: the guest's own names, and numbers."""

from __future__ import annotations

import pytest

from imgtools.errors import NoSuchGuestFile, NotInGuest, UsageError
from imgtools.records.request import Target
from imgtools.workflows.chown import change_owners
from tests.support.memory import Content, Node, directory, link, memory_guest_image, serve

FILES: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
    "/etc/group": "root:x:0:\nusers:x:100:\n",
    "/srv/a": Node(content=b"a", mode=0o640, uid=1000),
    "/srv/b": Node(content=b"b"),
    "/srv/link": link("a"),
    "/srv/dir/deep": Node(content=b"deep", mode=0o600),
    "/srv/empty": directory(),
}
DRY = Target()


def plan(monkeypatch: pytest.MonkeyPatch, owner: str, path: str, *, recursive: bool = False) -> list[str]:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    return [
        change.summary for change in change_owners(request, DRY, owner, [path], recursive=recursive).changes
    ]


def test_names_are_those_of_the_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "alice:users", "/srv/b") == ["owner 1000:100 /srv/b"]
    assert plan(monkeypatch, ":users", "/srv/b") == ["owner :100 /srv/b"]
    assert plan(monkeypatch, "7", "/srv/link") == ["owner 7 /srv/link"]
    assert plan(monkeypatch, "alice", "/srv/a") == []


def test_all_below_a_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "alice", "/srv/dir", recursive=True) == [
        "owner 1000 /srv/dir",
        "owner 1000 /srv/dir/deep",
    ]
    assert plan(monkeypatch, "alice", "/srv/b", recursive=True) == ["owner 1000 /srv/b"]


@pytest.mark.parametrize("owner", ["nobody-here", "alice:no-group", "", ":", "4294967295"])
def test_an_owner_that_is_none_says_so(monkeypatch: pytest.MonkeyPatch, owner: str) -> None:
    with pytest.raises((NotInGuest, UsageError)):
        plan(monkeypatch, owner, "/srv/b")


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoSuchGuestFile):
        plan(monkeypatch, "alice", "/srv/none")
