"""Two trees side by side."""

from __future__ import annotations

from imgtools.files.pairs import paired
from tests.support.memory import Content, directory, memory_files


def pairs(old: dict[str, Content], new: dict[str, Content]) -> list[tuple[str, bool, bool]]:
    walks = [memory_files(files).walk("/") for files in (old, new)]
    return [(one.path, one.old is not None, one.new is not None) for one in paired(*walks)]


def test_each_path_comes_once_in_the_order_of_a_walk() -> None:
    # As text "a.b" is before "a/b"; a walk goes into "a" first.
    found = pairs({"/a/b": "", "/a.b": "", "/c": ""}, {"/a/b": "", "/a-b": "", "/a/z/y": ""})
    assert found == [
        ("/", True, True),
        ("/a", True, True),
        ("/a/b", True, True),
        ("/a/z", False, True),
        ("/a/z/y", False, True),
        ("/a-b", False, True),
        ("/a.b", True, False),
        ("/c", True, False),
    ]


def test_one_side_may_be_empty() -> None:
    assert [one.path for one in paired([], memory_files({"/x": ""}).walk("/"))] == ["/", "/x"]
    assert [one.path for one in paired(memory_files({"/x": ""}).walk("/"), [])] == ["/", "/x"]


def test_names_that_are_no_text() -> None:
    odd = "/etc/\udcff"
    assert (odd, True, False) in pairs({odd: "", "/etc/z": ""}, {"/etc": directory(), "/etc/z": ""})
