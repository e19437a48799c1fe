"""A running guest's disk can be looked at; that it is in use is said wherever it matters."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import image_of, random_bytes
from tests.support.fixtures import copy_fixture
from tests.support.waiting import wait_until

WARNING = "in use by another program"


@contextmanager
def serving(image: Path, format: str) -> Iterator[None]:
    """Have another program hold an image open for writing."""
    socket = image.parent / "socket"
    holder = subprocess.Popen(["qemu-nbd", "-f", format, "--persistent", "-k", socket, image])
    # Its socket is there before it has the image: only an answer says that it has it.
    wait_until(
        lambda: subprocess.run(["qemu-nbd", "--list", "-k", socket], capture_output=True).returncode == 0
    )
    yield
    holder.terminate()
    holder.wait()


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A guest's disk that another program has open for writing, as its QEMU would."""
    image = copy_fixture("debian", tmp_path_factory.mktemp("held"))[0]
    with serving(image, "qcow2"):
        yield image


@pytest.mark.parametrize(
    "words",
    [
        ("cat", "/etc/hostname"),
        ("ls", "/"),
        ("find", "/boot"),
        ("df",),
        ("filesystems",),
        ("inspect",),
        ("cat", "-m", "/dev/sda3", "/etc/hostname"),
        ("sysprep",),
    ],
)
def test_reading_a_disk_in_use_says_so_once(held: Path, words: tuple[str, ...]) -> None:
    name, *more = words
    where = [*more[:2], held, *more[2:]] if more[:1] == ["-m"] else [held, *more]
    shown = imgtools(name, *where)
    assert shown.err.count(WARNING) == 1
    document = json.loads(imgtools(name, *where, "--json").out)
    assert [WARNING in warning["text"] for warning in document["warnings"]].count(True) == 1


@pytest.mark.parametrize("format", ["raw", "qcow2"])
def test_the_file_of_a_disk_in_use_is_read_on_request(tmp_path: Path, format: str) -> None:
    content = random_bytes(2 << 20)
    image = image_of(content, tmp_path / "d", format)
    copy, part = tmp_path / "copy.raw", tmp_path / "part.raw"
    with serving(image, format):
        assert (
            "open for writing" in imgtools("convert", "-f", format, image, copy, code=11).err
            or format == "qcow2"
        )
        for words in (
            ["convert", "-U", "-f", format, image, copy], ["map", "-U", "-f", format, image],
            ["measure", "--force-share", "-f", format, image], ["dd", "-U", "-f", format, image, part],
            ["compare", "-U", "-f", format, "--other-format", format, image, image],
        ):  # fmt: skip
            assert imgtools(*words).err.count("another program is writing") == 1
        if format == "qcow2":
            imgtools("check", image, code=11)
            assert "another program is writing" in imgtools("check", "-U", image).err
            imgtools("check", "-U", "--repair", "all", image, code=2)
    assert copy.read_bytes() == part.read_bytes() == content
