"""Who may change a file besides root."""

from __future__ import annotations

import pytest

from imgtools.guest.settings.trusted import user_ids, who_else
from imgtools.records.files import FileKind
from tests.support.memory import Content, Node, directory, link, memory_files

ALICES = Node(FileKind.DIRECTORY, uid=1000)


@pytest.mark.parametrize(
    ("files", "who"),
    [
        ({"/opt/a": Node(mode=0o755)}, ""),
        ({"/opt/a": Node(mode=0o775, gid=50)}, ""),
        ({"/opt/a": Node(mode=0o757)}, "everybody may write to /opt/a"),
        ({"/opt/a": Node(uid=7)}, "the user 7 owns /opt/a"),
        ({"/opt": directory(0o757), "/opt/a": ""}, "everybody may write to /opt"),
        ({"/opt": directory(0o1777), "/opt/a": ""}, ""),
        ({"/opt": ALICES, "/opt/a": ""}, "the user 1000 owns /opt"),
        ({"/opt/a": link("/srv/b"), "/srv/b": Node(mode=0o666)}, "everybody may write to /srv/b"),
        ({"/opt/a": link("/nowhere")}, ""),
    ],
)
def test_files_and_the_folders_above_them(files: dict[str, Content], who: str) -> None:
    assert who_else(memory_files(files), "/opt/a") == who


def test_a_user_who_is_trusted_may() -> None:
    files = memory_files({"/opt": ALICES, "/opt/a": Node(uid=1000)})
    assert who_else(files, "/opt/a", trusted=(0, 1000)) == ""


def test_ids_of_lines_that_do_not_parse_are_passed_over() -> None:
    text = "root:x:0:0::/:/bin/sh\nx\na:x:\na:x:१:0\na:x:-1:0\nb:x:17:0::/:/bin/sh\n"
    assert user_ids(memory_files({"/etc/passwd": text})) == {0, 17}
    assert user_ids(memory_files({})) == frozenset()
