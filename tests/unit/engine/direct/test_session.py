"""From disks to volumes: partitions, LVM over disks, whole disks, LUKS; one bad volume spoils no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imgtools.engine.direct.probe import AMBIVALENT_WORDS
from imgtools.engine.direct.session import DirectSession, disk_device
from imgtools.engine.qemu.block import serve_disk
from imgtools.errors import KeyNeeded
from imgtools.records.disks import MORE_DISKS, Declined, Disk, Holder, Volume
from imgtools.records.request import Engine, Key, Secret
from imgtools.volumes.names import is_called
from tests.support.lvm import group_text, make_pv, segment, volume_text
from tests.support.md import member, old_member
from tests.support.volumes import FileDisk, blank, image_info, make_ext, patch, tool

MIB = 1 << 20
UUID = "d0d0d0d0-0001-4000-8000-000000000001"


@contextmanager
def opened(*paths: Path) -> Iterator[DirectSession]:
    session = DirectSession([FileDisk(path) for path in paths])
    try:
        yield session
    finally:
        session.close()


@pytest.fixture(scope="module")
def ext4(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small filesystem with a file."""
    folder = tmp_path_factory.mktemp("ext4")
    (folder / "tree").mkdir()
    (folder / "tree" / "hello").write_text("hello\n")
    return make_ext(
        folder / "a.img", folder / "tree", "-t", "ext4", "-L", "root", "-U", UUID, size=4 * MIB
    ).read_bytes()


def disk(path: Path, script: str, parts: dict[int, bytes], size: int = 64 * MIB) -> Path:
    """A partitioned disk with contents at places given in MiB."""
    blank(path, size)
    tool("sfdisk", "-q", "--no-reread", "--no-tell-kernel", path, stdin=script)
    for place, content in parts.items():
        patch(path, place * MIB, content)
    return path


def hello(session: DirectSession, device: str) -> bytes:
    volume = next(one for one in session.layout().volumes if one.device == device)
    found = session.mount(volume)
    assert not isinstance(found, Declined), found
    with found.open("/hello") as stream:
        return stream.read()


def test_names_of_disks() -> None:
    assert [disk_device(number) for number in (0, 25, 26, 51, 52, 701, 702)] == [
        "/dev/sda", "/dev/sdz", "/dev/sdaa", "/dev/sdaz", "/dev/sdba", "/dev/sdzz", "/dev/sdaaa"
    ]  # fmt: skip


@pytest.mark.host
def test_partitions_become_volumes(tmp_path: Path, ext4: bytes) -> None:
    script = """label: gpt
1MiB 1MiB 21686148-6449-6E6F-744E-656564454649
start=2MiB, size=4MiB, name="root", uuid=d0d0d0d0-0001-4000-8000-0000000000bb
"""
    with opened(disk(tmp_path / "a.img", script, {2: ext4})) as session:
        layout = session.layout()
        assert session.engine is Engine.DIRECT
        assert layout.unread == ()
        assert layout.volumes == (
            Volume(
                "/dev/sda1", Holder.PARTITION, MIB, parents=("/dev/sda",),
                part_uuid=layout.disks[0].partitions[0].id,
            ),
            Volume(
                "/dev/sda2", Holder.PARTITION, 4 * MIB, "ext4", "root", UUID, "1.0", ("/dev/sda",),
                "D0D0D0D0-0001-4000-8000-0000000000BB", "root",
            ),
        )  # fmt: skip
        assert hello(session, "/dev/sda2") == b"hello\n"


@pytest.mark.host
def test_extended_and_logical_partitions(tmp_path: Path, ext4: bytes) -> None:
    script = "label: dos\n1MiB 4MiB 83\n6MiB 50MiB 5\n8MiB 4MiB 83\n"
    with opened(disk(tmp_path / "a.img", script, {1: ext4, 8: ext4})) as session:
        found = [(volume.device, volume.content) for volume in session.layout().volumes]
        assert found == [("/dev/sda1", "ext4"), ("/dev/sda2", ""), ("/dev/sda5", "ext4")]
        assert hello(session, "/dev/sda5") == b"hello\n"


@pytest.mark.host
def test_a_whole_disk_is_a_volume_only_without_a_table(tmp_path: Path, ext4: bytes) -> None:
    plain, empty, bare = (
        tmp_path / "plain",
        disk(tmp_path / "empty", "label: gpt\n", {}),
        blank(tmp_path / "b", MIB),
    )
    plain.write_bytes(ext4)
    with opened(plain, empty, bare) as session:
        layout = session.layout()
        assert [(one.device, one.content) for one in layout.volumes] == [
            ("/dev/sda", "ext4"),
            ("/dev/sdc", ""),
        ]
        assert [one.table for one in layout.disks] == ["", "gpt", ""]
        assert hello(session, "/dev/sda") == b"hello\n"


@pytest.mark.host
@pytest.mark.parametrize("version", ["1.0", "0.90"])
@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_the_table_of_an_array_is_not_that_of_its_disks(
    tmp_path: Path, ext4: bytes, version: str, label: str
) -> None:
    """Whole disks as members, their superblocks at the end: each begins as the array does, with its table."""
    inner = disk(tmp_path / "inner", f"label: {label}\nstart=1MiB, size=4MiB\n", {1: ext4}, 8 * MIB)
    content, size = inner.read_bytes(), 8 * MIB + 0x20000
    for role, name in enumerate("ab"):
        if version == "1.0":
            raw = member(role, at=((size // 512 - 16) & ~7) * 512, size=size, content=content)
        else:
            raw = old_member(role, size=size, content=content)
        (tmp_path / name).write_bytes(raw)
    with opened(tmp_path / "a", tmp_path / "b") as session:
        layout = session.layout()
        assert [(one.device, one.table, one.partitions) for one in layout.disks] == [
            ("/dev/sda", "", ()),
            ("/dev/sdb", "", ()),
        ]
        assert [(one.device, one.content) for one in layout.volumes] == [
            ("/dev/sda", "linux_raid_member"), ("/dev/sdb", "linux_raid_member"), ("/dev/md127p1", "ext4"),
        ]  # fmt: skip
        assert layout.unread == () and hello(session, "/dev/md127p1") == b"hello\n"
        last = layout.volumes[-1]
        assert is_called(last, "/dev/md/data1") is (version == "1.0") and not is_called(last, "/dev/md/data")


@pytest.mark.host
@pytest.mark.parametrize("version", ["1.0", "0.90"])
def test_a_superblock_in_the_last_partition_is_that_partitions(
    tmp_path: Path, ext4: bytes, version: str
) -> None:
    size, end = 16 * MIB, 16 * MIB - MIB  # of the disk, and of its last partition
    at = ((size // 512 - 16) & ~7) * 512 if version == "1.0" else size - 0x10000
    found = {}
    for role, name in enumerate("ab"):
        path = disk(tmp_path / name, f"label: dos\nstart=1MiB, size={end // MIB}MiB\n", {}, size)
        if version == "1.0":
            raw = member(role, at=((end // 512 - 16) & ~7) * 512, size=end, content=ext4)
        else:
            raw = old_member(role, size=end, content=ext4)
        patch(path, MIB, bytes(raw))
        found[name] = path.read_bytes()[at : at + 4]
    assert found["a"] == (0xA92B4EFC).to_bytes(4, "little")  # where that of the whole disk would be, too
    with opened(tmp_path / "a", tmp_path / "b") as session:
        layout = session.layout()
        assert [one.table for one in layout.disks] == ["dos", "dos"]
        assert layout.volumes[-1].parents == ("/dev/sda1", "/dev/sdb1")
        assert hello(session, "/dev/md127") == b"hello\n"


@pytest.mark.host
def test_a_boot_sector_without_partitions_before_a_filesystem(tmp_path: Path, ext4: bytes) -> None:
    """As extlinux and others leave it on a disk without partitions."""
    path = tmp_path / "a.img"
    path.write_bytes(ext4[:510] + b"\x55\xaa" + ext4[512:])
    with opened(path) as session:
        assert session.layout().disks == (Disk("/dev/sda", len(ext4)),)
        assert hello(session, "/dev/sda") == b"hello\n"


@pytest.mark.host
def test_a_hybrid_disc_has_partitions(tmp_path: Path) -> None:
    """An ISO image that also boots from a stick: Linux shows its partitions, and so do we."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "hello").write_text("hello\n")
    path = tmp_path / "a.iso"
    tool("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "HYBRID", "-o", path, tmp_path / "tree")
    with opened(path) as session:
        assert [one.device for one in session.layout().volumes] == ["/dev/sda"]
        assert hello(session, "/dev/sda") == b"hello\n"
    entry = (
        bytes([0x80, 0, 0, 0, 0, 0, 0, 0])
        + (0).to_bytes(4, "little")
        + (path.stat().st_size // 512).to_bytes(4, "little")
    )
    patch(path, 446, entry)
    patch(path, 510, b"\x55\xaa")
    with opened(path) as session:
        assert [(one.device, one.content) for one in session.layout().volumes] == [("/dev/sda1", "iso9660")]
        assert hello(session, "/dev/sda1") == b"hello\n"


# -- LVM --------------------------------------------------------------------------------------------------


def lvm_disks(folder: Path, ext4: bytes) -> tuple[Path, Path]:
    """A group over a partition of one disk and the whole of another; the root volume lies on both."""
    segments = [segment(0, 1, ("pv0", 3)), segment(1, 3, ("pv1", 0))]
    odd = volume_text("odd", "o", [segment(0, 2, kind="vdo")])
    text = group_text(["A", "B"], [volume_text("root", "r", segments), odd])
    first, second = make_pv("A", text), make_pv("B", text)
    first[4 * MIB : 5 * MIB] = ext4[:MIB]
    second[MIB : 4 * MIB] = ext4[MIB:]
    (folder / "b.img").write_bytes(second)
    return disk(folder / "a.img", "label: dos\n1MiB 16MiB 8e\n", {1: bytes(first)}), folder / "b.img"


@pytest.mark.host
def test_logical_volumes_over_disks(tmp_path: Path, ext4: bytes) -> None:
    with opened(*lvm_disks(tmp_path, ext4)) as session:
        layout = session.layout()
        assert [(one.device, one.holder, one.content) for one in layout.volumes] == [
            ("/dev/sda1", Holder.PARTITION, "LVM2_member"),
            ("/dev/sdb", Holder.DISK, "LVM2_member"),
            ("/dev/vg/root", Holder.LV, "ext4"),
        ]
        assert layout.volumes[2].parents == ("/dev/sda1", "/dev/sdb")
        assert [(one.device, one.kind) for one in layout.lvs] == [
            ("/dev/vg/root", "linear"),
            ("/dev/vg/odd", "vdo"),
        ]
        assert layout.unread == (Declined("/dev/vg/odd", "a logical volume of kind vdo"),)
        assert hello(session, "/dev/vg/root") == b"hello\n"


@pytest.mark.host
def test_the_order_of_disks_does_not_matter(tmp_path: Path, ext4: bytes) -> None:
    with opened(*reversed(lvm_disks(tmp_path, ext4))) as session:
        assert hello(session, "/dev/vg/root") == b"hello\n"


@pytest.mark.host
def test_a_group_whose_second_disk_was_not_given(tmp_path: Path, ext4: bytes) -> None:
    with opened(lvm_disks(tmp_path, ext4)[0]) as session:
        assert [one.device for one in session.layout().volumes] == ["/dev/sda1"]
        assert "is missing" in session.layout().unread[0].reason
        volume = Volume("/dev/vg/root", Holder.LV, 4 * MIB, "ext4")
        found = session.mount(volume)
        assert isinstance(found, Declined) and "is missing" in found.reason


@pytest.mark.host
@pytest.mark.parametrize("beside", ["", "luks", "vdo"])
def test_what_is_missing_is_missing_for_all_unless_it_may_lie_elsewhere(
    tmp_path: Path, luks: Path, beside: str
) -> None:
    """In a container that no key opens, or in what only the other engine puts together."""
    volumes = [volume_text("root", "r", [segment(0, 3, ("pv1", 0))])]
    if beside == "vdo":
        volumes.append(volume_text("odd", "o", [segment(0, 2, kind="vdo")]))
    (tmp_path / "a.img").write_bytes(make_pv("A", group_text(["A", "B"], volumes)))
    with opened(tmp_path / "a.img", *([luks] if beside == "luks" else [])) as session:
        lost = next(one for one in session.layout().unread if one.what == "/dev/vg/root")
        assert "of the volume group vg is missing" in lost.reason
        assert (lost.damaged, lost.hint) == ((False, "") if beside else (True, MORE_DISKS))
        assert session.layout().is_complete == (not beside)


# -- what others have to look into ------------------------------------------------------------------------


@pytest.mark.host
def test_btrfs_on_two_disks_is_one_filesystem(tmp_path: Path) -> None:
    paths = [blank(tmp_path / f"{name}.img", 300 * MIB) for name in "ab"]
    tool("mkfs.btrfs", "-q", "-L", "pool", "-m", "raid1", *paths)
    with opened(*paths) as session:
        layout = session.layout()
        assert [(one.device, one.content, one.label) for one in layout.volumes] == [
            ("/dev/sda", "btrfs", "pool"),
            ("/dev/sdb", "btrfs", "pool"),
        ]
        assert layout.unread == ()
        found = [session.mount(one) for one in layout.volumes]
        assert found[0] is found[1] and not isinstance(found[0], Declined)
        assert list(found[0].scan("/")) == []


@pytest.mark.host
def test_btrfs_without_one_of_its_disks_is_damaged(tmp_path: Path) -> None:
    paths = [blank(tmp_path / f"{name}.img", 300 * MIB) for name in "ab"]
    tool("mkfs.btrfs", "-q", "-m", "raid1", *paths)
    with opened(paths[0]) as session:
        (volume,) = session.layout().volumes
        (reason,) = session.layout().unread
        assert reason.damaged and reason.hint == MORE_DISKS and reason.what == "/dev/sda"
        assert reason.reason.startswith("device 2 of this btrfs is missing")
        assert session.mount(volume) == reason


@pytest.mark.host
@pytest.mark.parametrize(
    ("script", "device", "words"),
    [
        ("label: sun\n1MiB 10MiB\n", "/dev/sda", "partition table (sun)"),
        ("label: dos\n1MiB 10MiB a5\n", "/dev/sda1", "FreeBSD label"),
        ("label: dos\n1MiB 10MiB 42\n", "/dev/sda1", "dynamic disks"),
        ("label: gpt\n1MiB 10MiB AF9B60A0-1431-4F62-BC68-3311714A69AD\n", "/dev/sda1", "dynamic disks"),
    ],
)
def test_what_is_divided_in_other_ways(tmp_path: Path, script: str, device: str, words: str) -> None:
    with opened(disk(tmp_path / "a.img", script, {})) as session:
        (found,) = session.layout().unread
        assert found.what == device
        assert words in found.reason


@pytest.mark.host
def test_one_bad_volume_spoils_no_other(tmp_path: Path, ext4: bytes) -> None:
    """A partition beyond the end, one cut by it, one ambivalent, and a good one."""
    tool("mkfs.fat", "-F", 12, blank(tmp_path / "fat", 4 * MIB))
    both = bytearray((tmp_path / "fat").read_bytes())
    both[1024:2048] = ext4[1024:2048]
    script = "label: dos\n1MiB 4MiB 83\n6MiB 4MiB 83\n12MiB 10MiB 83\n40MiB 4MiB 83\n"
    path = disk(tmp_path / "a.img", script, {1: ext4, 6: bytes(both), 12: ext4})
    with path.open("r+b") as stream:
        stream.truncate(14 * MIB)
    with opened(path) as session:
        layout = session.layout()
        assert hello(session, "/dev/sda1") == b"hello\n"
        assert layout.unread == (Declined("/dev/sda2", AMBIVALENT_WORDS),)
        assert [problem.split()[0] for problem in layout.disks[0].problems] == ["/dev/sda3", "/dev/sda4"]
        cut = next(one for one in layout.volumes if one.device == "/dev/sda3")
        found = session.mount(cut)
        assert isinstance(found, Declined) and "its volume 2097152" in found.reason


@pytest.mark.host
def test_what_has_no_filesystem(tmp_path: Path) -> None:
    with opened(blank(tmp_path / "a.img", MIB)) as session:
        assert session.mount(session.layout().volumes[0]) == Declined("/dev/sda", "no filesystem")
        stranger = session.mount(Volume("/dev/md127", Holder.MD, MIB, "ext4"))
        assert stranger == Declined("/dev/md127", "the direct engine does not see it")


@pytest.mark.host
def test_mounting_twice_is_mounting_once(tmp_path: Path, ext4: bytes) -> None:
    (tmp_path / "a.img").write_bytes(ext4)
    with opened(tmp_path / "a.img") as session:
        (volume,) = session.layout().volumes
        assert session.mount(volume) is session.mount(volume)
        assert session.layout() is session.layout()


@pytest.mark.host
def test_mounting_one_volume_reads_no_other(tmp_path: Path, ext4: bytes) -> None:
    big = make_ext(tmp_path / "big.img", None, "-t", "ext4", size=32 * MIB).read_bytes()
    path = disk(tmp_path / "a.img", "label: dos\n1MiB 4MiB 83\n8MiB 32MiB 83\n", {1: ext4, 8: big})
    server = FileDisk(path)
    session = DirectSession([server])
    session.layout()
    before = server.bytes_read
    assert hello(session, "/dev/sda1") == b"hello\n"
    assert server.bytes_read - before < MIB


# -- LUKS -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def luks(tmp_path_factory: pytest.TempPathFactory, ext4: bytes) -> Path:
    """A disk with a LUKS1 partition, filled through QEMU."""
    folder = tmp_path_factory.mktemp("luks")
    inner, container = folder / "inner", blank(folder / "container", 8 * MIB)
    tool(
        "cryptsetup", "luksFormat", "-q", "--type", "luks1", "--pbkdf-force-iterations", "1000", "--uuid", UUID,
        "--key-file", "-", container, stdin="sesame",
    )  # fmt: skip
    inner.write_bytes(ext4)
    (folder / "key").write_text("sesame")
    tool(
        "qemu-img", "convert", "-n", "-f", "raw", "--object", f"secret,id=k,file={folder}/key",
        "--target-image-opts", inner, f"driver=luks,key-secret=k,file.filename={container}",
    )  # fmt: skip
    return disk(folder / "a.img", "label: dos\n1MiB 8MiB 83\n12MiB 8MiB 83\n", {1: container.read_bytes()})


@contextmanager
def served(path: Path, *keys: Key) -> Iterator[DirectSession]:
    with serve_disk(image_info((path, "raw"))) as server:
        session = DirectSession([server], keys)
        try:
            yield session
        finally:
            session.close()


def key(selector: str, value: str) -> Key:
    return Key(selector, Secret(value.encode()))


@pytest.mark.host
def test_a_locked_volume_is_a_volume(luks: Path) -> None:
    with served(luks, key("/dev/sda2", "other")) as session:
        layout = session.layout()
        assert [(one.device, one.content) for one in layout.volumes] == [
            ("/dev/sda1", "crypto_LUKS"),
            ("/dev/sda2", ""),
        ]
        assert layout.unread == ()


@pytest.mark.host
@pytest.mark.parametrize("selector", ["/dev/sda1", UUID, UUID.upper(), "all"])
def test_luks1_is_opened_with_its_key(luks: Path, selector: str) -> None:
    with served(luks, key("/dev/sdz", "other"), key(selector, "sesame")) as session:
        inner = next(one for one in session.layout().volumes if one.holder is Holder.CRYPT)
        assert (inner.device, inner.content, inner.label) == (f"/dev/mapper/luks-{UUID}", "ext4", "root")
        assert inner.parents == ("/dev/sda1",)
        assert hello(session, inner.device) == b"hello\n"


@pytest.mark.host
def test_a_wrong_key_is_an_error(luks: Path) -> None:
    with (
        pytest.raises(KeyNeeded, match="/dev/sda1 is encrypted") as caught,
        served(luks, key("all", "wrong")) as session,
    ):
        session.layout()
    assert "--key /dev/sda1:file:PATH" in caught.value.hint


@pytest.mark.host
def test_reading_changes_nothing(luks: Path) -> None:
    before = hashlib.sha256(luks.read_bytes()).digest()
    with served(luks, key("all", "sesame")) as session:
        for volume in session.layout().volumes:
            session.mount(volume)
        assert hello(session, f"/dev/mapper/luks-{UUID}") == b"hello\n"
    assert hashlib.sha256(luks.read_bytes()).digest() == before
