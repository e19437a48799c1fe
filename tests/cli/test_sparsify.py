"""imgtools sparsify: the host gets back what nothing uses, and every file is as it was."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path

import pytest

from imgtools.image.handle import open_image
from imgtools.records.image import DiskSource
from imgtools.workflows import free_room, sparsify
from tests.cli.test_in_use import serving
from tests.support.command import Ran, imgtools
from tests.support.disks import MIB, content_of, image_of, patch_image, qemu_img, random_bytes
from tests.support.luks import KEY, format_luks
from tests.support.lvm import group_text, make_pv, segment, volume_text
from tests.support.resizable import run
from tests.support.sparse import (
    CHECKERS,
    FILES,
    JUNK,
    KINDS,
    ONE_OF_EACH,
    START,
    digests,
    disk_with,
    divided_disk,
    filesystem_of,
    fill,
    passphrase,
    require_clean,
)
from tests.support.volumes import debugfs, patch, tool


def taken(path: Path) -> int:
    """The bytes that a file takes on the host, when all of it is there: some are allotted as it is written out."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path.stat().st_blocks * 512


def given(ran: Ran, device: str = "/dev/sda1") -> int:
    return next(int(one["given_back"]) for one in ran.data["volumes"] if one["device"] == device)


@pytest.fixture(scope="module", params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A disk for each kind of filesystem; it is copied before it is changed."""
    return KINDS[request.param][0], disk_with(tmp_path_factory.mktemp("disk"), request.param)


@pytest.fixture(scope="module", params=ONE_OF_EACH)
def one_of_each(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The same, one for each reader."""
    return KINDS[request.param][0], disk_with(tmp_path_factory.mktemp("disk"), request.param)


@pytest.fixture(scope="module")
def ext4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return disk_with(tmp_path_factory.mktemp("ext4"), "ext4")


def copy(disk: Path, target: Path, format: str = "raw", *words: str) -> Path:
    if format == "raw":
        tool("cp", "--sparse=always", disk, target)
    else:
        qemu_img("convert", "-f", "raw", "-O", format, *words, disk, target)
    return target


# -- in place ----------------------------------------------------------------------------------------------


def test_raw_gets_smaller_by_what_the_plan_says(disk: tuple[str, Path], tmp_path: Path) -> None:
    content, source = disk
    image = copy(source, tmp_path / "d.raw")
    files, size, before = digests(image), taken(image), _stored(image)
    plan = imgtools("sparsify", "--json", image)
    assert taken(image) == size and not plan.data["written"]
    assert given(plan) >= JUNK * 9 // 10
    deed = imgtools("sparsify", "--write", "--json", image)
    assert deed.data["volumes"] == plan.data["volumes"]
    assert before - _stored(image) == plan.data["given_back"]
    # The host's own lists of where the file lies count, too.
    assert abs(size - taken(image) - plan.data["given_back"]) <= 64 << 10
    assert deed.data["size_after"] == taken(image)
    assert digests(image) == files and len(files) >= len(FILES)
    require_clean(image, content, tmp_path)
    again = imgtools("sparsify", "--write", "--json", image).data
    assert again["given_back"] == 0 and not again["changed"] and not again["written"]


def test_qcow2_gets_smaller_by_what_the_plan_says(one_of_each: tuple[str, Path], tmp_path: Path) -> None:
    content, source = one_of_each
    image = copy(source, tmp_path / "d.qcow2", "qcow2")
    files, before = digests(image), _stored(image)
    plan = imgtools("sparsify", "--json", image).data
    deed = imgtools("sparsify", "--write", "--json", image).data
    assert deed["volumes"] == plan["volumes"] and plan["given_back"] >= JUNK // 2
    assert before - _stored(image) == plan["given_back"]
    assert "No errors" in qemu_img("check", image)
    assert digests(image) == files
    require_clean(image, content, tmp_path)


def _stored(image: Path) -> int:
    return sum(one["length"] for one in json.loads(qemu_img("map", "--output=json", image)) if one["data"])


def test_an_overlay_gives_back_its_own_and_shows_nothing_of_its_base(ext4: Path, tmp_path: Path) -> None:
    base = copy(ext4, tmp_path / "base.qcow2", "qcow2")
    top = tmp_path / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", base.name, "-F", "qcow2", top)
    free = _a_free_place(base)
    patch_image(top, free, random_bytes(MIB, 5))
    before, below, files = taken(top), base.read_bytes(), digests(top)
    told = imgtools("sparsify", "--write", "--json", top).data
    assert told["given_back"] == MIB and taken(top) <= before - MIB + 128 * 1024
    assert content_of(top)[free : free + MIB] == bytes(MIB)  # not what the base has there
    assert base.read_bytes() == below and digests(top) == files


def _a_free_place(image: Path) -> int:
    """A MiB of free room of the ext4 that the base stores junk for."""
    content = content_of(image)
    place = content.index(random_bytes(MIB, 9)[:65536])
    return -(-place // MIB) * MIB


def test_version_2_upon_a_base_is_refused(ext4: Path, tmp_path: Path) -> None:
    base = copy(ext4, tmp_path / "base.raw")
    top = tmp_path / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-o", "compat=0.10", "-b", base.name, "-F", "raw", top)
    assert "compat=1.1" in imgtools("sparsify", "--write", top, code=14).err


# -- swap, gaps, LVM ---------------------------------------------------------------------------------------


def swap_disk(folder: Path) -> Path:
    part = folder / "swap"
    part.write_bytes(random_bytes(8 * MIB, 2))
    tool("mkswap", "-q", "-L", "swap space", "-U", "d0d0d0d0-0041-4000-8000-000000000e02", part)
    return divided_disk(folder, part, junk=0)


def test_swap_keeps_its_label_and_uuid(tmp_path: Path) -> None:
    image = swap_disk(tmp_path)
    plan = imgtools("sparsify", "--no-swap", "--json", image).data
    assert plan["given_back"] == 0 and plan["left"][0]["device"] == "/dev/sda1"
    told = imgtools("sparsify", "--write", "--json", image)
    assert given(told) == 8 * MIB - 4096
    with open_image([DiskSource(image, "raw")]) as opened:
        (found,) = opened.layout().volumes
    assert (found.content, found.label) == ("swap", "swap space")
    assert found.uuid == "d0d0d0d0-0041-4000-8000-000000000e02"
    assert image.read_bytes()[START + 4096 : START + 8 * MIB] == bytes(8 * MIB - 4096)


LOGICAL = """label: dos
1: start=4096, size=8192, type=83
2: start=20480, size=40960, type=5
5: start=22528, size=8192, type=83
6: start=40960, size=8192, type=83
"""


def test_gaps_behind_and_between_go_and_tables_stay(tmp_path: Path) -> None:
    image = tmp_path / "d.raw"
    image.write_bytes(random_bytes(48 * MIB, 6))
    subprocess_input(image, LOGICAL)
    table = run("sfdisk", "--dump", image)
    told = imgtools("sparsify", "--write", "--json", image).data
    (gaps,) = told["volumes"]
    # Behind partition 1 up to the extended one, and behind that; the begin and the last MiB of the disk stay.
    assert gaps["free"] == gaps["given_back"] == (20480 - 12288) * 512 + 47 * MIB - 61440 * 512
    assert run("sfdisk", "--dump", image) == table
    content, before = image.read_bytes(), random_bytes(48 * MIB, 6)
    assert (
        content[512 : 12288 * 512] == before[512 : 12288 * 512] and content[47 * MIB :] == before[47 * MIB :]
    )
    assert not any(content[12288 * 512 : 20480 * 512])
    assert {one["device"] for one in told["left"]} == {"/dev/sda1", "/dev/sda5", "/dev/sda6"}


def subprocess_input(image: Path, script: str) -> None:
    tool("sfdisk", "-q", "--wipe", "never", "--no-reread", "--no-tell-kernel", image, stdin=script)


def lvm_disk(folder: Path, kind: str = "striped") -> Path:
    """A physical volume on a whole disk; an ext4 in two pieces, and four extents that are nobody's."""
    pieces = [segment(0, 6, ("pv0", 2), kind=kind), segment(6, 4, ("pv0", 9), kind=kind)]
    disk = folder / "pv.raw"
    content = make_pv("a", group_text(["a"], [volume_text("root", "r", pieces)]))
    tree = folder / "lvtree"
    tree.mkdir()
    (tree / "file").write_bytes(random_bytes(MIB, 8))
    lv = folder / "lv"
    lv.touch()
    os.truncate(lv, 10 * MIB)
    tool("mke2fs", "-q", "-t", "ext4", "-d", tree, lv)
    raw = lv.read_bytes()
    for extent in (0, 1, 8, 13):
        content[MIB * (1 + extent) : MIB * (2 + extent)] = random_bytes(MIB, extent)
    content[3 * MIB : 9 * MIB], content[10 * MIB : 14 * MIB] = raw[: 6 * MIB], raw[6 * MIB :]
    disk.write_bytes(content)
    fill(disk, 2 * MIB)
    return disk


def test_free_extents_and_a_volume_in_pieces(tmp_path: Path) -> None:
    image = lvm_disk(tmp_path)
    files, metadata = digests(image), image.read_bytes()[:MIB]
    told = imgtools("sparsify", "--write", "--json", image)
    assert given(told, "/dev/sda") == 4 * MIB
    assert given(told, "/dev/vg/root") >= 2 * MIB
    content = image.read_bytes()
    assert content[:MIB] == metadata and digests(image) == files
    assert not any(any(content[MIB * (1 + one) : MIB * (2 + one)]) for one in (0, 1, 8, 13))
    lv = tmp_path / "after"
    lv.write_bytes(content[3 * MIB : 9 * MIB] + content[10 * MIB : 14 * MIB])
    tool("e2fsck", "-f", "-n", lv)


def test_an_ignored_volume_and_what_is_on_it_stay(tmp_path: Path) -> None:
    image = lvm_disk(tmp_path)
    told = imgtools("sparsify", "--ignore", "/dev/sda", "--json", image).data
    assert told["given_back"] == 0
    assert {one["device"] for one in told["left"]} == {"/dev/sda", "/dev/vg/root"}
    one = imgtools("sparsify", "--ignore", "/dev/vg/root", "--json", image).data
    assert one["given_back"] == 4 * MIB
    for group in ("vg", "/dev/vg"):  # its free extents alone
        one = imgtools("sparsify", "--ignore", group, "--json", image).data
        assert {row["device"] for row in one["volumes"] if row["given_back"]} == {"/dev/vg/root"}


# -- encrypted, emptied ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_luks_stays_unless_that_it_shows_is_accepted(tmp_path: Path, version: int) -> None:
    clear = filesystem_of(tmp_path, "ext4")
    outer = tmp_path / "luks"
    format_luks(outer, clear.read_bytes(), version=version)
    image, key = divided_disk(tmp_path, outer, junk=0), f"/dev/sda1:file:{tmp_path / 'key'}"
    (tmp_path / "key").write_bytes(KEY)
    keys = [passphrase(KEY, "/dev/sda1")]
    files = digests(image, "raw", keys)
    assert len(files) == 2 * len(FILES)
    assert imgtools("sparsify", "--json", image).data["given_back"] == 0
    locked = imgtools("sparsify", "--key", key, "--json", image).data
    assert locked["given_back"] == 0 and "--discard-encrypted" in locked["left"][0]["reason"]
    copied = imgtools("convert", "--sparse-guest", "--key", key, image, tmp_path / "copy.qcow2", "--json")
    ran = imgtools("sparsify", "--key", key, "--discard-encrypted", "--write", "--json", image)
    assert "is not used" not in copied.err + ran.err
    told = ran.data
    assert told["given_back"] > 25 * MIB
    assert digests(image, "raw", keys) == files


def test_a_volume_can_be_emptied(ext4: Path, tmp_path: Path) -> None:
    for format in ("raw", "qcow2"):
        image = copy(ext4, tmp_path / f"d.{format}", format)
        told = imgtools("sparsify", "--zero", "/dev/sda1", "--write", "--json", image).data
        (step,) = (one for one in told["changes"] if one["kind"] == "empty-volume")
        assert step["path"] == "/dev/sda1"
        content = content_of(image)
        assert not any(content[START : START + 48 * MIB]) and content[512:520] == b"EFI PART"
        assert taken(image) < 4 * MIB


# -- a new image -------------------------------------------------------------------------------------------


def test_a_new_image_has_every_file_and_the_old_one_is_only_read(
    one_of_each: tuple[str, Path], tmp_path: Path
) -> None:
    content, source = one_of_each
    before, new = hashlib.sha256(source.read_bytes()).hexdigest(), tmp_path / "new.qcow2"
    told = imgtools("sparsify", "--output", new, "--json", source).data
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before
    assert told["format"] == "qcow2" and told["written"]
    assert taken(new) < taken(source) - JUNK // 2
    assert digests(new) == digests(source)
    require_clean(new, content, tmp_path)
    other = tmp_path / "other.qcow2"
    imgtools("convert", "--sparse-guest", source, other)
    assert content_of(other) == content_of(new)


def test_a_compressed_one_of_a_chain(ext4: Path, tmp_path: Path) -> None:
    copy(ext4, tmp_path / "base.raw")
    top, new = tmp_path / "top.qcow2", tmp_path / "new.img"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", top)
    imgtools("sparsify", "--output", new, "-O", "qcow2", "--compress", "zstd", top)
    assert digests(new, "qcow2") == digests(top) and taken(new) < taken(ext4) - JUNK // 2
    assert imgtools("sparsify", "--output", new, top, code=15).code == 15
    assert imgtools("convert", "--sparse-guest", "--bitmaps", top, tmp_path / "n", code=2).code == 2


# -- refused -----------------------------------------------------------------------------------------------


def test_snapshots_and_other_formats_are_refused_in_place(ext4: Path, tmp_path: Path) -> None:
    image = copy(ext4, tmp_path / "d.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "one", image)
    before = image.read_bytes()
    assert "internal snapshots" in imgtools("sparsify", "--write", image, code=14).err
    assert image.read_bytes() == before
    imgtools("sparsify", "--output", tmp_path / "new.qcow2", image)
    assert "--output" in imgtools("sparsify", copy(ext4, tmp_path / "d.vmdk", "vmdk"), code=14).err


def test_what_others_stand_on_is_refused(ext4: Path, tmp_path: Path) -> None:
    image = copy(ext4, tmp_path / "d.raw")
    qemu_img("create", "-q", "-f", "qcow2", "-b", image.name, "-F", "raw", tmp_path / "top.qcow2")
    assert "top.qcow2" in imgtools("sparsify", "--write", image, code=17).err


def test_an_image_in_use_is_refused(ext4: Path, tmp_path: Path) -> None:
    image = copy(ext4, tmp_path / "d.qcow2", "qcow2")
    with serving(image, "qcow2"):
        assert imgtools("sparsify", "--write", image, code=11).code == 11
    assert "No errors" in qemu_img("check", image)


def test_an_image_that_changed_while_it_was_read_is_refused(
    ext4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = copy(ext4, tmp_path / "d.raw")
    look = free_room.look_for_free_room

    def changed(*words: object) -> object:
        found = look(*words)  # type: ignore[arg-type]
        patch(image, START + 40 * MIB, b"new")
        return found

    monkeypatch.setattr(sparsify, "look_for_free_room", changed)
    size = taken(image)
    assert "while it was read" in imgtools("sparsify", "--write", image, code=11).err
    assert taken(image) >= size


@pytest.mark.parametrize("kind", ["ext4", "vfat", "ntfs"])
def test_a_dirty_filesystem_is_refused_and_can_be_left_alone(tmp_path: Path, kind: str) -> None:
    part = filesystem_of(tmp_path, kind)
    if kind == "ext4":
        debugfs(part, "feature needs_recovery")
    elif kind == "vfat":
        patch(part, 0x41, b"\x01")
    else:
        with_hibernation(part)
    image = divided_disk(tmp_path, part, junk=0)
    before = image.read_bytes()
    refused = imgtools("sparsify", "--write", image, code=40)
    assert "/dev/sda1" in refused.err and "--ignore /dev/sda1" in refused.err
    assert imgtools("sparsify", "--output", tmp_path / "new", image, code=40).code == 40
    assert not (tmp_path / "new").exists()
    imgtools("sparsify", "--ignore", "/dev/sda1", "--write", image)
    assert image.read_bytes() == before


def with_hibernation(part: Path) -> None:
    """Put the file of a hibernated Windows into an NTFS."""
    file = part.with_name("hiberfil.sys")
    file.write_bytes(b"HIBR" + bytes(8188))
    tool("ntfscp", "-f", part, file, "hiberfil.sys")


def test_a_dirty_xfs_is_refused(tmp_path: Path) -> None:
    part = filesystem_of(tmp_path, "xfs")
    with part.open("rb") as stream:
        superblock = stream.read(512)
        size, log = struct.unpack_from(">I", superblock, 4)[0], struct.unpack_from(">Q", superblock, 48)[0]
        group, inner = log >> superblock[124], log & (1 << superblock[124]) - 1
        place = (group * struct.unpack_from(">I", superblock, 84)[0] + inner) * size
        stream.seek(place)
        record = stream.read(1024)
    assert record[:4] == b"\xfe\xed\xba\xbe" and record[512 + 9] == 0x20
    patch(part, place + 512 + 9, b"\0")
    image = divided_disk(tmp_path, part, junk=0)
    assert "log has to be replayed" in imgtools("sparsify", image, code=40).err


def test_a_damaged_bitmap_is_refused(tmp_path: Path) -> None:
    """A block that a file has, and the bitmap calls free: the filesystem's own checker has the last word."""
    part = filesystem_of(tmp_path, "ext4")
    (block,) = tool("debugfs", "-R", "bmap /large 5", part).split()
    debugfs(part, f"freeb {block}")
    image = divided_disk(tmp_path, part, junk=0)
    before = image.read_bytes()
    assert "e2fsck does not find" in imgtools("sparsify", "--write", image, code=40).err
    assert image.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--ignore", "/dev/sda9"), "no volume /dev/sda9"),
        (("--zero", "/dev/nothing"), "no volume /dev/nothing"),
        (("--ignore", "/dev/sda1", "--zero", "/dev/sda1"), "choose one"),
        (("--compress", "zstd"), "new image"),
        (("-O", "qcow2"), "new image"),
        (("--write", "--output", "new"), "choose one"),
    ],
)
def test_words_that_do_not_fit(ext4: Path, words: tuple[str, ...], said: str) -> None:
    assert said in imgtools("sparsify", *words, ext4, code=2).err


def test_two_partitions_that_overlap_are_refused(ext4: Path, tmp_path: Path) -> None:
    image = copy(ext4, tmp_path / "d.raw")
    content = bytearray(512)
    content[446:462] = struct.pack("<B3sB3sII", 0, b"\0\0\0", 0x83, b"\0\0\0", 2048, 40960)
    content[462:478] = struct.pack("<B3sB3sII", 0, b"\0\0\0", 0x83, b"\0\0\0", 20480, 40960)
    content[510:] = b"\x55\xaa"
    patch(image, 0, bytes(content))
    before = image.read_bytes()
    assert "overlap" in imgtools("sparsify", "--write", image, code=10).err
    assert image.read_bytes() == before


def test_every_kind_has_its_checker() -> None:
    assert {content for content, _ in KINDS.values()} == set(CHECKERS)


def test_an_image_without_anything_known_gives_nothing_back(tmp_path: Path) -> None:
    image = image_of(random_bytes(2 * MIB), tmp_path / "d.raw")
    told = imgtools("sparsify", "--write", "-f", "raw", "--json", image).data
    assert not told["changed"] and not told["written"] and told["left"][0]["device"] == "/dev/sda"
