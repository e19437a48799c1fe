"""What find finds."""

import pytest

from imgtools.errors import UsageError
from imgtools.workflows.find import Wanted, find_files, parse_age
from tests.support.memory import Node, link, memory_guest_image, serve

DAY = 86400 * 10**9
FILES = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/su": Node(content=b"x" * 2000, mode=0o4755),
    "/data/old": Node(content=b"needle", mtime=10 * DAY),
    "/data/new": Node(content=b"hay", mtime=99 * DAY, uid=7),
    "/data/Photo.JPG": "",
    "/data/sub/deep/file": "",
    "/data/link": link("old"),
}
NOW = 100 * 86400.0


def found(monkeypatch: pytest.MonkeyPatch, wanted: Wanted, top: str = "/data") -> list[str]:
    request = serve(monkeypatch, "find", memory_guest_image(FILES))
    return [row.path.removeprefix("/data/") for row in find_files(request, top, wanted, now=NOW).files]


@pytest.mark.parametrize(
    ("wanted", "paths"),
    [
        (Wanted(name="o*"), ["old"]),
        (Wanted(name="*.jpg"), []),
        (Wanted(name="*.jpg", ignore_case=True), ["Photo.JPG"]),
        (Wanted(path="/data/*/file"), ["sub/deep/file"]),
        (Wanted(regex=r"/(old|new)$"), ["new", "old"]),
        (Wanted(kind="l"), ["link"]),
        (Wanted(kind="d"), ["/data", "sub", "sub/deep"]),
        (Wanted(size="+5", kind="f"), ["old"]),
        (Wanted(size="6", kind="f"), ["old"]),
        (Wanted(size="-4", kind="f"), ["Photo.JPG", "new", "sub/deep/file"]),
        (Wanted(newer="2d", kind="f"), ["new"]),
        (Wanted(older="50", kind="f", size="+0"), ["old"]),
        (Wanted(uid=7), ["new"]),
        (Wanted(empty=True, kind="f"), ["Photo.JPG", "sub/deep/file"]),
        (Wanted(contains="needle"), ["old"]),
        (Wanted(max_depth=1, kind="f"), ["Photo.JPG", "new", "old"]),
        (Wanted(kind="f", name="new", contains="needle"), []),
    ],
)
def test_every_condition_narrows(monkeypatch: pytest.MonkeyPatch, wanted: Wanted, paths: list[str]) -> None:
    assert found(monkeypatch, wanted) == paths


def test_setuid_files_are_found_by_their_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, Wanted(perm="4000"), "/") == ["/bin/su"]
    assert found(monkeypatch, Wanted(perm="=4755"), "/") == ["/bin/su"]
    assert found(monkeypatch, Wanted(perm="=0755", kind="f"), "/") == []


@pytest.mark.parametrize(
    "wanted",
    [Wanted(regex="("), Wanted(kind="x"), Wanted(size="big"), Wanted(newer="soon"), Wanted(perm="rwx")],
)
def test_a_condition_that_does_not_parse_says_so(monkeypatch: pytest.MonkeyPatch, wanted: Wanted) -> None:
    with pytest.raises(UsageError):
        found(monkeypatch, wanted)


def test_an_age_without_a_unit_is_days() -> None:
    assert (parse_age("2"), parse_age("90s"), parse_age("1w")) == (172800, 90, 604800)
