"""`imgtools copy-in` and `tar-in` where the guest's filesystem holds less than the host's."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from imgtools.errors import EditFailed
from tests.support.command import imgtools
from tests.support.edits import digest
from tests.support.fixtures import copy_fixture


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a program, a second name of it, and a link."""
    folder = tmp_path / "tree"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "program").write_text("#!/bin/sh\n")
    (folder / "below" / "program").chmod(0o755)
    (folder / "second").hardlink_to(folder / "below" / "program")
    (folder / "link").symlink_to("second")
    return folder


@pytest.mark.parametrize(
    ("name", "top", "mounts"),
    [("windows", r"C:\Users\Public", ()), ("fat", "/Documents", ("-m", "/dev/sda"))],
)
def test_a_unix_tree_on_ntfs_and_fat(
    name: str, top: str, mounts: tuple[str, ...], tree: Path, tmp_path: Path
) -> None:
    image = copy_fixture(name, tmp_path)[0]
    with tarfile.open(tmp_path / "tree.tar", "w") as archive:
        archive.add(tree, "unpacked")
    for words in (("copy-in", image, tree, top), ("tar-in", image, tmp_path / "tree.tar", top)):
        done = imgtools(*words, *mounts, "--write")
        assert done.err.count("left out") == 1 and "/link: left out" in done.err
    out = tmp_path / "out"
    out.mkdir()
    imgtools("copy-out", image, top, *mounts, out)
    (place,) = out.iterdir()
    for copy in ("tree", "unpacked"):
        for file in ("below/program", "second"):
            assert (place / copy / file).read_text() == "#!/bin/sh\n"


def test_what_is_asked_for_in_so_many_words_is_refused_there(tmp_path: Path) -> None:
    image = copy_fixture("windows", tmp_path)[0]
    before = digest(image)
    path = r"C:\Windows\win.ini"
    for words in (("chmod", image, "0600", path), ("ln", image, "/x", r"C:\x")):
        assert "NTFS has no" in imgtools(*words, "--write", code=EditFailed.exit_code).err
    assert digest(image) == before
