"""imgtools chain show, flatten, squash and move."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imgtools.disk import new_file
from tests.support.command import imgtools
from tests.support.disks import Chain, content_of, image_of, make_chain, qemu_img

MIB = 1 << 20


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return make_chain(tmp_path)


def layers(image: Path) -> list[tuple[str, int]]:
    found = imgtools("chain", "show", "--json", "--backing", "any", image).data["layers"]
    return [(Path(one["host_path"]).name, one["holds"]) for one in found]


# -- show -------------------------------------------------------------------------------------------------


def test_show_tells_what_each_layer_holds(chain: Chain) -> None:
    assert layers(chain.top) == [("top.qcow2", MIB), ("middle.qcow2", MIB), ("base.qcow2", MIB)]
    assert imgtools("chain", chain.top).out.splitlines()[1].startswith(f"0\t{chain.top}\tqcow2")


def test_show_tells_who_else_stands_on_a_layer(chain: Chain, tmp_path: Path) -> None:
    qemu_img("create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", tmp_path / "other.qcow2")
    found = imgtools("chain", "show", "--json", chain.top).data["layers"]
    assert [one["others"] for one in found] == [[], [], [str(tmp_path / "other.qcow2")]]


# -- flatten ----------------------------------------------------------------------------------------------


def test_flatten_in_place_keeps_snapshots(chain: Chain) -> None:
    qemu_img("snapshot", "-c", "one", chain.top)
    before = chain.top.read_bytes()
    assert f"copy {2 * MIB} bytes of data from 2 backing files" in imgtools("chain", "flatten", chain.top).out
    assert chain.top.read_bytes() == before
    imgtools("chain", "flatten", "--write", chain.top)
    chain.middle.unlink()
    chain.base.unlink()
    assert content_of(chain.top) == chain.content
    assert "one" in qemu_img("snapshot", "-l", chain.top)
    imgtools("chain", "flatten", chain.top, code=2)


def test_flatten_to_a_new_image(chain: Chain, tmp_path: Path) -> None:
    alone = tmp_path / "alone.qcow2"
    imgtools("chain", "flatten", "--output", alone, chain.top)
    assert content_of(alone) == content_of(chain.top) == chain.content
    assert layers(alone) == [("alone.qcow2", 3 * MIB)]
    imgtools("chain", "flatten", "--output", alone, chain.top, code=15)
    for path in chain.files:
        ran = imgtools("chain", "flatten", "--output", path, "--force", chain.top, code=2)
        assert "is a file of the image that is read" in ran.err
    assert content_of(chain.middle) != chain.content == content_of(chain.top)


def test_flatten_of_a_format_that_cannot(tmp_path: Path) -> None:
    base = image_of(bytes(MIB), tmp_path / "base.vmdk", "vmdk")
    top = tmp_path / "top.vmdk"
    imgtools("create", top, "--backing", base, "-F", "vmdk")
    assert "--output" in imgtools("chain", "flatten", "--write", top, code=14).err
    imgtools("chain", "flatten", "--output", tmp_path / "alone.vmdk", top)


def test_no_room_is_seen_before(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_file, "free_room", lambda folder: 1000)
    imgtools("chain", "flatten", "--write", chain.top, code=16)
    assert content_of(chain.top) == chain.content


# -- squash -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("down", [(), ("--down",)])
@pytest.mark.parametrize(("first", "last"), [("top", "middle"), ("middle", "base"), ("top", "base")])
def test_squash_merges_and_reads_the_same(chain: Chain, first: str, last: str, down: tuple[str, ...]) -> None:
    words = ("--from", f"{first}.qcow2", "--to", f"{last}.qcow2", *down)
    before = [path.read_bytes() for path in chain.files]
    imgtools("chain", "squash", *words, chain.top)
    assert [path.read_bytes() for path in chain.files] == before
    imgtools("chain", "squash", *words, "--write", chain.top)
    left = [path for path in chain.files if path.exists()]
    assert len(left) == (1 if (first, last) == ("top", "base") else 2)
    assert content_of(left[0]) == chain.content
    for path in left:
        qemu_img("check", path)
    assert sorted(path.name for path in chain.top.parent.iterdir()) == sorted(path.name for path in left)


def test_squash_keeps_what_it_is_told_to_keep(chain: Chain) -> None:
    imgtools("chain", "squash", "--from", chain.top, "--to", chain.middle, "--keep", "--write", chain.top)
    assert all(path.exists() for path in chain.files)
    assert layers(chain.top) == [("top.qcow2", 2 * MIB), ("base.qcow2", MIB)]


def test_squash_spares_what_others_stand_on(chain: Chain, tmp_path: Path) -> None:
    other = tmp_path / "other.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2", other)
    before = content_of(other)
    for down in ((), ("--down",)):
        words = ("--from", "middle.qcow2", "--to", "base.qcow2", *down, "--write")
        code = 17 if down else 0
        imgtools("chain", "squash", *words, chain.top, code=code)
        assert content_of(other) == before
        if not down:
            break
    words = ("--from", "top.qcow2", "--to", "middle.qcow2", "--write")
    imgtools("chain", "squash", *words, chain.top, code=17)
    assert content_of(other) == before


def test_squash_down_does_not_uncover_what_a_short_layer_hides(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    short = tmp_path / "short.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "top.qcow2", "-F", "qcow2", short, "2M")
    long = tmp_path / "long.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "short.qcow2", "-F", "qcow2", long, "8M")
    content = content_of(long)
    words = ("chain", "squash", "--from", short, "--to", chain.top, "--write", long)
    assert "seen again" in imgtools(*words[:-2], "--down", *words[-2:], code=17).err
    imgtools(*words)
    assert content_of(long) == content == chain.content[: 2 * MIB] + bytes(6 * MIB)


def test_squash_the_wrong_way_round_or_elsewhere(chain: Chain, tmp_path: Path) -> None:
    assert (
        "not above"
        in imgtools("chain", "squash", "--from", "base.qcow2", "--to", "top.qcow2", chain.top, code=2).err
    )
    assert (
        "no file of the chain"
        in imgtools("chain", "squash", "--from", "x", "--to", "y", chain.top, code=2).err
    )


# -- move -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("absolute", [False, True])
def test_move_rewrites_links(chain: Chain, tmp_path: Path, absolute: bool) -> None:
    if absolute:
        for upper, lower in ((chain.top, chain.middle), (chain.middle, chain.base)):
            qemu_img("rebase", "-u", "-b", lower, "-F", "qcow2", upper)
    away = tmp_path / "away"
    away.mkdir()
    assert f"remove {chain.base}" in imgtools("chain", "move", chain.top, away).out
    assert not list(away.iterdir())
    imgtools("chain", "move", "--write", chain.top, away)
    assert not any(path.exists() for path in chain.files)
    assert sorted(path.name for path in away.iterdir()) == ["base.qcow2", "middle.qcow2", "top.qcow2"]
    assert content_of(away / "top.qcow2") == chain.content
    away.rename(tmp_path / "renamed")  # the links are relative: the folder may go anywhere
    assert content_of(tmp_path / "renamed" / "top.qcow2") == chain.content


def test_move_with_copy_leaves_the_old_chain(chain: Chain, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    chain.base.chmod(0o640)
    imgtools("chain", "move", "--copy", "--write", chain.top, away)
    assert content_of(away / "top.qcow2") == content_of(chain.top) == chain.content
    assert (away / "base.qcow2").stat().st_mode & 0o777 == 0o640


def test_move_from_several_folders(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "away").mkdir()
    chain = make_chain(tmp_path)
    base = tmp_path / "sub" / "base.qcow2"
    chain.base.rename(base)
    qemu_img("rebase", "-u", "-b", "sub/base.qcow2", "-F", "qcow2", chain.middle)
    imgtools("chain", "move", "--write", chain.top, tmp_path / "away")
    assert content_of(tmp_path / "away" / "top.qcow2") == chain.content


def test_move_into_the_way_of_others(chain: Chain, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (away / "middle.qcow2").write_text("precious")
    assert "--force" not in imgtools("chain", "move", "--write", chain.top, away, code=15).err
    assert [path.name for path in away.iterdir()] == ["middle.qcow2"]
    imgtools("chain", "move", "--write", chain.top, tmp_path, code=2)
    imgtools("chain", "move", "--write", chain.top, tmp_path / "gone", code=2)
    other = tmp_path / "other.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", other)
    (away / "middle.qcow2").unlink()
    imgtools("chain", "move", "--write", chain.top, away, code=17)
    assert content_of(chain.top) == chain.content


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_cut_move_leaves_a_chain_that_opens(tmp_path: Path, number: signal.Signals, delay: float) -> None:
    chain = make_chain(tmp_path)
    away = tmp_path / "away"
    away.mkdir()
    argv = [sys.executable, "-m", "imgtools", "chain", "move", "--write", str(chain.top), str(away)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 30
        while running.poll() is None and not list(away.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(delay)
        running.send_signal(number)
    whole = [path for path in (chain.top, away / "top.qcow2") if path.exists()]
    readable = [
        path
        for path in whole
        if subprocess.run(
            ["qemu-img", "info", "--backing-chain", path], capture_output=True, check=False
        ).returncode
        == 0
    ]
    assert any(content_of(path) == chain.content for path in readable)


@pytest.mark.parametrize("copied", [1, 2, 3])
def test_killed_move_can_be_run_again(chain: Chain, tmp_path: Path, copied: int) -> None:
    """What is complete only in part is not seen by anyone, and is gone with the next attempt."""
    away = tmp_path / "away"
    away.mkdir()
    program = (
        "import os, signal, sys\n"
        "from imgtools.cli.app import main\n"
        "from imgtools.workflows import chain\n"
        "copied = []\n"
        "keep = chain.keep_access\n"
        "def kill(*paths):\n"
        "    keep(*paths)\n"
        "    copied.append(paths)\n"
        f"    if len(copied) == {copied}:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "chain.keep_access = kill\n"
        "main(sys.argv[1:])\n"
    )
    words = ("chain", "move", "--write", str(chain.top), str(away))
    done = subprocess.run([sys.executable, "-c", program, *words], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert not list(away.glob("*.qcow2"))
    assert content_of(chain.top) == chain.content
    imgtools(*words)
    assert sorted(path.name for path in away.iterdir()) == ["base.qcow2", "middle.qcow2", "top.qcow2"]
    assert content_of(away / "top.qcow2") == chain.content
