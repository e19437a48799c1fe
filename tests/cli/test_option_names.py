"""One thing has one name in every command; what it was called before does the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import Chain, content_of, image_of, make_chain, qemu_img, random_bytes
from tests.support.resizable import cloud_disk
from tools.options import shown

MIB = 1 << 20


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def info(image: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(qemu_img("info", "--output=json", image))
    return found


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return make_chain(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ("--backing-file", "base.qcow2", "--backing-format", "qcow2"),
        ("-b", "base.qcow2", "-F", "qcow2"),
        ("--backing", "base.qcow2", "--backing-format", "qcow2", "--chain", "same-dir"),
        ("-b", "base.qcow2", "-F", "qcow2", "--backing-policy", "same-dir", "-f", "qcow2"),
    ],
)
def test_an_overlay_is_made(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    imgtools("create", "base.qcow2", "1M")
    imgtools("create", "top.qcow2", *words)
    made = info(tmp_path / "top.qcow2")
    assert (made["backing-filename"], made["backing-filename-format"]) == ("base.qcow2", "qcow2")


@pytest.mark.parametrize(
    "words", [("-O", "vdi"), ("--output-format", "vdi"), ("-f", "vdi"), ("--format", "vdi")]
)
def test_the_format_of_a_new_image(words: tuple[str, ...], tmp_path: Path) -> None:
    imgtools("create", tmp_path / "new.img", "1M", *words)
    assert info(tmp_path / "new.img")["format"] == "vdi"


@pytest.mark.parametrize("spelling", ["-f", "--format"])
def test_the_format_that_is_read(spelling: str, chain: Chain) -> None:
    assert (
        imgtools("info", spelling, "raw", "--no-partitions", chain.base, "--json").data["disks"][0]["format"]
        == "raw"
    )


@pytest.mark.parametrize("spelling", ["--overwrite", "--force"])
@pytest.mark.parametrize("parallel", ["-P", "--parallel", "--jobs"])
def test_a_file_gives_way(spelling: str, parallel: str, chain: Chain, tmp_path: Path) -> None:
    target = tmp_path / "there.raw"
    target.write_text("mine")
    refused = imgtools("convert", chain.base, target, parallel, "2", code=None)
    assert refused.code != 0 and "--overwrite replaces it" in refused.err and target.read_text() == "mine"
    imgtools("convert", chain.base, target, parallel, "2", spelling)
    assert info(target)["format"] == "raw"


@pytest.mark.parametrize(
    "words", [("-b", "-F"), ("--backing-file", "--backing-format"), ("--onto", "--onto-format")]
)
def test_a_base_is_exchanged(words: tuple[str, str], chain: Chain) -> None:
    imgtools("rebase", words[0], chain.base, words[1], "qcow2", "--write", chain.top)
    assert info(chain.top)["backing-filename"] == "base.qcow2"
    assert content_of(chain.top) == chain.content


@pytest.mark.parametrize("spelling", ["--delete", "--remove"])
def test_what_was_committed_goes(spelling: str, chain: Chain) -> None:
    imgtools("commit", "--write", spelling, chain.top)
    assert not chain.top.exists() and content_of(chain.middle) == chain.content


@pytest.mark.parametrize("words", [("--other-format",), ("-F",)])
def test_a_second_images_format(words: tuple[str, ...], tmp_path: Path) -> None:
    one = image_of(random_bytes(MIB, 1), tmp_path / "one.raw")
    assert imgtools("compare", *words, "raw", one, one).out.strip() == "identical"


@pytest.mark.parametrize("delete", [("bitmap", "delete"), ("bitmap", "remove")])
def test_a_bitmap_goes(delete: tuple[str, str], tmp_path: Path) -> None:
    image = tmp_path / "d.qcow2"
    imgtools("create", image, "1M")
    imgtools("bitmap", "add", "--write", image, "monday")
    done = imgtools(*delete, "--write", image, "monday", "--json")
    assert done.json["schema"].startswith("imgtools.bitmap.remove/")  # a schema keeps its name
    assert imgtools("bitmap", "list", image, "--json").data["bitmaps"] == []


def test_whatever_writes_can_show_its_plan_first() -> None:
    by_command: dict[str, set[str]] = {}
    for option in shown():
        by_command.setdefault(option.command, set()).update(option.said.spellings)
    without = [
        name for name, words in by_command.items() if "--write" in words and not {"-n", "--dry-run"} <= words
    ]
    assert not without


@pytest.mark.parametrize(
    "words",
    [
        ("snapshot", "create", "{top}", "now"),
        ("bitmap", "add", "{top}", "now"),
        ("amend", "-o", "lazy_refcounts=on", "{top}"),
        ("commit", "{top}"),
        ("rebase", "-b", "none", "{top}"),
        ("chain", "flatten", "{top}"),
        ("wipe", "{top}"),
    ],
)
def test_a_dry_run_writes_nothing(words: tuple[str, ...], chain: Chain) -> None:
    call = [word.format(top=chain.top) for word in words]
    before = [digest(path) for path in (chain.top, chain.middle, chain.base)]
    assert imgtools(*call, "--dry-run").out == imgtools(*call, "-n").out == imgtools(*call).out != ""
    refused = imgtools(*call, "-n", "--write", code=2)
    assert "--dry-run shows the plan only" in refused.err
    assert [digest(path) for path in (chain.top, chain.middle, chain.base)] == before


def test_a_copy_or_in_place(chain: Chain, tmp_path: Path) -> None:
    alone = tmp_path / "alone.qcow2"
    for other in ("--write", "-n"):
        assert imgtools("chain", "flatten", chain.top, "--output", alone, other, code=2).out == ""
    assert not alone.exists()
    imgtools("chain", "flatten", chain.top, "--output", alone)
    assert content_of(alone) == chain.content and "backing-filename" not in info(alone)


def test_resize_makes_a_new_image_as_others_do(tmp_path: Path) -> None:
    image, target = cloud_disk(tmp_path / "cloud.qcow2", "qcow2"), tmp_path / "new.img"
    words = ("resize", image, "+60M", "--expand", "auto")
    plan = imgtools(*words, "--output", target, "-O", "qcow2", "-n")
    assert "copy partition 1" in plan.out and not target.exists()
    assert plan.out == imgtools(*words, "--copy", target, "--format-out", "qcow2").out and not target.exists()
    for refused in (
        ("--output", target, "--write"),
        ("--output", target, "--copy", target),
        ("-n", "--write"),
    ):
        imgtools(*words, *refused, code=2)
    imgtools(*words, "--output", target, "--output-format", "qcow2")
    assert info(target)["format"] == "qcow2"


def test_resize_leaves_a_partition_out_by_the_same_word(tmp_path: Path) -> None:
    image = cloud_disk(tmp_path / "cloud.raw", "raw")
    assert "--delete is for a new image" in imgtools("resize", image, "--delete", "/dev/sda1", code=2).err
