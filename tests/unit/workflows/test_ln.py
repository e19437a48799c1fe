"""Links: symbolic, hard, and what stands in their way."""

from __future__ import annotations

import pytest

from imgtools.errors import EditFailed, NoSuchGuestFile, NotAFile
from imgtools.records.request import Target
from imgtools.workflows.ln import make_link
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
    monkeypatch: pytest.MonkeyPatch, leads_to: str, path: str, *, symbolic: bool = True, force: bool = False
) -> list[str]:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    report = make_link(request, DRY, leads_to, path, symbolic=symbolic, force=force)
    return [change.summary for change in report.changes]


def test_a_symbolic_link_is_written_as_given_even_to_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "../nowhere", "/srv/new") == ["link /srv/new -> ../nowhere"]
    assert plan(monkeypatch, "/usr/a/b", "/srv/empty") == ["link /srv/empty/b -> /usr/a/b"]


def test_a_hard_link_needs_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "/srv/link", "/srv/new", symbolic=False) == ["hard link /srv/new = /srv/a"]
    with pytest.raises(NotAFile):
        plan(monkeypatch, "/srv/dir", "/srv/new", symbolic=False)
    with pytest.raises(NoSuchGuestFile):
        plan(monkeypatch, "/srv/none", "/srv/new", symbolic=False)


def test_what_is_there_is_replaced_only_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EditFailed, match="already there"):
        plan(monkeypatch, "a", "/srv/b")
    assert plan(monkeypatch, "a", "/srv/b", force=True) == ["remove /srv/b (1)", "link /srv/b -> a"]
