"""`imgtools edit`: by an editor and by expressions; what is checked first, and what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import EditFailed, GuestFileError, NoSuchGuestFile, UsageError
from tests.support.command import imgtools
from tests.support.edits import beside, digest
from tests.support.fixtures import copy_fixture, fixture_image


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return copy_fixture("debian", tmp_path)[0]


def test_the_editor_that_was_named_needs_no_terminal(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/debian-fixture/edited/")
    shown = imgtools("edit", image, "/etc/hostname", "--json")
    assert "-debian-fixture\n+edited\n" in shown.data["changes"][0]["diff"]
    imgtools("edit", image, "/etc/hostname", "--write")
    assert imgtools("cat", image, "/etc/hostname").out == "edited\n"
    monkeypatch.setenv("EDITOR", "false")
    before = digest(image)
    failed = imgtools("edit", image, "/etc/hostname", "--write", code=EditFailed.exit_code)
    assert "false ended with 1" in failed.err
    monkeypatch.delenv("EDITOR")
    imgtools("edit", image, "/etc/hostname", "--write", code=UsageError.exit_code)
    assert digest(image) == before


def test_expressions_keep_what_the_file_is_and_the_backup_what_it_was(image: Path) -> None:
    listed = imgtools("ls", "-l", image, "/etc/gshadow").out.split()
    words = ["-e", "s/^root:/ROOT:/", "-e", "s/^ROOT:/wheel:/", "--backup", ".bak", "--write"]
    imgtools("edit", image, "/etc/gshadow", *words)
    after = imgtools("ls", "-l", image, "/etc").out.splitlines()
    edited, kept = (
        next(line.split("\t") for line in after if line.endswith(f"\t{name}"))
        for name in ("gshadow", "gshadow.bak")
    )
    start = listed.index("-rw-r-----")
    assert edited[:4] == kept[:4] == listed[start : start + 4]
    assert imgtools("cat", image, "/etc/gshadow").out.startswith("wheel:")
    assert imgtools("cat", image, "/etc/gshadow.bak").out.startswith("root:")


@pytest.mark.parametrize(
    ("path", "expression", "error", "words"),
    [
        ("/etc/sudoers", "s/^root.*/root ALL=(ALL/", EditFailed, "/etc/sudoers: line "),
        ("/etc/fstab", "s/UUID=./UUID=z/", EditFailed, "is not in this image"),
        ("/etc/fstab", "s/ext4/xfs/", EditFailed, "is ext4, not xfs"),
        ("/etc/hosts", "s/ .*//", EditFailed, "/etc/hosts:1:"),
        ("/etc/no/such", "s/a/b/", NoSuchGuestFile, "no such file in the guest"),
        ("/etc", "s/a/b/", GuestFileError, "is a directory: /etc"),
        ("/etc/hosts", "s/(/b/", UsageError, "not a regular expression"),
    ],
)
def test_what_is_refused_leaves_the_image_as_it_was(
    image: Path, path: str, expression: str, error: type[EditFailed], words: str
) -> None:
    before = digest(image)
    refused = imgtools("edit", image, path, "-e", expression, "--write", code=error.exit_code)
    assert words in refused.err
    assert digest(image) == before and beside(image) == set()


def test_who_insists_gets_what_does_not_parse(image: Path) -> None:
    imgtools("edit", image, "/etc/sudoers", "-e", "s/^root.*/root ALL=(ALL/", "--no-check", "--write")
    assert "ALL=(ALL\n" in imgtools("cat", image, "/etc/sudoers").out


def test_an_edit_that_changes_nothing_writes_nothing(image: Path) -> None:
    before = digest(image)
    assert "Nothing to change" in imgtools("edit", image, "/etc/hosts", "-e", "s/no-such//", "--write").err
    assert digest(image) == before


def test_windows_paths_and_line_ends(tmp_path: Path) -> None:
    copy = copy_fixture("windows", tmp_path)[0]
    before = imgtools("cat", fixture_image("windows"), r"C:\Windows\win.ini").out
    imgtools("edit", copy, r"c:\windows\WIN.INI", "-e", "s/fonts/types/", "--backup", ".old", "--write")
    assert imgtools("cat", copy, r"C:\Windows\win.ini.old").out == before
    after = imgtools("cat", copy, r"C:\Windows\win.ini").out
    assert after == before.replace("fonts", "types", 1) != before
