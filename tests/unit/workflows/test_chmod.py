"""Permissions: the rules of chmod(1)."""

from __future__ import annotations

import pytest

from imgtools.errors import NoSuchGuestFile, UsageError
from imgtools.records.files import FileKind, FileStat
from imgtools.records.request import Target
from imgtools.workflows.chmod import change_modes, new_mode
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


def plan(monkeypatch: pytest.MonkeyPatch, mode: str, path: str, *, recursive: bool = False) -> list[str]:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    return [
        change.summary for change in change_modes(request, DRY, mode, [path], recursive=recursive).changes
    ]


def test_a_link_is_followed_and_what_has_the_mode_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "0600", "/srv/link") == ["mode 0600 /srv/a"]
    assert plan(monkeypatch, "0640", "/srv/a") == []


def test_all_below_a_directory_but_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(monkeypatch, "go-rwx", "/srv", recursive=True) == [
        "mode 0700 /srv",
        "mode 0600 /srv/a",
        "mode 0600 /srv/b",
        "mode 0700 /srv/dir",
        "mode 0700 /srv/empty",
    ]


@pytest.mark.parametrize(
    ("text", "before", "kind", "after"),
    [
        ("4755", 0o644, FileKind.FILE, 0o4755),
        ("u+x", 0o644, FileKind.FILE, 0o744),
        ("a=r", 0o4755, FileKind.FILE, 0o444),
        ("go=", 0o777, FileKind.FILE, 0o700),
        ("+X", 0o644, FileKind.FILE, 0o644),
        ("+X", 0o644, FileKind.DIRECTORY, 0o755),
        ("a+X", 0o744, FileKind.FILE, 0o755),
        ("u+s,g+s", 0o755, FileKind.FILE, 0o6755),
        ("+t", 0o777, FileKind.DIRECTORY, 0o1777),
        ("u=rw,go-w+x", 0o022, FileKind.FILE, 0o611),
    ],
)
def test_letters_mean_what_chmod_says(text: str, before: int, kind: FileKind, after: int) -> None:
    assert oct(new_mode(text, FileStat(kind, 0, before))) == oct(after)


@pytest.mark.parametrize("text", ["", "888", "12345", "u", "u+q", "rw", "u+r,"])
def test_what_is_no_mode_says_so(text: str) -> None:
    with pytest.raises(UsageError):
        new_mode(text, FileStat(FileKind.FILE, 0))


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoSuchGuestFile, match="/none"):
        plan(monkeypatch, "0600", "/none")
