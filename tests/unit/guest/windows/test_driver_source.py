"""Drivers in a folder and on a disc image: the same files, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from imgtools.errors import BadImage, HostError
from imgtools.guest.windows import driver_source
from imgtools.guest.windows.driver_source import DriverSource, Place, open_source, read_place
from tests.support.other_user import BECOME, CAN_BECOME
from tests.support.virtio import make_disc, write_tree

FILES = {
    "a/Long Name.inf": b"inf",
    "a/b/deep.sys": b"x" * 5000,
    "empty.txt": b"",
    "Köln.cat": b"cat",
}


def contents(source: DriverSource) -> dict[str, bytes]:
    return {path: read_place(source.place(path), path) for path in source.paths()}


@pytest.mark.host
@pytest.mark.parametrize("how", [(), ("-J",), ("-r", "-J")])
def test_a_disc_holds_what_its_folder_holds(how: tuple[str, ...], tmp_path: Path) -> None:
    folder = write_tree(FILES, tmp_path / "d")
    assert contents(open_source(folder)) == FILES
    disc = open_source(make_disc(folder, tmp_path / "d.iso", *how))
    assert contents(disc) == FILES
    assert disc.place("a/b/deep.sys").host_path == tmp_path / "d.iso"


@pytest.mark.host
def test_an_iso_that_is_damaged_or_cut_is_named(tmp_path: Path) -> None:
    folder = write_tree({f"f/{number}.inf": b"x" * 3000 for number in range(50)}, tmp_path / "d")
    disc = make_disc(folder, tmp_path / "d.iso")
    whole = disc.read_bytes()
    disc.write_bytes(whole[: len(whole) // 3])
    with pytest.raises((BadImage, HostError), match=r"d\.iso|\.inf ends at byte"):
        contents(open_source(disc))
    at = whole.index(b"0.INF;1" if b"0.INF;1" in whole else b"0.inf") - 33
    disc.write_bytes(whole[:at] + b"\x05" + whole[at + 1 :])
    with pytest.raises(BadImage, match=r"damaged disc image .*d\.iso"):
        contents(open_source(disc))


def test_what_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"no such file or folder on the host: .*none"):
        open_source(tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(BadImage, match=r"no disc image of drivers: .*text"):
        open_source(tmp_path / "text")
    with pytest.raises(HostError, match=r"cannot read .*: File name too long"):
        open_source(tmp_path / ("x" * 300))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HostError, match="no such file or folder"):
        open_source(tmp_path / "pipe")


def test_links_in_a_folder_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    """Packages of virtio-win have links by system and by driver; one that leads up must not be walked for ever."""
    write_tree({"real/a.inf": b"a"}, tmp_path)
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file.inf").symlink_to("real/a.inf")
    assert contents(open_source(tmp_path)) == {"file.inf": b"a", "real/a.inf": b"a"}


@CAN_BECOME
@pytest.mark.host
def test_a_folder_that_nobody_may_read_is_named() -> None:
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from imgtools.errors import HostError\nfrom imgtools.guest.windows.driver_source import open_source\n"
        "try: list(open_source(Path(sys.argv[1])).paths())\nexcept HostError as error: print(error.message)"
    )
    # Where pytest's own folders are, others may have no way to.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        write_tree({"a/b/c.inf": b""}, folder)
        folder.chmod(0o755)
        (folder / "a").chmod(0o644)
        argv = [*BECOME, sys.executable, "-c", script, folder]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.stdout.startswith(f"cannot read {folder}/a")
        assert done.stdout.endswith(": Permission denied\n")


def test_a_folder_of_very_many_files_is_not_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree({f"{number}": b"" for number in range(12)}, tmp_path)
    monkeypatch.setattr(driver_source, "MOST_FILES", 10)
    with pytest.raises(HostError, match="more than 10 files"):
        list(open_source(tmp_path).paths())


def test_a_file_that_is_no_drivers_or_went_away(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"x has \d+ bytes"):
        read_place(Place(tmp_path / "x", 0, 1 << 40), "x")
    with pytest.raises(HostError, match="cannot read x: No such file"):
        read_place(Place(tmp_path / "x", 0, 1), "x")
    (tmp_path / "x").write_bytes(b"12345")
    with pytest.raises(HostError, match="x ends at byte 2 of 5"):
        read_place(Place(tmp_path / "x", 3, 5), "x")
