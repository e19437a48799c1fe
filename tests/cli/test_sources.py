"""What is named in the place of an image file: every command that reads takes it, and none writes to it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image
from tests.support.sources import disk_bytes, ova, ovf_text


def stream_vmdk(source: Path, target: Path) -> bytes:
    """A disk as programs put it into an OVA."""
    words = ["-O", "vmdk", "-o", "subformat=streamOptimized"]
    subprocess.run(["qemu-img", "convert", *words, source, target], check=True)
    return target.read_bytes()


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OVA of a guest with two disks: its system, and one with nothing on it."""
    folder = tmp_path_factory.mktemp("ova")
    system = stream_vmdk(fixture_image("debian"), folder / "disk1.vmdk")
    return ova(folder / "guest.ova", {"disk1.vmdk": system, "disk2.raw": disk_bytes()})


@pytest.fixture(scope="module")
def single(guest: Path) -> Path:
    """One of the same guest, with its first disk alone."""
    return ova(guest.parent / "single.ova", {"disk1.vmdk": (guest.parent / "disk1.vmdk").read_bytes()})


def test_a_guest_is_read_from_its_ova(guest: Path) -> None:
    assert imgtools("cat", guest, "/etc/hostname").out == "debian-fixture\n"
    assert [one["device"] for one in imgtools("filesystems", "--json", guest).data["disks"]] == [
        "/dev/sda",
        "/dev/sdb",
    ]
    assert imgtools("inspect", "--json", guest).data["guests"][0]["root"] == "/dev/sda3"


def test_info_says_what_is_opened(guest: Path) -> None:
    told = imgtools("info", "--json", guest)
    assert told.json["image"] == str(guest)
    first, second = told.data["disks"]
    assert (first["host_path"], first["format"]) == (f"{guest}/disk1.vmdk", "vmdk")
    assert first["source"]["kind"] == "OVA" and first["disk"]["table"] == "gpt"
    assert (second["format"], second["source"]["size"]) == ("raw", 1 << 20)
    assert "in\tOVA\n" in imgtools("info", guest).out


def test_its_disks_are_the_sources_of_new_images(single: Path, tmp_path: Path) -> None:
    original, new = fixture_image("debian"), tmp_path / "new.qcow2"
    before = hashlib.sha256(single.read_bytes()).hexdigest()
    imgtools("convert", single, new)
    imgtools("compare", original, new)
    imgtools("compare", original, single)
    imgtools("dd", single, tmp_path / "part.raw", "--count", "3", "--bs", "1M")
    assert (tmp_path / "part.raw").stat().st_size == 3 << 20
    imgtools("resize", single, "2G", "--output", tmp_path / "larger.qcow2")
    assert imgtools("info", "--json", tmp_path / "larger.qcow2").data["disks"][0]["virtual_size"] == 2 << 30
    assert hashlib.sha256(single.read_bytes()).hexdigest() == before


def test_sysprep_and_edit_make_a_new_image_of_it(single: Path, tmp_path: Path) -> None:
    imgtools("sysprep", single, "--output", tmp_path / "new.qcow2", "-O", "qcow2")
    assert imgtools("cat", tmp_path / "new.qcow2", "/etc/machine-id").out == ""
    imgtools("edit", single, "/etc/hostname", "-e", "s/debian/other/", "--output", tmp_path / "edited.vmdk")
    assert imgtools("cat", tmp_path / "edited.vmdk", "/etc/hostname").out == "other-fixture\n"
    assert not list(tmp_path.glob("*imgtools*"))


def test_what_a_killed_edit_has_left_is_no_obstacle(single: Path, tmp_path: Path) -> None:
    from imgtools.disk.backing import examine
    from imgtools.disk.sources.opening import opened_sources
    from imgtools.engine.qemu.overlay import create_overlay
    from imgtools.records.image import DiskSource

    left = tmp_path / "new.vmdk.imgtools-overlay"
    with opened_sources([DiskSource(single)]) as (disk,):
        create_overlay(left, examine(disk).chain[0])
    words = ("edit", single, "/etc/hostname", "-e", "s/debian/other/", "--output", tmp_path / "new.vmdk")
    imgtools(*words)
    assert not left.exists()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", left, "1M"], check=True)
    assert "no edit of imgtools has made it" in imgtools(*words, "--overwrite", code=3).err


def test_as_files_its_disks_are_looked_at_one_by_one(guest: Path, single: Path) -> None:
    ran = imgtools("map", guest, code=2)
    assert "holds 2 disks" in ran.err and f"{guest}/disk1.vmdk, {guest}/disk2.raw" in ran.err
    assert imgtools("map", "--json", f"{guest}/disk2.raw").data["extents"][0]["data"]
    assert imgtools("check", "--json", single).data["found"]["leaks"] == 0
    assert imgtools("measure", "--json", single, "-O", "qcow2").data["required"] > 0


def test_a_disk_of_another_size_than_its_package_says_is_told(tmp_path: Path) -> None:
    section = (
        '<Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="{}" ovf:capacityAllocationUnits="byte * 2^20"/>'
    )
    for size, said in ((1, ""), (8, "the disk has 1048576 bytes, and its package says 8388608")):
        text = ovf_text({"a.raw": 1 << 20}, section=section.format(size))
        guest = ova(tmp_path / f"{size}.ova", {"a.raw": disk_bytes()}, ovf=text)
        ran = imgtools("info", guest)
        assert said in ran.err and ("its package says" in ran.err) is bool(said)
        (tmp_path / f"{size}").mkdir()
        (tmp_path / f"{size}" / "a.raw").write_bytes(disk_bytes())
        (tmp_path / f"{size}" / "guest.ovf").write_bytes(text)
        ran = imgtools("info", tmp_path / f"{size}" / "guest.ovf")
        assert said in ran.err and ("its package says" in ran.err) is bool(said)


def test_nothing_writes_to_it(single: Path, tmp_path: Path) -> None:
    for words in (
        ("edit", single, "/etc/hostname", "-e", "s/a/b/", "--write"), ("sysprep", single, "--write"),
        ("resize", single, "+1G", "--write"), ("check", single, "--repair", "all", "--write"),
        ("commit", single, "--write"), ("amend", single, "-o", "compat=1.1", "--write"),
    ):  # fmt: skip
        ran = imgtools(*words, code=14)
        assert f"{single} is read only" in ran.err and "--output" in ran.err


def test_a_plan_is_shown(single: Path) -> None:
    assert imgtools("edit", single, "/etc/hostname", "-e", "s/debian/b/", "--json").data["changes"]


def test_digests_are_compared_by_what_reads_all_of_it(single: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.ova"
    content = bytearray(single.read_bytes())
    content[-20_000] ^= 1
    damaged.write_bytes(content)
    assert imgtools("cat", damaged, "/etc/hostname").out == "debian-fixture\n"
    for words in (("convert", damaged, tmp_path / "x.raw"), ("check", damaged)):
        assert "is not what its manifest says" in imgtools(*words, code=10).err
    assert not (tmp_path / "x.raw").exists()


def test_an_archive_is_no_image_of_a_machine_with_an_address(tmp_path: Path) -> None:
    made = ova(tmp_path / "m.ova", {"a": disk_bytes()}, ovf=ovf_text({"http://127.0.0.1/a": 1}), mf=b"")
    assert "no file of its package" in imgtools("info", made, code=10).err


@pytest.mark.parametrize("word", ["nbd://host/disk", "https://host//disk.raw?a=b%20c", "rbd:pool/disk"])
def test_a_uri_reaches_us_as_it_is(word: str) -> None:
    shown = word.partition("?")[0]  # what stands behind may be a token
    for command in (
        ("info", word),
        ("cat", word, "/etc/hostname"),
        ("measure", word),
        ("compare", word, word),
    ):
        assert f"imgtools: {shown}" in imgtools(*command, code=18).err
    refused = imgtools("edit", word, "/x", "-e", "s/a/b/", "--write", code=14).err
    assert refused.startswith(f"imgtools: {shown}") and "is read only" in refused
    assert "no such file: ./rbd:pool/disk" in imgtools("info", "./rbd:pool/disk", code=3).err.replace(
        str(Path.cwd()), "."
    )


@pytest.fixture(scope="module")
def raw(guest: Path) -> Path:
    """The same guest's system as a raw disk."""
    made = guest.parent / "plain.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", fixture_image("debian"), made], check=True)
    return made


def test_packed_disks_are_read_and_converted(guest: Path, raw: Path, tmp_path: Path) -> None:
    made = tmp_path / "guest.qcow2.zst"
    subprocess.run(["zstd", "-q", "-1", fixture_image("debian"), "-o", made], check=True)
    assert imgtools("cat", made, "/etc/hostname").out == "debian-fixture\n"
    told = imgtools("info", "--json", made).data["disks"][0]
    assert (told["host_path"], told["format"], told["source"]["kind"]) == (str(made), "qcow2", "zstd")
    imgtools("convert", made, tmp_path / "new.qcow2")
    imgtools("compare", made, raw)
    assert "is read only" in imgtools("sysprep", made, "--write", code=14).err


def test_one_file_of_an_xz_in_blocks_does_not_unpack_it_all(raw: Path, tmp_path: Path) -> None:
    made = tmp_path / "guest.raw.xz"
    with made.open("wb") as stream:
        words = ["xz", "-0c", "-T2", "--block-size=16MiB", raw]
        subprocess.run(words, stdout=stream, check=True)
    assert imgtools("cat", made, "/etc/hostname").out == "debian-fixture\n"
    assert "64 blocks" in imgtools("info", "--json", made).data["disks"][0]["source"]["how"]
    imgtools("sysprep", made, "--operations", "hostname", "--output", tmp_path / "new.qcow2", "-O", "qcow2")


def piped(source: Path, *words: str | Path, code: int = 0) -> str:
    """What imgtools says with a file piped into it."""
    with source.open("rb") as stream:
        feeder = subprocess.Popen(["cat"], stdin=stream, stdout=subprocess.PIPE)
        ran = subprocess.run(
            [sys.executable, "-m", "imgtools", *map(str, words)], stdin=feeder.stdout, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    assert feeder.stdout is not None
    feeder.stdout.close()
    feeder.wait()
    assert ran.returncode == code, ran.stderr
    return ran.stdout + ran.stderr


def test_standard_input(raw: Path, tmp_path: Path) -> None:
    image = fixture_image("debian")
    assert piped(image, "cat", "-", "/etc/hostname") == "debian-fixture\n"
    assert "in\tstandard input\n" in piped(image, "info", "-")
    piped(image, "convert", "-", tmp_path / "new.raw")
    imgtools("compare", tmp_path / "new.raw", raw)
    assert "- is read only" in piped(image, "edit", "-", "/etc/hostname", "-e", "s/a/b/", "--write", code=14)
    assert "standard input is empty" in piped(Path("/dev/null"), "info", "-", code=10)
    with image.open("rb") as stream:
        words = [sys.executable, "-m", "imgtools", "info", "-"]
        ran = subprocess.run(words, stdin=stream, capture_output=True, text=True, check=True)
    assert f"image\t{image}\n" in ran.stdout


def test_clones_of_it_are_whole(single: Path, tmp_path: Path) -> None:
    told = imgtools("clone", single, "--name", "one", "--unprepared", "--output-dir", tmp_path, "--json").data
    assert told["clones"][0]["paths"] == [f"{tmp_path}/one.qcow2"] and told["template"] == str(single)
    assert imgtools("cat", tmp_path / "one.qcow2", "/etc/hostname").out == "one\n"
    assert [path.name for path in tmp_path.iterdir()] == ["one.qcow2"]
    words = ("clone", single, "--name", "two", "--unprepared", "--linked", "--output-dir", tmp_path)
    assert "no clone can stand on it" in imgtools(*words, code=2).err
