"""A running guest's disk can be looked at; that it is in use is said wherever it matters."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture
from tests.support.waiting import wait_until

WARNING = "in use by another program"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A guest's disk that another program has open for writing, as its QEMU would."""
    image = copy_fixture("debian", tmp_path_factory.mktemp("held"))[0]
    socket = image.parent / "socket"
    holder = subprocess.Popen(["qemu-nbd", "-f", "qcow2", "--persistent", "-k", socket, image])
    wait_until(socket.exists)
    yield image
    holder.terminate()
    holder.wait()


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
