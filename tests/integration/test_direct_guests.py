"""The direct engine over the test guests: what each disk holds, every file of it, and what is left to others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from fixtures.cache import digest_of
from imgtools.disk.backing import examine
from imgtools.engine.direct.session import DirectSession
from imgtools.engine.qemu.block import serve_disk
from imgtools.engine.qemu.unlock import Keyring
from imgtools.errors import KeyNeeded, OddGuest
from imgtools.files.tree import GuestTree
from imgtools.records.disks import Declined, Holder
from imgtools.records.files import FileKind
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing, Engine, Key, Secret
from tests.support.fixtures import fixture, fixture_disks


@contextmanager
def opened(name: str | Sequence[Path], *keys: Key) -> Iterator[DirectSession]:
    disks = fixture_disks(name) if isinstance(name, str) else name
    with ExitStack() as stack:
        infos = [examine(DiskSource(disk), policy=Backing.SAME_DIR) for disk in disks]
        session = DirectSession(
            [stack.enter_context(serve_disk(info, Keyring(keys))) for info in infos], keys
        )
        stack.callback(session.close)
        yield session


def files(session: DirectSession, device: str) -> GuestTree:
    volume = next(one for one in session.layout().volumes if one.device == device)
    found = session.mount(volume)
    assert not isinstance(found, Declined), found
    return GuestTree({"/": found}, Engine.DIRECT)


def reason(session: DirectSession, device: str) -> str:
    volume = next(one for one in session.layout().volumes if one.device == device)
    found = session.mount(volume)
    assert isinstance(found, Declined)
    return found.reason


def contents(session: DirectSession) -> dict[str, str]:
    return {volume.device: volume.content for volume in session.layout().volumes}


# -- whole guests -----------------------------------------------------------------------------------------

ROOTS = {
    "debian": "/dev/sda3",
    "ubuntu": "/dev/sda1",
    "alpine": "/dev/sda3",
    "amazon": "/dev/sda1",
    "rocky": "/dev/rl_rocky/root",
    "lvm": "/dev/vg_main/root",
    "multidisk": "/dev/vg_multi/root",
    "mbr-logical": "/dev/sda5",
    "mangled": "/dev/sda1",
    "opensuse": "/dev/sda2",
    "fedora": "btrfsvol:/dev/sda3/root",
    "windows": "/dev/sda2",
    "windows11": "/dev/sda3",
    "iso": "/dev/sda",
    "floppy": "/dev/sda",
    "fat": "/dev/sda",
}


@pytest.mark.parametrize("name", ROOTS)
def test_every_file_of_a_guest_is_read_and_nothing_is_changed(name: str) -> None:
    before = [digest_of(disk) for disk in fixture_disks(name)]
    with opened(name) as session:
        tree = files(session, ROOTS[name])
        for found in tree.walk("/"):
            assert found.stat.kind is not FileKind.UNKNOWN, found.path
            tree.xattrs(found.path)
            if found.stat.kind is FileKind.FILE:
                with tree.open(found.path) as stream:
                    length = 0
                    while part := stream.read(1 << 20):
                        length += len(part)
                    assert length == found.stat.size, found.path
            elif found.stat.kind is FileKind.LINK:
                assert tree.read_link(found.path)
        assert session.layout().unread == ()
    assert [digest_of(disk) for disk in fixture_disks(name)] == before == list(fixture(name).digests)


def test_a_linear_volume_on_two_disks(tmp_path: Path) -> None:
    with opened("multidisk") as session:
        layout = session.layout()
        srv = next(volume for volume in layout.volumes if volume.device == "/dev/vg_multi/srv")
        assert (srv.holder, srv.parents) == (Holder.LV, ("/dev/sdb", "/dev/sda2"))
        assert files(session, srv.device).exists("/big")
    with opened(tuple(reversed(fixture_disks("multidisk")))) as session:
        assert files(session, "/dev/vg_multi/srv").exists("/big")
    with opened(fixture_disks("multidisk")[:1]) as session:
        assert any("is missing" in one.reason for one in session.layout().unread)
        assert files(session, "/dev/vg_multi/root").exists("/etc/fstab")


def test_lvm_that_is_not_linear() -> None:
    with opened("lvm-exotic") as session:
        layout = session.layout()
        kinds = {lv.name: lv.kind for lv in layout.lvs}
        assert kinds == {
            "striped": "striped", "mirrored": "raid1", "origin": "linear", "before": "snapshot",
            "pool": "thin-pool", "thin": "thin",
        }  # fmt: skip
        assert layout.unread == ()
        for name, file in (
            ("striped", "stripes"),
            ("mirrored", "mirror"),
            ("origin", "origin"),
            ("before", "origin"),
        ):
            assert files(session, f"/dev/vg_exotic/{name}").exists(f"/{file}"), name
        assert files(session, "/dev/vg_exotic/thin").exists("/thin")


# -- encrypted, assembled elsewhere -----------------------------------------------------------------------


def key(selector: str, value: str) -> Key:
    return Key(selector, Secret(value.encode()))


def test_luks1() -> None:
    with opened("luks1") as session:
        assert contents(session)["/dev/sda2"] == "crypto_LUKS"
        assert session.layout().unread == ()
    with opened("luks1", key("/dev/sda2", "fixture")) as session:
        inner = next(volume for volume in session.layout().volumes if volume.holder is Holder.CRYPT)
        assert inner.parents == ("/dev/sda2",)
        assert files(session, inner.device).read_text("/etc/hostname") == "luks1-fixture\n"
    with pytest.raises(KeyNeeded), opened("luks1", key("all", "wrong")) as session:
        session.layout()


def test_bitlocker() -> None:
    with opened("bitlocker") as session:
        assert contents(session) == {"/dev/sda1": "BitLocker"}
    with opened("bitlocker", key("/dev/sda1", "fixture")) as session:
        inner = session.layout().volumes[-1]
        assert (inner.device, inner.parents) == ("/dev/mapper/bitlk-sda1", ("/dev/sda1",))
        assert files(session, inner.device).read_text("/Users/alice/secret.txt") == "behind BitLocker\n"
        large = files(session, inner.device).read_bytes("/Users/alice/large.bin")
        assert len(large) == 300_000
    for wrong in ("wrong", "", "111111-111111-111111-111111-111111-111111-111111-111111", "\udcff"):
        secret = Key("all", Secret(wrong.encode("utf-8", "surrogateescape")))
        with pytest.raises(KeyNeeded, match="/dev/sda1"), opened("bitlocker", secret) as session:
            session.layout()


def test_subvolumes_of_btrfs_are_volumes_of_their_own() -> None:
    with opened("opensuse") as session:
        layout = session.layout()
        volumes = [one for one in layout.volumes if one.holder is Holder.SUBVOLUME]
        assert layout.unread == () and len(volumes) == 12
        assert {one.parents for one in volumes} == {("/dev/sda2",)}
        default = files(session, "/dev/sda2")
        assert default.read_bytes("/etc/os-release") == files(
            session, "btrfsvol:/dev/sda2/@/.snapshots/1/snapshot"
        ).read_bytes("/etc/os-release")
        by_name = files(session, "btrfsvol:/dev/sda2/@/home")
        top = next(one for one in layout.volumes if one.device == "/dev/sda2")
        by_option = session.mount(top, "rw,relatime,subvol=/@/home")
        assert not isinstance(by_option, Declined)
        assert [one.name for one in by_name.list_dir("/")] == sorted(one.name for one in by_option.scan("/"))
        assert session.mount(top, "subvol=gone") == Declined(
            "/dev/sda2", "it has no subvolume gone", damaged=True,
            hint="imgtools filesystems lists the subvolumes that there are",
        )  # fmt: skip


def test_a_walk_from_the_top_goes_through_all_subvolumes() -> None:
    with opened("opensuse") as session:
        top = next(one for one in session.layout().volumes if one.device == "/dev/sda2")
        found = session.mount(top, "subvolid=5")
        assert not isinstance(found, Declined)
        paths = {one.path for one in GuestTree({"/": found}, Engine.DIRECT).walk("/")}
        for subvolume in ("@", "@/home", "@/.snapshots/1/snapshot", "@/.snapshots/2/snapshot"):
            assert f"/{subvolume}" in paths
        assert "/@/.snapshots/2/snapshot/etc/os-release" in paths


# -- dirty and damaged ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "device", "words"),
    [
        ("crashed", "/dev/sda1", "journal has to be replayed"),
        ("crashed", "/dev/sda2", "XFS log has to be replayed"),
        ("broken:ext4-dirty", "/dev/sda3", "journal has to be replayed"),
        ("broken:ntfs-dirty", "/dev/sda2", "marked dirty"),
        ("broken:ntfs-hibernated", "/dev/sda2", "hibernated"),
        ("ext4-features", "/dev/sda3", "casefold"),
        ("ext4-features", "/dev/sda4", "encrypted"),
    ],
)
def test_what_is_not_clean_or_not_known_is_declined(name: str, device: str, words: str) -> None:
    with opened(name) as session:
        assert words in reason(session, device)


def test_a_wiped_inode_does_not_take_its_folder_with_it() -> None:
    with opened("broken:ext4-bad-inode") as session:
        tree = files(session, "/dev/sda3")
        kinds = {entry.name: entry.stat.kind for entry in tree.list_dir("/etc")}
        assert kinds["login.defs"] is FileKind.UNKNOWN
        assert list(kinds.values()).count(FileKind.UNKNOWN) == 1
        assert tree.read_text("/etc/hostname")
        with pytest.raises(OddGuest):
            tree.xattrs("/etc/login.defs")


def test_a_folder_inside_itself_ends() -> None:
    with opened("broken:ext4-folder-cycle") as session:
        paths = [found.path for found in files(session, "/dev/sda3").walk("/srv")]
        assert "/srv/www/deep/again" in paths
        assert not any(path.startswith("/srv/www/deep/again/") for path in paths)


def test_a_file_that_claims_to_be_huge_costs_nothing() -> None:
    with (
        opened("broken:ext4-huge-file") as session,
        files(session, "/dev/sda3").open("/etc/os-release") as stream,
    ):
        assert b"PRETTY_NAME" in stream.read(1000)
        stream.seek(-5, 2)
        assert stream.read() == bytes(5)
        assert stream.tell() == 15 << 40


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-primary-damaged", "primary GPT is damaged"),
        ("gpt-bad-entries", "primary GPT is damaged"),
        ("gpt-backup-damaged", "backup GPT is damaged"),
    ],
)
def test_one_intact_copy_of_a_gpt_is_enough(name: str, words: str) -> None:
    with opened(f"broken:{name}") as session:
        assert words in session.layout().disks[0].problems[0]
        assert files(session, "/dev/sda3").exists("/etc/hostname")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt-both-damaged", "neither copy of the table is intact"),
        ("mbr-loop", "is a loop"),
        ("mbr-many-logical", "longer than 252"),
        ("partition-past-end", "/dev/sda2 ends at byte"),
    ],
)
def test_tables_that_do_not_add_up(name: str, words: str) -> None:
    with opened(f"broken:{name}") as session:
        assert any(words in problem for problem in session.layout().disks[0].problems)


def test_a_lost_superblock_is_a_volume_without_content() -> None:
    with opened("broken:ext4-bad-superblock") as session:
        assert contents(session)["/dev/sda3"] == ""
        assert contents(session)["/dev/sda2"] == "ext4"
