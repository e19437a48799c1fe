"""imgtools tree, as it is typed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.command import Ran, imgtools
from tests.support.fixtures import fixture_image
from tests.support.memory import Content, directory, link, memory_guest_image, serve

GUEST: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/srv/a/deep/er": "x" * 2048,
    "/srv/b": link("a"),
    "/srv/c\x1b[2J": "",
    "/srv/empty": directory(0o1777),
}
Run = Callable[..., Ran]


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*words: str, code: int = 0) -> Ran:
        serve(monkeypatch, "tree", memory_guest_image(GUEST))
        return imgtools("tree", "memory.img", *words, code=code)

    return run


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("/none",), 25, "no such file in the guest: /none"),
        (("/etc/fstab",), 25, "not a directory in the guest: /etc/fstab"),
        (("/", "--max-depth", "-1"), 2, "max-depth"),
    ],
)
def test_what_is_refused(tree: Run, words: tuple[str, ...], code: int, says: str) -> None:
    ran = tree(*words, code=code)
    assert says in ran.err
    assert not ran.out


def test_it_is_drawn_and_names_are_cleaned(tree: Run) -> None:
    assert tree("/srv").out.splitlines() == [
        "/srv",
        "├── a",
        "│   └── deep",
        "│       └── er",
        "├── b -> a",
        "├── c\\x1b[2J",
        "└── empty",
        "",
        "3 directories, 3 files",
    ]


def test_depth_directories_sizes_and_modes(tree: Run) -> None:
    assert tree("/srv", "--max-depth", "0").out.splitlines()[0] == "/srv"
    assert tree("/srv", "--only-directories").out.splitlines() == [
        "/srv",
        "├── a",
        "│   └── deep",
        "└── empty",
        "",
        "3 directories",
    ]
    lines = tree("/srv", "--sizes", "--modes", "--max-depth", "1").out.splitlines()
    assert lines[4].startswith("└── [drwxrwxrwt") and lines[4].endswith("]  empty")
    assert "2K]  er" in tree("/srv/a", "--sizes").out.replace("2.0K", "2K")


def test_the_document(tree: Run) -> None:
    data = tree("/srv", "--json").data
    assert (data["directories"], data["files"], data["path"]) == (3, 3, "/srv")
    assert [(one["path"], one["depth"], one["last"]) for one in data["entries"]][:4] == [
        ("/srv", 0, True),
        ("/srv/a", 1, False),
        ("/srv/a/deep", 2, True),
        ("/srv/a/deep/er", 3, True),
    ]
    assert next(one["target"] for one in data["entries"] if one["name"] == "b") == "a"


def test_it_has_every_file_that_find_has() -> None:
    image = fixture_image("debian")
    found = imgtools("find", image, "/etc").out.splitlines()
    entries = imgtools("tree", image, "/etc", "--json").data["entries"]
    assert [one["path"] for one in entries] == found
