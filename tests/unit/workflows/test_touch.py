"""Touching: new files, and times of those that are there."""

from __future__ import annotations

import pytest

from imgtools.errors import NoSuchGuestFile
from imgtools.records.request import Target
from imgtools.workflows.touch import touch_files
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


def plan(monkeypatch: pytest.MonkeyPatch, *paths: str, create: bool = True) -> list[str]:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    return [change.summary for change in touch_files(request, DRY, paths, at=5, create=create).changes]


def test_a_missing_file_is_made_and_a_present_one_gets_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "/srv/new", "/srv/link") == [
        "create /srv/new (0)",
        "times of /srv/new",
        "times of /srv/a",
    ]
    assert plan(monkeypatch, "/srv/new", create=False) == []


def test_a_missing_directory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoSuchGuestFile, match="/none"):
        plan(monkeypatch, "/none/x")
