"""What only the appliance reads: opened encryption, RAID, LVM that is not linear, btrfs, dirty journals."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence

import pytest

from fixtures.cache import digest_of
from imgtools.disk.backing import examine
from imgtools.engine.appliance import survey
from imgtools.engine.appliance.crypt import Locked, open_locked
from imgtools.engine.direct.session import DirectSession
from imgtools.engine.qemu.block import serve_disk
from imgtools.errors import KeyNeeded
from imgtools.files.tree import GuestTree
from imgtools.filesystems.api import Filesystem
from imgtools.records.disks import Declined, Holder
from imgtools.records.files import FileKind
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine, Key, Secret
from tests.integration.conftest import RAW_NAME, Attached
from tests.support.fixtures import fixture_disks

pytestmark = pytest.mark.appliance

OPENED = "/dev/mapper/luks-d0d0d0d0-000f-4000-8000-000000000e01"


def files_of(attached: Attached, device: str, options: str = "") -> Filesystem:
    """The mounted filesystem of a volume."""
    mounted = attached.session.mount(attached.volume(device), options)
    if isinstance(mounted, Declined):
        kernel = attached.session.appliance.shell("dmesg | tail -n 20").decode("utf-8", "replace")
        raise AssertionError(f"{mounted}\n{kernel}")
    return mounted


def tree_of(attached: Attached, device: str, options: str = "") -> GuestTree:
    """The same, with links followed."""
    return GuestTree({"/": files_of(attached, device, options)}, Engine.APPLIANCE)


def names(files: Filesystem, path: str = "/") -> set[str]:
    """The names in a folder."""
    return {entry.name for entry in files.scan(path)}


# -- the layout -------------------------------------------------------------------------------------------


def test_whatever_direct_sees_the_appliance_sees_too(attached: Attached) -> None:
    ours, theirs = attached.session.layout(), attached.direct.layout()
    assert ours.disks == theirs.disks
    assert set(theirs.pvs) <= set(ours.pvs)
    assert set(theirs.vgs) <= set(ours.vgs)
    assert set(theirs.lvs) <= set(ours.lvs)
    assert set(theirs.volumes) <= set(ours.volumes)
    assert ours.unread == ()


def test_what_udev_knows_is_what_blkid_says(attached: Attached, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition inherits what udev knows of its disk; it must not be taken for what is on the partition."""
    by_udev = survey.look(attached.session.appliance)
    assert 'known "$d" "$part"' in survey.SCRIPT
    monkeypatch.setattr(survey, "SCRIPT", survey.SCRIPT.replace('known "$d" "$part"', "tags="))
    assert survey.look(attached.session.appliance) == by_udev


def test_lvm_inside_luks2_appears_with_its_key(attached: Attached) -> None:
    opened = attached.volume(OPENED)
    assert (opened.holder, opened.parents) == (Holder.CRYPT, (f"{attached.devices['luks2']}2",))
    assert attached.volume("/dev/vg_crypt/root").parents == (OPENED,)
    assert tree_of(attached, "/dev/vg_crypt/root").read_text("/etc/hostname").strip() == "luks2-fixture"
    assert attached.volume("/dev/vg_crypt/swap").content == "swap"


def test_bitlocker_opens_with_its_password(attached: Attached) -> None:
    device = f"{attached.devices['bitlocker']}1"
    opened = attached.volume(f"/dev/mapper/bitlk-{device.removeprefix('/dev/')}")
    assert (opened.holder, opened.parents, opened.content) == (Holder.CRYPT, (device,), "ntfs")
    files = tree_of(attached, opened.device)
    assert files.read_text("/Users/alice/secret.txt") == "behind BitLocker\n"
    infos = [examine(DiskSource(path)) for path in fixture_disks("bitlocker")]
    with serve_disk(infos[0]) as server:
        direct = DirectSession([server], [Key("all", Secret(b"fixture"))])
        inner = direct.layout().volumes[-1]
        assert (inner.size, inner.uuid) == (opened.size, opened.uuid)
        mounted = direct.mount(inner)
        assert not isinstance(mounted, Declined)
        large = "/Users/alice/large.bin"
        assert GuestTree({"/": mounted}, Engine.DIRECT).read_bytes(large) == files.read_bytes(large)


def test_a_volume_without_key_stays_closed(attached: Attached) -> None:
    locked = attached.volume("luks1:2")
    assert locked.content == "crypto_LUKS"
    with pytest.raises(KeyNeeded, match=f"{locked.device} is encrypted"):
        attached.session.mount(locked)


def test_a_wrong_key_opens_nothing_and_is_shown_nowhere(
    attached: Attached, caplog: pytest.LogCaptureFixture
) -> None:
    appliance = attached.session.appliance
    volume = attached.volume("luks1:2")
    with caplog.at_level("DEBUG"), pytest.raises(KeyNeeded, match=volume.device) as caught:
        # /dev/disk/by-uuid, because the kernel's own name of the disk is another in one launch of four
        device = f"/dev/disk/by-uuid/{volume.uuid}"
        open_locked(appliance, Locked(volume, device), [Key("all", Secret(b"not the passphrase"))])
    for text in (str(caught.value), caught.value.hint, caplog.text, appliance.log):
        assert "not the passphrase" not in text
    assert b"No such file" in appliance.shell("ls /run/imgtools-key 2>&1 || true")


def test_arrays_and_their_files(attached: Attached) -> None:
    array = next(one for one in attached.session.layout().volumes if one.holder is Holder.MD)
    members = tuple(f"{attached.devices['md']}{number}" for number in (1, 2))
    assert (array.content, array.parents) == ("ext4", members)
    assert tree_of(attached, array.device).read_text("/etc/hostname").strip() == "md-fixture"


@pytest.mark.parametrize("name", ["striped", "mirrored", "origin", "before", "thin"])
def test_logical_volumes_of_every_kind_are_read(attached: Attached, name: str) -> None:
    assert attached.volume(f"/dev/vg_exotic/{name}").content == "ext4"
    assert len(names(files_of(attached, f"/dev/vg_exotic/{name}"))) > 1


# -- btrfs ------------------------------------------------------------------------------------------------


def test_subvolumes_by_their_names_and_by_options(attached: Attached) -> None:
    device = f"{attached.devices['opensuse']}2"
    by_name = files_of(attached, f"btrfsvol:{device}/@/home")
    by_option = files_of(attached, device, "rw,relatime,subvol=/@/home")
    assert names(by_name) == names(by_option) != set()
    assert by_name.lookup("/") == by_option.lookup("/")


def test_without_an_option_the_default_subvolume_is_mounted(attached: Attached) -> None:
    device = f"{attached.devices['opensuse']}2"
    default = files_of(attached, device)
    snapshot = files_of(attached, f"btrfsvol:{device}/@/.snapshots/1/snapshot")
    assert names(default) == names(snapshot)
    assert "etc" in names(default)


# -- filesystems that were not closed ---------------------------------------------------------------------


@pytest.mark.parametrize(("device", "content"), [("crashed:1", "ext4"), ("crashed:2", "xfs")])
def test_what_only_the_journal_knows_is_there(attached: Attached, device: str, content: str) -> None:
    volume = attached.volume(device)
    assert volume.content == content
    assert isinstance(attached.direct.mount(volume), Declined)
    assert tree_of(attached, device).is_file("/crashed.txt")


def test_hibernated_windows_is_read(attached: Attached) -> None:
    assert isinstance(attached.direct.mount(attached.volume("broken:ntfs-hibernated:2")), Declined)
    files = tree_of(attached, "broken:ntfs-hibernated:2")
    assert files.is_dir("/windows/system32/CONFIG")  # in any letter case


def test_junctions_lead_where_windows_goes(attached: Attached) -> None:
    files = tree_of(attached, "windows:2")
    assert files.read_link("/Documents and Settings") == "/Users"
    assert files.resolve("/Documents and Settings") == "/Users"
    found = files.lstat("/Documents and Settings")
    assert found is not None
    assert (found.kind, found.size) == (FileKind.LINK, len("/Users"))


# -- bytes ------------------------------------------------------------------------------------------------


def test_names_that_are_not_utf8(attached: Attached) -> None:
    files = files_of(attached, attached.devices["raw-names"])
    name = os.fsdecode(RAW_NAME)
    assert {name, f"folder {name}", "line\nend", "link", "large"} <= names(files)
    assert files.open(f"/{name}").read() == b"content of " + RAW_NAME
    assert names(files, f"/folder {name}") == {"inside"}
    assert files.open(f"/folder {name}/inside").read().endswith(b"/inside")
    assert files.read_link("/link") == f"to {name}"
    assert files.lookup("/nothing \udcff") is None


def test_both_engines_read_the_same_bytes(attached: Attached) -> None:
    device = attached.devices["raw-names"]
    direct = attached.direct.mount(attached.volume(device))
    assert not isinstance(direct, Declined)
    ours = GuestTree({"/": files_of(attached, device)}, Engine.APPLIANCE)
    theirs = GuestTree({"/": direct}, Engine.DIRECT)
    assert list(ours.walk("/")) == list(theirs.walk("/"))
    assert digest(ours, "/large") == digest(theirs, "/large")


def digest(files: GuestTree, path: str) -> str:
    """The SHA-256 of a file, read in uneven pieces."""
    running = hashlib.sha256()
    with files.open(path) as stream:
        for piece in pieces(stream.read, (1, 100, 1 << 20, 777)):
            running.update(piece)
    return running.hexdigest()


def pieces(read: object, sizes: Sequence[int]) -> Iterator[bytes]:
    """What a stream gives when it is asked for these sizes, again and again."""
    assert callable(read)
    turn = 0
    while piece := read(sizes[turn % len(sizes)]):
        yield piece
        turn += 1


def test_bytes_on_the_console_do_no_harm(attached: Attached) -> None:
    """The kernel prints names of files when it complains; the binding's callbacks crash on such bytes."""
    appliance = attached.session.appliance
    assert appliance.shell(r"printf 'name \377\n' > /dev/console; printf 'a\377b'") == b"a\xffb"
    appliance.shell("sleep 0.2")
    assert "name \N{REPLACEMENT CHARACTER}" in appliance.log


def test_reading_changes_no_disk(attached: Attached) -> None:
    """Journals are replayed, into libguestfs' overlays only."""
    for device in ("crashed:1", "crashed:2", "broken:ntfs-hibernated:2", "windows:2"):
        files_of(attached, device)
    assert tuple(digest_of(disk) for disk in attached.disks) == attached.digests
