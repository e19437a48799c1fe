"""cloud-init's settings: the file that is read last decides, and ours is that one."""

from __future__ import annotations

import pytest

from imgtools.change.applier import apply_changes
from imgtools.guest.settings.cloud_init import is_installed, read_setting, tell
from tests.support.customized import guest_with
from tests.support.memory import Content, memory_files

FOLDER = "/etc/cloud/cloud.cfg.d"
MAIN = "/etc/cloud/cloud.cfg"


def test_the_last_file_wins_and_only_those_of_its_ending_are_read() -> None:
    files = memory_files(
        {MAIN: "a: 1\nb: 1\n", f"{FOLDER}/05_x.cfg": "a: 2\n", f"{FOLDER}/10_x.cfg": "a: 3\n",
         f"{FOLDER}/99_x.yaml": "a: 4\n", f"{FOLDER}/99_y.cfg": "not: [yaml\n"}
    )  # fmt: skip
    assert (read_setting(files, "a"), read_setting(files, "b"), read_setting(files, "c")) == (3, 1, None)
    assert is_installed(files)


@pytest.mark.parametrize(
    ("others", "path"),
    [
        ({}, f"{FOLDER}/99-mine.cfg"),
        ({"98-x.cfg": "a: 2\n", "zz-other.cfg": "b: 2\n"}, f"{FOLDER}/99-mine.cfg"),
        ({"99_site.cfg": "a: 2\n"}, f"{FOLDER}/99_site_99-mine.cfg"),
        ({"zz.cfg": "a: 2\n", "zz_99-mine.cfg": "a: 3\n"}, f"{FOLDER}/zz_99-mine.cfg"),
    ],
)
def test_what_we_tell_is_what_counts(others: dict[str, Content], path: str) -> None:
    _, tree = guest_with({MAIN: "", **{f"{FOLDER}/{name}": text for name, text in others.items()}})
    changes = list(tell(tree, "a", True, "99-mine"))
    assert changes[-1].path == path  # type: ignore[union-attr]
    apply_changes(tree, changes)  # type: ignore[arg-type]
    assert read_setting(tree, "a") is True


def test_the_folder_may_be_another() -> None:
    files = memory_files(
        {MAIN: "conf_d: /srv/cloud\n", "/srv/cloud/1.cfg": "a: 5\n", f"{FOLDER}/9.cfg": "a: 6\n"}
    )
    assert read_setting(files, "a") == 5
