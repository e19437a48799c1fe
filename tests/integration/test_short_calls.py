"""A host whose reads and writes do less than they were asked for: every command does what it does elsewhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.deeds import DEEDS, GUEST, Deed, written_tree
from tests.support.short_files import Shown, short_files
from tests.support.volumes import disk_to_change, make_ext

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk of 24 MB with one ext4 filesystem."""
    return disk_to_change(tmp_path_factory.mktemp("blank"))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with short_files(tmp_path_factory.mktemp("shown")) as shown:
        yield shown


@pytest.mark.parametrize("name", DEEDS)
def test_what_is_done_in_parts_is_done_whole(name: str, blank: Path, shown: Shown, tmp_path: Path) -> None:
    make, image = DEEDS[name]
    elsewhere = Deed(tmp_path / "work", tmp_path, lambda folder: make(folder, blank), image)
    read, written = shown.cut_short("r"), shown.cut_short("w")
    deed = Deed(shown.place / name, tmp_path, lambda folder: make(folder, blank), image)
    assert deed.after == elsewhere.after and deed.made == elsewhere.made
    assert shown.cut_short("r") > read and shown.cut_short("w") > written


# Commands in a row, in a folder with `disk.raw`; what they say and what they leave is compared with an ordinary folder.
READING = (
    "ls -lR {0} /",
    "cat {0} /etc/motd",
    "find {0} / --json",
    "df {0} --json",
    "filesystems {0} --json",
    "inspect {0} --json",
    "info {0}",
    "compare {0} {folder}/disk.raw",
    "tar-out {0} / {0}.tar",
    "copy-out {0} /var/log {0}.d",
)
FORMATS = {
    "raw": ("convert {folder}/disk.raw {0} -O raw", *READING),
    "qcow2": ("convert {folder}/disk.raw {0} -O qcow2", "check {0}", *READING),
    "packed.qcow2": ("convert {folder}/disk.raw {0} -O qcow2 --compress", "check {0}", *READING),
    "vmdk": ("convert {folder}/disk.raw {0} -O vmdk", *READING),
    "vdi": ("convert {folder}/disk.raw {0} -O vdi", "check {0}", *READING),
    "vhdx": ("convert {folder}/disk.raw {0} -O vhdx", "check {0}", *READING),
    "qed": ("convert {folder}/disk.raw {0} -O qed", "check {0}", *READING),
    "chain": (
        "create {folder}/mid.qcow2 -b disk.raw -F raw",
        "dd {folder}/disk.raw {folder}/mid.qcow2 --bs 3000 --count 40 --skip 7 --seek 9 --directly",
        "create {0} -b mid.qcow2 -F qcow2 -O qcow2",
        "snapshot create {0} kept --write",
        "rebase {0} -b disk.raw -F raw --write",
        "snapshot list {0}",
        "chain show {0}",
        "check {0}",
        "ls -lR {0} /",
        "chain squash {0} {folder}/disk.raw --output {folder}/squashed.qcow2",
        "wipe {folder}/mid.qcow2 --algorithm dod --write --quiet",
    ),
}

# What an answer may say differently: how long it took, when it was, a vmdk's random number, and whether qemu-img's
# writes, of which several are under way at once, took their clusters in the order of the disk.
TIMES = re.compile(r"seconds\t.*|cid\t\d+|\d{4}-\d\d-\d\d[T ][\d:]+Z?|fragmented\t\d+\n")


@pytest.mark.parametrize("name", FORMATS)
def test_every_answer_is_the_same(name: str, shown: Shown, tmp_path: Path) -> None:
    folders = (tmp_path / "plain", shown.place / f"answers-{name}")
    answers = []
    make_ext(tmp_path / "guest.raw", written_tree(tmp_path / "guest", GUEST), "-t", "ext4", size=24 << 20)
    for folder in folders:
        folder.mkdir()
        shutil.copyfile(tmp_path / "guest.raw", folder / "disk.raw")
        for line in FORMATS[name]:
            words = line.format(folder / f"image.{name}", folder=folder).split()
            ran = imgtools(*words, code=None)
            said = TIMES.sub("", ran.out + ran.err).replace(str(folder), "")
            answers.append((line, ran.code, said))
    half = len(answers) // 2
    for plain, short in zip(answers[:half], answers[half:], strict=True):
        assert short == plain
