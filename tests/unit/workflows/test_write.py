"""Writing a file: what it keeps, and what has to be there."""

from __future__ import annotations

import pytest

from imgtools.change.change import WriteFile
from imgtools.errors import GuestFileTooBig, NoSuchGuestFile, NotAFile, NotInGuest
from imgtools.records.request import Target
from imgtools.workflows.write import LIMIT, write_file
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


def test_a_diff_shows_what_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    (change,) = write_file(request, DRY, "/srv/link", b"a\nb\n", mode=0o600, owner="alice:users").changes
    assert "+b" in change.diff
    assert change.change == WriteFile("/srv/link", b"a\nb\n", 0o600, 1000, 100)


def test_appending_keeps_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    (change,) = write_file(request, DRY, "/srv/a", b"+", append=True).changes
    assert change.change == WriteFile("/srv/a", b"a+")


def test_missing_directories_are_made_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    with pytest.raises(NoSuchGuestFile, match="/opt/app"):
        write_file(request, DRY, "/opt/app/conf", b"")
    report = write_file(request, DRY, "/opt/app/conf", b"", parents=True)
    assert [change.summary for change in report.changes] == [
        "make directory /opt/app",
        "create /opt/app/conf (0)",
    ]


def test_a_directory_a_stranger_and_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    with pytest.raises(NotAFile):
        write_file(request, DRY, "/srv/dir", b"")
    with pytest.raises(NotInGuest, match="no such user"):
        write_file(request, DRY, "/srv/a", b"", owner="mallory")
    with pytest.raises(GuestFileTooBig):
        write_file(request, DRY, "/srv/a", b"x" * (LIMIT + 1))
