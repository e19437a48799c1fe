"""imgtools commit."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imgtools.disk import new_file
from tests.support.command import imgtools
from tests.support.disks import MIB, content_of, make_chain, patch_image, qemu_img, random_bytes


@pytest.mark.parametrize("format", ["raw", "qcow2", "vmdk", "vdi", "vpc", "vhdx"])
def test_into_bases_of_every_format(tmp_path: Path, format: str) -> None:
    chain = make_chain(tmp_path, format)
    chain.top.unlink()
    content = content_of(chain.middle)
    before = content_of(chain.base, format)
    assert f"write {MIB} bytes of data into {chain.base}" in imgtools("commit", chain.middle).out
    assert content_of(chain.base, format) == before
    imgtools("commit", "--write", chain.middle)
    assert content_of(chain.base, format) == content_of(chain.middle) == content


def test_empty_and_remove(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    imgtools("commit", "--write", "--empty", chain.top)
    assert chain.top.stat().st_size < MIB
    assert content_of(chain.top) == content_of(chain.middle) == chain.content
    imgtools("commit", "--write", "--remove", chain.top)
    assert not chain.top.exists() and content_of(chain.middle) == chain.content


def test_deeper_base(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    plan = imgtools("commit", "--base", "base.qcow2", chain.top).out
    assert f"from then on {chain.middle} reads something else" in plan
    imgtools("commit", "--base", chain.base, "--write", "--remove", chain.top)
    assert content_of(chain.base) == chain.content
    assert [path.name for path in tmp_path.iterdir()] == ["base.qcow2"]


def test_words_that_do_not_fit_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    before = [path.read_bytes() for path in chain.files]
    for words in (("--base", chain.base, "--empty"), ("--empty", "--remove"), ("--rate", "fast")):
        for write in ((), ("--write",)):
            imgtools("commit", *words, *write, chain.top, code=2)
    assert [path.read_bytes() for path in chain.files] == before


def test_other_overlays_of_the_base_stop_it(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    other = tmp_path / "other.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2", other)
    before = content_of(other)
    ran = imgtools("commit", "--write", chain.top, code=17)
    assert "other.qcow2" in ran.err
    assert content_of(other) == before
    imgtools("commit", "--write", "--force", chain.top)


def test_overlay_that_hides_the_end_of_its_base(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    short = tmp_path / "short.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", short, "4M")
    chain.middle.unlink()
    assert "seen again" in imgtools("commit", "--write", short, code=17).err


def test_larger_overlay_makes_its_base_larger_where_it_can(tmp_path: Path) -> None:
    chain = make_chain(tmp_path, "vmdk")
    chain.top.unlink()
    qemu_img("resize", "-q", "-f", "qcow2", chain.middle, "12M")
    assert "vmdk cannot grow" in imgtools("commit", "--write", chain.middle, code=14).err
    (tmp_path / "b").mkdir()
    chain = make_chain(tmp_path / "b", "raw")
    chain.top.unlink()
    qemu_img("resize", "-q", "-f", "qcow2", chain.middle, "12M")
    imgtools("commit", "--write", chain.middle)
    assert chain.base.stat().st_size == 12 * MIB


def test_no_room_is_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = make_chain(tmp_path)
    before = chain.middle.read_bytes()
    monkeypatch.setattr(new_file, "free_room", lambda folder: 1000)
    imgtools("commit", "--write", chain.top, code=16)
    assert chain.middle.read_bytes() == before


def test_nothing_to_commit_to(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    assert "no backing file" in imgtools("commit", chain.base, code=2).err
    assert "its chain has" in imgtools("commit", "--base", chain.top, chain.top, code=2).err


def test_image_in_use(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    with subprocess.Popen(
        ["qemu-io", "-f", "qcow2", str(chain.top)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdin and user.stdout
        user.stdin.write("read 0 512\n")
        user.stdin.flush()
        user.stdout.readline()
        imgtools("commit", "--write", chain.top, code=11)
        user.communicate("quit\n")


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.7])
def test_cut_commit_reads_as_before_and_can_be_run_again(tmp_path: Path, moment: float) -> None:
    chain = make_chain(tmp_path)
    patch_image(chain.top, 4 * MIB, random_bytes(4 * MIB, 7))
    content = content_of(chain.top)
    argv = [sys.executable, "-m", "imgtools", "commit", "--write", "--rate", "2M", str(chain.top)]
    size = chain.middle.stat().st_size
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 30
        while chain.middle.stat().st_size == size and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moment)
        running.send_signal(signal.SIGTERM)
    assert running.returncode == 128 + signal.SIGTERM
    assert content_of(chain.top) == content
    imgtools("commit", "--write", "--remove", chain.top)
    assert content_of(chain.middle) == content
