"""imgtools rebase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgtools.disk import chain as chain_module
from tests.support.command import imgtools
from tests.support.disks import Chain, content_of, image_of, make_chain, qemu_img, random_bytes

MIB = 1 << 20


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return make_chain(tmp_path)


def backing(image: Path) -> tuple[str | None, str | None]:
    told = json.loads(qemu_img("info", "--output=json", image))
    return told.get("backing-filename"), told.get("backing-filename-format")


def test_safe_reads_the_same_on_another_base(chain: Chain) -> None:
    before = chain.top.read_bytes()
    words = ("rebase", "--onto", chain.base, "--onto-format", "qcow2", chain.top)
    assert "then record base.qcow2 (qcow2) instead of" in imgtools(*words).out
    assert chain.top.read_bytes() == before
    imgtools(*words, "--write")
    assert backing(chain.top) == ("base.qcow2", "qcow2")
    chain.middle.unlink()
    assert content_of(chain.top) == chain.content
    qemu_img("check", chain.top)


def test_safe_onto_an_unrelated_base(chain: Chain, tmp_path: Path) -> None:
    other = image_of(random_bytes(8 * MIB, 9), tmp_path / "other.raw")
    imgtools("rebase", "--onto", other, "--onto-format", "raw", "--write", chain.top)
    assert content_of(chain.top) == chain.content
    assert backing(chain.top) == ("other.raw", "raw")


def test_onto_none_stands_alone(chain: Chain) -> None:
    imgtools("rebase", "--onto", "none", "--write", chain.top)
    assert backing(chain.top) == (None, None)
    chain.middle.unlink()
    chain.base.unlink()
    assert content_of(chain.top) == chain.content
    imgtools("rebase", "--onto", "none", chain.top)


def test_base_in_a_folder_of_a_name_like_a_protocol(chain: Chain, tmp_path: Path) -> None:
    renamed = tmp_path / "nbd:localhost"
    chain.middle.rename(renamed)
    words = ("--unsafe", "--onto", renamed, "--onto-format", "qcow2", "--write")
    ran = imgtools("rebase", *words, "--json", chain.top)
    assert "cannot be compared" in ran.json["warnings"][0]["text"]
    assert backing(chain.top) == ("./nbd:localhost", "qcow2")
    assert content_of(chain.top) == chain.content


def test_unsafe_says_what_it_believes_and_compares(chain: Chain, tmp_path: Path) -> None:
    copy = tmp_path / "copy.qcow2"
    copy.write_bytes(chain.middle.read_bytes())
    words = ("rebase", "--unsafe", "--onto", copy, "--onto-format", "qcow2", chain.top)
    report = imgtools(*words, "--write", "--json").data
    assert any("reads as the old backing file does" in one for one in report["believed"])
    assert any("sample" in one for one in report["believed"])
    assert content_of(chain.top) == chain.content


def test_unsafe_onto_a_base_that_differs_is_refused(chain: Chain) -> None:
    words = ("rebase", "--unsafe", "--onto", chain.base, "--onto-format", "qcow2", "--write", chain.top)
    assert f"differ, for instance at byte {MIB}" in imgtools(*words, code=17).err
    assert content_of(chain.top) == chain.content
    assert "holds" in imgtools("rebase", "--unsafe", "--onto", "none", "--write", chain.top, code=17).err
    imgtools(*words, "--force")
    assert content_of(chain.top) != chain.content


def test_unsafe_onto_a_longer_base_shows_what_the_old_one_hid(chain: Chain, tmp_path: Path) -> None:
    """Where the old base has ended the image reads zeros; a base that goes on there would change that."""
    short, top = tmp_path / "short.qcow2", tmp_path / "long.qcow2"
    for base, image, size in ((chain.base, short, "1M"), (short, top, "4M")):
        qemu_img("create", "-q", "-f", "qcow2", "-b", base.name, "-F", "qcow2", image, size)
    before = content_of(top)
    words = ("rebase", "--unsafe", "--onto", chain.base, "--onto-format", "qcow2", "--write", top)
    assert f"differ, for instance at byte {MIB}" in imgtools(*words, code=17).err
    assert content_of(top) == before


@pytest.mark.parametrize("unsafe", [(), ("--unsafe",)])
def test_bases_that_are_none(chain: Chain, tmp_path: Path, unsafe: tuple[str, ...]) -> None:
    words = ("rebase", *unsafe, "--write", "--onto-format", "qcow2", "--onto")
    before = chain.base.read_bytes()
    assert "loop" in imgtools(*words, chain.top, chain.base, code=10).err
    assert "loop" in imgtools(*words, chain.base, chain.base, code=10).err
    imgtools(*words, tmp_path / "gone", chain.top, code=3)
    plain = image_of(bytes(MIB), tmp_path / "plain.raw")
    assert "not a qcow2 image" in imgtools(*words, plain, chain.top, code=10).err
    ran = imgtools("rebase", *unsafe, "--onto", chain.base, chain.top, code=2)
    assert "--backing-format qcow2" in ran.err
    assert chain.base.read_bytes() == before


def test_base_outside_the_folder_is_refused_unless_any(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    away = image_of(chain.content, tmp_path / "away" / "b.raw")
    top = tmp_path / "away" / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", chain.base, "-F", "qcow2", top)
    imgtools("rebase", "--onto", away, "--onto-format", "raw", "--write", top, code=12)
    imgtools("rebase", "--backing", "any", "--onto", away, "--onto-format", "raw", "--write", top)
    assert backing(top)[0] == "b.raw"


@pytest.mark.parametrize("format", ["raw", "vmdk", "vdi"])
def test_format_that_cannot_change_its_base(tmp_path: Path, format: str) -> None:
    image = image_of(bytes(MIB), tmp_path / "d", format)
    base = image_of(bytes(MIB), tmp_path / "base.raw")
    words = ("rebase", "--onto", base, "--onto-format", "raw", "--write", image)
    assert "--output" in imgtools(*words, code=14).err


def test_cut_before_the_link_changes_reads_the_same(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step is the name in the header; whatever stops us before it leaves a chain that can be opened."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(chain_module, "link", stop)
    imgtools("rebase", "--onto", chain.base, "--onto-format", "qcow2", "--write", chain.top, code=130)
    assert content_of(chain.top) == chain.content


@pytest.mark.parametrize("more", [[], ["--unsafe"], ["--write"]])
def test_nothing_is_taken_from_what_stands_on_nothing(chain: Chain, more: list[str]) -> None:
    before = chain.base.read_bytes()
    imgtools("rebase", "--onto", "none", *more, chain.base)
    assert chain.base.read_bytes() == before
