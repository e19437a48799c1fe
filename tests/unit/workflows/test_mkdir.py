"""Making directories: what is there, what is missing above."""

from __future__ import annotations

import pytest

from imgtools.errors import EditFailed, NoSuchGuestFile
from imgtools.records.request import Target
from imgtools.workflows.mkdir import make_directories
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


def plan(monkeypatch: pytest.MonkeyPatch, *paths: str, parents: bool = False) -> list[str]:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    return [change.summary for change in make_directories(request, DRY, paths, parents=parents).changes]


def test_a_directory_may_hold_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "/srv/new", "/srv/new/deep") == [
        "make directory /srv/new",
        "make directory /srv/new/deep",
    ]


def test_parents_are_made_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoSuchGuestFile, match="/srv/x"):
        plan(monkeypatch, "/srv/x/y")
    assert plan(monkeypatch, "/srv/x/y", parents=True) == ["make directory /srv/x/y"]


def test_what_is_there_is_an_error_unless_parents_accept_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/srv/dir", "/srv/a"):
        with pytest.raises(EditFailed, match="already there"):
            plan(monkeypatch, path)
    assert plan(monkeypatch, "/srv/dir", parents=True) == []
