"""Opening volumes in the appliance: keys, mounts, and what is said when they fail."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from imgtools.engine.appliance import session
from imgtools.engine.appliance.files import ApplianceFilesystem
from imgtools.engine.appliance.launch import MEMORY_WITH_KEYS, Drive
from imgtools.engine.appliance.session import ApplianceSession, mount_complaint
from imgtools.engine.subvolumes import subvolume_option
from imgtools.errors import ApplianceFailed, KeyNeeded, UnsupportedGuest
from imgtools.records.disks import Declined, Holder, Volume
from imgtools.records.request import Key, Secret
from tests.support.appliance import FakeCalls
from tests.support.volumes import BytesDisk, gpt_disk

MARK = "@MARK@"
DEVICE = (
    "{mark} device\n{name}\n{sectors}\n{target}\n{dm}\n{uuid}\n\n{slaves}\n{part}\n{mark} tags 0\n{tags}\n"
)
PASSWORD = b"correct horse\0battery"


def device(name: str, tags: str = "", **facts: str) -> str:
    """One device in the script's answer."""
    empty = {"target": "", "dm": "", "uuid": "", "slaves": "", "part": ""}
    return DEVICE.format(mark=MARK, name=name, sectors=4096, tags=tags, **{**empty, **facts})


LUKS = "ID_FS_TYPE=crypto_LUKS\nID_FS_UUID_ENC=AAAA-1111"
DISK = device("sda", LUKS, target="2:0:0:0")
OPENED = device(
    "dm-0", "ID_FS_TYPE=ext4", dm="luks-AAAA-1111", uuid="CRYPT-LUKS2-aaaa1111-luks-AAAA-1111", slaves=" sda"
)
LVM = f"{MARK} lvm\n{MARK} said\n"


class Server:
    """A disk server with an empty disk of 2 MiB."""

    socket = "/s/disk"
    size = 4096 * 512

    def read(self, offset: int, length: int) -> bytes:
        return bytes(min(length, self.size - offset))


class FakeAppliance:
    """An appliance with one LUKS disk that one key opens; remembers the scripts and what was uploaded."""

    def __init__(self, devices: str = DISK) -> None:
        self.calls = FakeCalls()
        self.handle = self
        self.devices = devices
        self.uploaded: list[bytes] = []
        self.scripts: list[str] = []
        self.scanned = 0
        self.mount_answer = b""
        self.code = 0
        self.has_ended = False

    def call(self, work: Any, *, seconds: float = 0) -> Any:
        return work()

    def close(self) -> None:
        self.has_ended = True

    def lvm_scan(self, activate: bool) -> None:
        self.scanned += 1

    def debug_upload(self, host_path: str, path: str, mode: int) -> None:
        self.uploaded.append(Path(host_path).read_bytes())

    def shell(self, script: str | bytes, *, seconds: float = 0) -> bytes:
        text = os.fsdecode(script)
        self.scripts.append(text)
        if "lvm fullreport" in text:
            mark = text.split("M=", 1)[1].split("\n", 1)[0]
            return (self.devices + LVM).replace(MARK, mark).encode()
        if "cryptsetup" in text:
            code = 0 if self.uploaded[-1] == PASSWORD else 2
            if not (self.code or code):
                self.devices = DISK + OPENED
            return f"{'' if not self.code else 'Not enough memory'}\n{self.code or code}\n".encode()
        return self.mount_answer if "mount" in text else b""


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> FakeAppliance:
    """Sessions of this test get this appliance; ``launched.memory`` is what was asked for."""
    appliance = FakeAppliance()

    def launch(drives: Sequence[Drive], *, memory: int = 0, network: bool = False) -> FakeAppliance:
        appliance.memory = memory  # type: ignore[attr-defined]
        appliance.sectors = [drive.sector_size for drive in drives]  # type: ignore[attr-defined]
        return appliance

    monkeypatch.setattr(session, "launch_appliance", launch)
    monkeypatch.setattr("imgtools.engine.appliance.survey.secrets.token_hex", lambda _: "0123")
    return appliance


def volume(device: str, content: str, **facts: Any) -> Volume:
    """A volume record."""
    return Volume(device, facts.pop("holder", Holder.PARTITION), 1 << 20, content, **facts)


def test_the_appliance_sees_a_disk_in_its_own_sectors(launched: FakeAppliance) -> None:
    large = BytesDisk(gpt_disk(4096))
    ApplianceSession([Server(), large, BytesDisk(gpt_disk(512))])
    assert launched.sectors == [512, 4096, 512]  # type: ignore[attr-defined]
    ApplianceSession([large], drives=[Drive(socket="/s/overlay", read_only=False)])
    assert launched.sectors == [4096]  # type: ignore[attr-defined]


@pytest.mark.parametrize("selector", ["/dev/sda", "aaaa-1111", "all"])
def test_a_key_is_found_by_device_uuid_or_all(launched: FakeAppliance, selector: str) -> None:
    layout = ApplianceSession([Server()], [Key(selector, Secret(PASSWORD))]).layout()
    assert [one.device for one in layout.volumes] == ["/dev/sda", "/dev/mapper/luks-AAAA-1111"]
    assert launched.scanned == 1
    assert launched.memory == MEMORY_WITH_KEYS  # type: ignore[attr-defined]


def test_of_several_keys_the_one_that_fits_is_used(launched: FakeAppliance) -> None:
    keys = [Key("all", Secret(b"wrong")), Key("/dev/sda", Secret(PASSWORD))]
    assert len(ApplianceSession([Server()], keys).layout().volumes) == 2
    assert launched.uploaded == [b"wrong", PASSWORD]


def test_a_secret_is_in_no_script_and_taken_away_again(launched: FakeAppliance) -> None:
    ApplianceSession([Server()], [Key("all", Secret(PASSWORD))]).layout()
    assert not any("correct horse" in script for script in launched.scripts)
    assert any(script.startswith("rm -f /run/imgtools-key") for script in launched.scripts)


def test_a_wrong_key_names_the_device(launched: FakeAppliance) -> None:
    with pytest.raises(KeyNeeded, match="the key given for /dev/sda does not open it") as caught:
        ApplianceSession([Server()], [Key("all", Secret(b"wrong"))]).layout()
    assert "wrong" not in str(caught.value)


def test_a_key_for_another_device_is_not_tried(launched: FakeAppliance) -> None:
    layout = ApplianceSession([Server()], [Key("/dev/sdb1", Secret(PASSWORD))]).layout()
    assert [one.content for one in layout.volumes] == ["crypto_LUKS"]
    assert launched.uploaded == []


def test_too_little_memory_is_not_a_wrong_key(launched: FakeAppliance) -> None:
    launched.code = 3
    with pytest.raises(ApplianceFailed, match="needs more memory") as caught:
        ApplianceSession([Server()], [Key("all", Secret(PASSWORD))]).layout()
    assert "LIBGUESTFS_MEMSIZE" in caught.value.hint


def test_a_clone_whose_original_is_open_is_named(launched: FakeAppliance) -> None:
    launched.code = 5  # cryptsetup(8): device already exists or device is busy
    with pytest.raises(UnsupportedGuest, match=r"/dev/sda has the UUID of .* as a clone has: AAAA-1111"):
        ApplianceSession([Server()], [Key("all", Secret(PASSWORD))]).layout()


def test_without_keys_there_is_one_look_and_little_memory(launched: FakeAppliance) -> None:
    ApplianceSession([Server()]).layout()
    assert sum("lvm fullreport" in script for script in launched.scripts) == 1
    assert launched.memory == 0  # type: ignore[attr-defined]


def test_a_locked_volume_cannot_be_mounted(launched: FakeAppliance) -> None:
    with pytest.raises(KeyNeeded, match="/dev/sda is encrypted"):
        ApplianceSession([Server()]).mount(volume("/dev/sda", "crypto_LUKS"))


@pytest.mark.parametrize(
    ("content", "options"), [("ext4", "ro"), ("xfs", "ro,nouuid"), ("vfat", "ro,utf8"), ("ntfs", "ro")]
)
def test_volumes_are_mounted_read_only(launched: FakeAppliance, content: str, options: str) -> None:
    mounted = ApplianceSession([Server()]).mount(volume("/dev/sda1", content))
    assert isinstance(mounted, ApplianceFilesystem)
    assert f"mount -o {options} /dev/sda1 /sysroot/v0 " in launched.scripts[-1]


def test_a_volume_is_mounted_once(launched: FakeAppliance) -> None:
    opened = ApplianceSession([Server()])
    first = opened.mount(volume("/dev/sda1", "ext4"))
    count = len(launched.scripts)
    assert opened.mount(volume("/dev/sda1", "ext4"), "defaults,noatime") is first
    assert len(launched.scripts) == count
    assert opened.mount(volume("/dev/sda2", "ext4")) is not first
    assert "/sysroot/v1" in launched.scripts[-1]


def test_subvolumes_are_mounted_by_id(launched: FakeAppliance) -> None:
    launched.devices = device("sda", "ID_FS_TYPE=btrfs\nID_FS_UUID_ENC=B", target="2:0:0:0")
    launched.devices += (
        f"{MARK} subvolumes\nID 256 gen 1 top level 5 path @\nID 257 gen 1 top level 5 path a,b c\n"
    )
    opened = ApplianceSession([Server()])
    whole, at, odd = opened.layout().volumes
    assert (at.device, odd.device) == ("btrfsvol:/dev/sda/@", "btrfsvol:/dev/sda/a,b c")
    opened.mount(odd)
    assert "mount -o ro,subvolid=257 /dev/sda /sysroot/v0" in launched.scripts[-1]
    opened.mount(whole, "noatime,subvol=/@")
    assert "mount -o ro,subvolid=256 /dev/sda /sysroot/v1" in launched.scripts[-1]
    opened.mount(whole, "subvolid=5")
    assert "mount -o ro,subvolid=5 /dev/sda /sysroot/v2" in launched.scripts[-1]
    opened.mount(whole)
    assert "mount -o ro /dev/sda /sysroot/v3" in launched.scripts[-1]


def test_a_mount_that_fails_is_declined_in_the_kernels_words(launched: FakeAppliance) -> None:
    launched.mount_answer = (
        b"mount: /sysroot/v0: wrong fs type, bad option, bad superblock on /dev/sda1.\n"
        b"       dmesg(1) may have more information after failed mount system call.\n"
        b"mount has failed\n[    8.232498] EXT4-fs (sda1): Unsupported blocksize for fs-verity\n"
    )
    answer = ApplianceSession([Server()]).mount(volume("/dev/sda1", "ext4"))
    assert answer == Declined(
        "/dev/sda1",
        "wrong fs type, bad option, bad superblock on /dev/sda1 (Unsupported blocksize for fs-verity)",
    )


def test_what_holds_no_files_is_declined(launched: FakeAppliance) -> None:
    answer = ApplianceSession([Server()]).mount(volume("/dev/sda1", "swap"))
    assert answer == Declined("/dev/sda1", "swap holds no files")
    assert isinstance(ApplianceSession([Server()]).mount(volume("/dev/sda1", "")), Declined)


def test_only_subvolumes_matter_among_the_options_of_fstab() -> None:
    assert subvolume_option("rw,noatime,subvol=@home,compress=zstd") == "subvol=@home"
    assert subvolume_option("defaults,ro,noexec") == ""


def test_a_mount_that_worked_has_no_complaint() -> None:
    assert mount_complaint("mount: warning: /dev/sda1 was mounted read-only\n", "/sysroot/v0") == ""
