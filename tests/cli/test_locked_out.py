"""What would lock people out of a guest or stop its boot is refused on every way in, and written with --no-check."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from imgtools.errors import EditFailed
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

BROKEN = "bob ALL=(ALL\n"
SUDOERS = "/etc/sudoers.d/bob"


def ways(folder: Path) -> dict[str, tuple[str | Path, ...]]:
    """Every command that can give a file a content, with its words after the image."""
    (folder / "bob").write_text(BROKEN)
    with tarfile.open(folder / "bob.tar", "w") as archive:
        archive.add(folder / "bob", "sudoers.d/bob")
    plan = folder / "plan.json"
    plan.write_text(json.dumps([{"kind": "write-file", "path": SUDOERS, "content": BROKEN}]))
    return {
        "write": (SUDOERS, "--from", folder / "bob", "--parents"),
        "copy-in": (folder / "bob", "/etc/sudoers.d/"),
        "tar-in": (folder / "bob.tar", "/etc"),
        "apply": (plan,),
        "edit": ("/etc/fstab", "-e", "s/^UUID=.* /nothing /g"),
        "customize": ("--upload", f"{folder / 'bob'}:{SUDOERS}"),
        "customize (2)": ("--write-file", f"{SUDOERS}:{BROKEN}"),
        "customize (3)": ("--append-line", "/etc/passwd:eve:x"),
        "customize (4)": ("--edit", "/etc/fstab:s/^UUID=.* /nothing /"),
        "sysprep": ("--append-line", "/etc/passwd:eve:x"),
    }


NAMES = tuple(name for name in ("write", "copy-in", "tar-in", "apply", "edit", "sysprep")) + tuple(
    f"customize{number}" for number in ("", " (2)", " (3)", " (4)")
)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_refused_and_written_only_without_the_check(name: str, tmp_path: Path) -> None:
    words = ways(tmp_path)[name]
    command = name.partition(" ")[0]
    said = imgtools(command, fixture_image("debian"), *words, code=EditFailed.exit_code)
    assert "/etc/" in said.err and "--no-check" in said.err
    (image,) = copy_fixture("debian", tmp_path)
    imgtools(command, image, *words, "--write", code=EditFailed.exit_code)
    assert imgtools(command, image, *words, "--write", "--no-check", "--json").data["written"] is True
