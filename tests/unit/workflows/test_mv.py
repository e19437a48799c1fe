"""Moving: into a directory, over a file, and never into itself."""

from __future__ import annotations

import pytest

from imgtools.errors import EditFailed, NoSuchGuestFile, NotADirectory
from imgtools.records.request import Target
from imgtools.workflows.mv import move_files
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


def plan(monkeypatch: pytest.MonkeyPatch, *paths: str) -> list[str]:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    return [change.summary for change in move_files(request, DRY, paths[:-1], paths[-1]).changes]


def test_a_file_is_renamed_or_goes_into_a_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "/srv/a", "/srv/c") == ["move /srv/a to /srv/c"]
    assert plan(monkeypatch, "/srv/a", "/srv/b") == ["move /srv/a to /srv/b"]
    assert plan(monkeypatch, "/srv/a", "/srv/link", "/srv/empty") == [
        "move /srv/a to /srv/empty/a",
        "move /srv/link to /srv/empty/link",
    ]


@pytest.mark.parametrize(
    ("paths", "error"),
    [
        (("/srv/none", "/srv/c"), NoSuchGuestFile),
        (("/srv/a", "/none/c"), NoSuchGuestFile),
        (("/srv/a", "/srv/b", "/srv/c"), NotADirectory),
        (("/srv/dir", "/srv/dir/deeper"), EditFailed),
        (("/srv/a", "/srv/a"), EditFailed),
        (("/srv/dir", "/srv/a"), EditFailed),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, paths: tuple[str, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        plan(monkeypatch, *paths)
