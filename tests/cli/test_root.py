"""--root: a system by the names that other commands show for it."""

from __future__ import annotations

import pytest

from imgtools.errors import NoGuest
from tests.support.command import imgtools
from tests.support.fixtures import fixture_image


def test_the_names_that_filesystems_shows_choose_the_system() -> None:
    image = fixture_image("debian")
    rows = imgtools("filesystems", image, "--json").data["filesystems"]
    (guest,) = imgtools("inspect", image, "--json").data["guests"]
    (row,) = [one for one in rows if one["device"] == guest["root"]]
    names = [row["device"], row["uuid"], f"UUID={row['uuid']}"]
    names += [row["label"], f"LABEL={row['label']}"] if row["label"] else []
    for name in names:
        assert imgtools("ls", image, "/etc/hostname", "--root", name).out.split() == ["/etc/hostname"]
    wrong = imgtools("ls", image, "/", "--root", "UUID=none", code=NoGuest.exit_code)
    assert "UUID=none" in wrong.err and f"there is {row['device']} (Debian" in wrong.err


@pytest.mark.parametrize("letter", ["C:", "c", "C:\\"])
def test_a_windows_is_chosen_by_its_drive_letter(letter: str) -> None:
    image = fixture_image("windows")
    assert imgtools("ls", image, "/Windows/win.ini", "--root", letter).out
    wrong = imgtools("ls", image, "/", "--root", "Q:", code=NoGuest.exit_code)
    assert "root at Q:" in wrong.err and "(Windows" in wrong.err
