"""Removing: patterns, directories, mount points, and what is not there."""

from __future__ import annotations

import pytest

from imgtools.errors import EditFailed, NoSuchGuestFile, NotAFile
from imgtools.records.request import Target
from imgtools.workflows.rm import remove_files
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


def plan(
    monkeypatch: pytest.MonkeyPatch, *paths: str, recursive: bool = False, force: bool = False
) -> list[str]:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    report = remove_files(request, DRY, paths, recursive=recursive, force=force)
    return [change.summary for change in report.changes]


def test_a_pattern_is_expanded_and_a_link_goes_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "/srv/[ab]", "/srv/link", "/srv/a") == [
        "remove /srv/a (1)",
        "remove /srv/b (1)",
        "remove /srv/link (1)",
    ]


def test_a_directory_needs_recursive(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotAFile, match="is a directory: /srv/dir"):
        plan(monkeypatch, "/srv/dir")
    assert plan(monkeypatch, "/srv/dir", recursive=True) == ["remove /srv/dir (2 files, 4)"]


def test_the_root_and_what_is_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EditFailed, match="mount point"):
        plan(monkeypatch, "/", recursive=True)
    with pytest.raises(NoSuchGuestFile):
        plan(monkeypatch, "/srv/none*")
    assert plan(monkeypatch, "/srv/none*", force=True) == []
