"""imgtools create."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from imgtools.cli.output import disk
from imgtools.disk import new_file
from imgtools.engine.held_folder import LOCK
from tests.support.command import imgtools
from tests.support.disks import FORMATS, MIB, SUFFIX, qemu_img


def info(path: Path) -> dict[str, object]:
    told: dict[str, object] = json.loads(qemu_img("info", "--output=json", path))
    return told


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_exactly_the_size_asked_for(tmp_path: Path, format: str) -> None:
    image = tmp_path / f"disk.{SUFFIX.get(format, format)}"
    made = imgtools("create", "--json", image, "7M").data
    assert (made["format"], made["virtual_size"]) == (format, 7 * MIB)
    assert info(image)["virtual-size"] == 7 * MIB
    assert sorted(path.name for path in tmp_path.iterdir()) == [image.name]


def test_unknown_suffix_means_qcow2(tmp_path: Path) -> None:
    assert imgtools("create", "--json", tmp_path / "disk", "1G").data["format"] == "qcow2"


@pytest.mark.parametrize("words", [(), ("10 bananas",), ("-5G",), ("0.3",)])
def test_size_that_is_none_is_a_usage_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    imgtools("create", tmp_path / "disk.qcow2", "--", *words, code=2)
    assert not list(tmp_path.iterdir())


def test_existing_file_is_kept(tmp_path: Path) -> None:
    image = tmp_path / "disk.qcow2"
    image.write_text("precious")
    ran = imgtools("create", image, "1G", code=15)
    assert "there already" in ran.err and "--overwrite" in ran.err
    assert image.read_text() == "precious"
    imgtools("create", "--overwrite", image, "1G")
    assert info(image)["format"] == "qcow2"


def test_overlay_records_name_relative_to_itself_and_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images" / "bases").mkdir(parents=True)
    base = tmp_path / "images" / "bases" / "base.raw"
    base.write_bytes(bytes(MIB))
    monkeypatch.chdir(tmp_path)
    made = imgtools(
        "create", "images/top.qcow2", "--backing", "images/bases/base.raw", "-F", "raw", "--json"
    ).data
    assert (made["backing"], made["backing_format"], made["virtual_size"]) == ("bases/base.raw", "raw", MIB)
    assert info(tmp_path / "images/top.qcow2")["full-backing-filename"] == str(base)


def test_overlay_of_a_name_that_looks_like_a_protocol(tmp_path: Path) -> None:
    base = tmp_path / "nbd:x,y"
    base.write_bytes(bytes(MIB))
    imgtools("create", tmp_path / "top.qcow2", "--backing", base, "-F", "raw")
    assert info(tmp_path / "top.qcow2")["backing-filename"] == "./nbd:x,y"
    qemu_img("check", tmp_path / "top.qcow2")


def test_backing_outside_the_folder_is_recorded_absolute_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    base = tmp_path / "base.raw"
    base.write_bytes(bytes(MIB))
    ran = imgtools("create", "--json", tmp_path / "a/top.qcow2", "--backing", base, "-F", "raw")
    assert ran.data["backing"] == str(base)
    assert "--backing-policy any" in ran.json["warnings"][0]["text"]


def test_backing_without_format_names_what_it_looks_like(tmp_path: Path) -> None:
    qemu_img("create", "-q", "-f", "qcow2", tmp_path / "base", "1M")
    ran = imgtools("create", tmp_path / "top.qcow2", "--backing", tmp_path / "base", code=2)
    assert "--backing-format qcow2" in ran.err


def test_backing_of_another_format_or_missing(tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(bytes(MIB))
    top = tmp_path / "top.qcow2"
    assert "looks like" in imgtools("create", top, "-b", tmp_path / "base", "-F", "qcow2", code=10).err
    assert "no such file" in imgtools("create", top, "-b", tmp_path / "gone", "-F", "raw", code=3).err
    assert "own backing file" in imgtools("create", top, "-b", top, "-F", "raw", code=2).err
    assert not top.exists()


def test_a_qcow2_that_is_called_raw_is_warned_about(tmp_path: Path) -> None:
    """The guest would see the header of the image, not its disk."""
    base, top = tmp_path / "base.qcow2", tmp_path / "top.qcow2"
    imgtools("create", base, "1M")
    assert "looks like qcow2" in imgtools("create", top, "-b", base, "-F", "raw").err


def test_a_value_that_qemu_refuses_is_told_without_our_temporary_names(tmp_path: Path) -> None:
    said = imgtools("create", tmp_path / "disk.qcow2", "1M", "-o", "cluster_size=3", code=30).err
    assert "power of two" in said and ".imgtools-new" not in said


def test_overlay_smaller_than_its_base_needs_shrink(tmp_path: Path) -> None:
    base = tmp_path / "base.raw"
    base.write_bytes(bytes(4 * MIB))
    words = ("create", tmp_path / "top.qcow2", "1M", "--backing", base, "-F", "raw")
    imgtools(*words, code=17)
    assert imgtools(*words, "--shrink", "--json").data["virtual_size"] == MIB


def test_unknown_option_gets_the_nearest_name(tmp_path: Path) -> None:
    ran = imgtools("create", tmp_path / "d.qcow2", "1G", "-o", "clustersize=128K", code=2)
    assert "did you mean cluster_size?" in ran.err
    assert "no such way" not in ran.err and not list(tmp_path.iterdir())


def test_options_reach_the_image(tmp_path: Path) -> None:
    image = tmp_path / "d.qcow2"
    imgtools("create", image, "1G", "-o", "cluster_size=128K,lazy_refcounts=on", "-o", "compat=1.1")
    told = info(image)
    assert told["cluster-size"] == 128 << 10
    imgtools("create", image, "1G", "-o", "size=5", "--overwrite", code=2)
    imgtools("create", image, "1G", "-o", "backing_file=/etc/passwd", "--overwrite", code=2)


@pytest.mark.parametrize("format", ["raw", "qcow2", "vmdk", "vpc", "vhdx", "vdi"])
def test_full_preallocation_takes_the_room_at_once(tmp_path: Path, format: str) -> None:
    image = tmp_path / "disk"
    made = imgtools("create", "--json", image, "4M", "-f", format, "--preallocation", "full")
    assert made.data["actual_size"] >= 4 * MIB


def test_several_files_of_one_vmdk_come_together(tmp_path: Path) -> None:
    words = ("create", tmp_path / "d.vmdk", "4M", "-o", "subformat=monolithicFlat")
    made = imgtools(*words, "--json").data
    assert made["files"] == [str(tmp_path / "d-flat.vmdk"), str(tmp_path / "d.vmdk")]
    qemu_img("map", tmp_path / "d.vmdk")
    (tmp_path / "d.vmdk").unlink()
    assert "d-flat.vmdk" in imgtools(*words, code=15).err


@pytest.mark.parametrize("name", ["disk.qcow2", "disk.luks"])
def test_encrypted_image_opens_with_its_secret_only(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASS", "swordfish")
    image = tmp_path / name
    made = imgtools("create", image, "1M", "--secret", "env:PASS", "-o", f"{iteration(name)}=10", "--json")
    assert made.data["encryption"] == "luks"
    assert "swordfish" not in made.out + made.err
    key = tmp_path / "key"
    key.write_text("swordfish\n")
    imgtools("convert", "--key", f"image:file:{key}", image, tmp_path / "plain.raw")
    key.write_text("perch")
    ran = imgtools("convert", "--key", f"image:file:{key}", image, tmp_path / "plain2.raw", code=23)
    assert "does not open" in ran.err


def iteration(name: str) -> str:
    return "iter-time" if name.endswith("luks") else "encrypt.iter-time"


def test_passphrase_is_asked_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["swordfish", "swordfihs", "perch", "perch"])
    monkeypatch.setattr(disk, "ask_secret", lambda prompt: next(answers))
    words = ("create", tmp_path / "d.luks", "1M", "--secret", "ask", "-o", "iter-time=10")
    assert "differ" in imgtools(*words, code=2).err
    imgtools(*words)
    imgtools("convert", "--key", "image:key:perch", tmp_path / "d.luks", tmp_path / "d.raw")


def test_secret_that_is_none(tmp_path: Path) -> None:
    image = tmp_path / "d.qcow2"
    imgtools("create", image, "1M", "--secret", "env:NOT_SET_ANYWHERE", code=3)
    imgtools("create", image, "1M", "--secret", "swordfish", code=2)
    assert "swordfish" not in imgtools("create", image, "1M", "--secret", "swordfish", code=2).err
    imgtools("create", tmp_path / "d.vdi", "1M", "--secret", "key:x", code=14)


def test_no_room_is_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_file, "free_room", lambda folder: 1000)
    ran = imgtools("create", tmp_path / "d.raw", "10M", "--preallocation", "falloc", code=16)
    assert "has room for 1000" in ran.err and not list(tmp_path.iterdir())


def test_format_that_cannot_be_created(tmp_path: Path) -> None:
    assert "cannot be created" in imgtools("create", "-f", "dmg", tmp_path / "d", "1M", code=14).err
    assert "one of raw, qcow2" in imgtools("create", "-f", "qcow9", tmp_path / "d", "1M", code=2).err


def test_names_that_qemu_takes_for_protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("nbd:x", "json:{}", "a:b", "a,b=c"):
        imgtools("create", name, "1M")
        assert Path(name).stat().st_size
    imgtools("create", "1M", "--", "-x", code=2)
    imgtools("create", "--", "-x", "1M")
    assert (tmp_path / "-x").exists()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / f"{new_file.PREFIX}dead"
    left.mkdir()
    (left / "half.qcow2").write_bytes(b"x" * 100)
    (left / LOCK).touch()
    with subprocess.Popen(["sleep", "60"]) as alive, new_file.scratch_folder(tmp_path) as held:
        imgtools("create", tmp_path / "d.qcow2", "1M")
        assert held.exists() and not left.exists()
        alive.kill()


def test_the_size_of_a_cluster_may_be_hexadecimal(tmp_path: Path) -> None:
    imgtools("create", "-o", "cluster_size=0x10000", tmp_path / "d.qcow2", "0x100000")
    assert "virtual size: 1 MiB" in qemu_img("info", tmp_path / "d.qcow2")
    imgtools("create", "-o", "cluster_size=0xg", tmp_path / "e.qcow2", "1M", code=2)
