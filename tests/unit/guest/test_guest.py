"""Finding guests: which volumes are roots, what they mount, and what is said when there is none."""

from __future__ import annotations

import pytest

from imgtools.errors import ImgtoolsError, KeyNeeded, ManyGuests, NoGuest, NoSuchGuestFile, OddGuest
from imgtools.guest.guest import Guest, find_guests, guest_path, the_guest
from imgtools.records.disks import Declined, Disk, Layout, Mount
from imgtools.records.files import FileStat
from imgtools.records.system import OsInfo, OsType
from tests.support.images import MemoryImage, memory_image, memory_session
from tests.support.memory import MemoryFilesystem, link, memory_files, memory_volume

ELF_X86_64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00"
DEBIAN = {
    "/bin": link("usr/bin"),
    "/usr/bin/bash": ELF_X86_64,
    "/etc/os-release": link("../usr/lib/os-release"),
    "/usr/lib/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
    "/etc/debian_version": "12.5\n",
    "/etc/hostname": "mail\n",
    "/var/lib/dpkg/status": "",
    "/usr/bin/apt-get": "",
}
ROOT = memory_volume("/dev/sda2", uuid="0000-root")
BOOT = memory_volume("/dev/sda1", uuid="0000-boot")


def test_a_debian_guest_has_its_facts_and_its_mounts() -> None:
    fstab = "UUID=0000-root / ext4 defaults 0 1\nUUID=0000-boot /boot ext4 defaults 0 2\n"
    image = memory_image({BOOT: {"/vmlinuz-6.1": "kernel"}, ROOT: {**DEBIAN, "/etc/fstab": fstab}})
    guest = the_guest(image)
    assert guest.root == ROOT
    assert [(mount.path, mount.volume.device) for mount in guest.mounts] == [
        ("/", "/dev/sda2"),
        ("/boot", "/dev/sda1"),
    ]
    assert guest.files.read_text("/boot/vmlinuz-6.1") == "kernel"
    assert (guest.os.type, guest.os.distro, guest.os.major, guest.os.minor) == (OsType.LINUX, "debian", 12, 5)
    assert (guest.os.arch, guest.os.hostname, guest.os.osinfo) == ("x86_64", "mail", "debian12")
    assert (guest.os.package_format, guest.os.package_management) == ("deb", "apt")
    assert guest.warnings == ()


def test_usr_on_its_own_volume_is_not_a_second_guest_and_tells_the_distribution() -> None:
    usr = memory_volume("/dev/sda3", uuid="0000-usr")
    image = memory_image(
        {
            usr: {"/bin/bash": ELF_X86_64, "/etc/hosts": "", "/lib/os-release": "ID=opensuse-leap\n"},
            ROOT: {
                "/bin": link("usr/bin"),
                "/etc/os-release": link("../usr/lib/os-release"),
                "/etc/fstab": "UUID=0000-root / xfs\nUUID=0000-usr /usr xfs\n",
            },
        }
    )
    (guest,) = find_guests(image)
    assert (guest.root, guest.os.distro, guest.os.arch) == (ROOT, "opensuse", "x86_64")


def test_two_systems_are_two_guests_and_the_user_has_to_choose() -> None:
    other = memory_volume("/dev/sdb1", uuid="0000-other")
    image = memory_image({ROOT: DEBIAN, other: {**DEBIAN, "/usr/lib/os-release": "ID=arch\n"}})
    assert len(find_guests(image)) == 2
    with pytest.raises(ManyGuests, match=r"/dev/sda2 .*Debian.*/dev/sdb1"):
        the_guest(image)
    assert the_guest(image, "/dev/sdb1").os.distro == "archlinux"
    with pytest.raises(NoGuest, match="/dev/sdc1"):
        the_guest(image, "/dev/sdc1")


def test_the_engine_is_booted_only_for_a_volume_that_no_guest_explains() -> None:
    data = memory_volume("/dev/sdb1", "btrfs", uuid="0000-data")
    layout = Layout((Disk("/dev/sda", 2 << 30),), volumes=(ROOT, data))
    direct = memory_session({ROOT: DEBIAN}, layout)
    image = MemoryImage(direct, memory_session({ROOT: DEBIAN, data: DEBIAN}, layout))
    assert [guest.root.device for guest in find_guests(image)] == ["/dev/sda2", "/dev/sdb1"]
    assert image.boots == 1
    alone = MemoryImage(memory_session({ROOT: DEBIAN}), memory_session({}))
    assert len(find_guests(alone)) == 1
    assert alone.boots == 0


def test_nothing_is_booted_to_look_for_others_where_the_device_of_one_is_named() -> None:
    data = memory_volume("/dev/sdb1", "btrfs", uuid="0000-data")
    layout = Layout((Disk("/dev/sda", 2 << 30),), volumes=(ROOT, data))
    direct = memory_session({ROOT: DEBIAN}, layout)

    def fresh() -> MemoryImage:
        return MemoryImage(direct, memory_session({ROOT: DEBIAN, data: DEBIAN}, layout))

    image = fresh()
    chosen = the_guest(image, "/dev/sda2")
    assert (chosen.root.device, image.boots) == ("/dev/sda2", 0)
    assert [warning.path for warning in chosen.warnings] == ["/dev/sdb1"]
    image = fresh()  # a UUID is one that the other volume may have as well
    assert (the_guest(image, ROOT.uuid).root.device, image.boots) == ("/dev/sda2", 1)
    image = fresh()
    assert (the_guest(image, "/dev/sdb1").root.device, image.boots) == ("/dev/sdb1", 1)


def test_what_no_engine_can_read_is_said() -> None:
    data = memory_volume("/dev/sdb1", "btrfs", uuid="0000-data")
    layout = Layout((Disk("/dev/sda", 2 << 30),), volumes=(ROOT, data))
    (guest,) = find_guests(memory_image({ROOT: DEBIAN}, layout))
    assert [(warning.path, warning.text) for warning in guest.warnings] == [
        ("/dev/sdb1", "not looked into for another system: no filesystem")
    ]
    with pytest.raises(NoGuest, match=r"/dev/sdb1 \(btrfs\) cannot be read: no filesystem"):
        the_guest(memory_image({ROOT: {"/x": ""}}, layout))


def test_a_volume_group_that_is_not_complete_is_named() -> None:
    member = memory_volume("/dev/sda1", "LVM2_member")
    lost = Declined("/dev/vg0/root", "the physical volume abc of the volume group vg0 is missing")
    layout = Layout((Disk("/dev/sda", 2 << 30),), volumes=(member,), unread=(lost,))
    with pytest.raises(NoGuest, match=r"/dev/vg0/root cannot be put together: .*vg0 is missing") as caught:
        the_guest(memory_image({member: {}}, layout))
    assert "--add DISK" in caught.value.hint


def test_what_is_not_in_the_layout_of_one_engine_is_looked_for_in_that_of_the_other() -> None:
    home = memory_volume("/dev/md0", uuid="0000-home")
    files = {**DEBIAN, "/etc/fstab": "UUID=0000-home /home ext4 defaults 0 2\n"}
    blind = Layout((Disk("/dev/sda", 2 << 30),), volumes=(ROOT,), unread=(Declined("/dev/sdb", "md RAID"),))
    image = MemoryImage(
        memory_session({ROOT: files}, blind), memory_session({ROOT: files, home: {"/ann/x": ""}})
    )
    assert the_guest(image).files.is_file("/home/ann/x")
    assert image.boots == 1


@pytest.mark.parametrize(
    ("content", "error", "message", "hint"),
    [
        ("crypto_LUKS", KeyNeeded, "/dev/sda1 is encrypted", "--key /dev/sda1:file:PATH"),
        ("iso9660", NoGuest, r"only /dev/sda1 \(iso9660\)", "imgtools ls"),
        ("", NoGuest, "nothing that is known on /dev/sda", "imgtools filesystems"),
    ],
)
def test_without_a_guest_the_error_says_what_is_there(
    content: str, error: type[ImgtoolsError], message: str, hint: str
) -> None:
    image = memory_image({memory_volume("/dev/sda1", content): {"/README": "x"}})
    with pytest.raises(error, match=message) as caught:
        the_guest(image)
    assert hint in caught.value.hint


C, D = memory_volume("/dev/sda2", "ntfs"), memory_volume("/dev/sdb1", "ntfs")
WINDOWS = Guest(
    root=C,
    os=OsInfo(OsType.WINDOWS, "windows", windows_systemroot="/Windows"),
    mounts=(Mount("/", C), Mount("/D:", D)),
    files=memory_files({}),
    drives=(("C", "/dev/sda2"), ("D", "/dev/sdb1"), ("E", "/dev/sdb2")),
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (r"C:\Windows\System32", "/Windows/System32"),
        (r"c:\Windows/System32\\drivers", "/Windows/System32/drivers"),
        ("C:", "/"),
        (r"\Windows", "/Windows"),
        ("/Windows/System32", "/Windows/System32"),
        (r"D:\data\a.txt", "/D:/data/a.txt"),
        ("d:", "/D:"),
        (r"a\..\b", "/a/../b"),
    ],
)
def test_a_path_as_windows_people_write_it(text: str, path: str) -> None:
    assert guest_path(WINDOWS, text) == path


@pytest.mark.parametrize(
    ("text", "fact"), [("E:\\x", "/dev/sdb2, which cannot be read"), ("Z:/x", "no drive Z:")]
)
def test_a_drive_that_is_not_there(text: str, fact: str) -> None:
    with pytest.raises(NoSuchGuestFile, match=fact) as caught:
        guest_path(WINDOWS, text)
    assert "C:, D:, E:" in caught.value.hint


def test_a_linux_path_is_never_a_drive() -> None:
    guest = the_guest(memory_image({ROOT: DEBIAN}))
    assert guest_path(guest, "/srv/C:/back\\slash") == "/srv/C:/back\\slash"
    assert guest_path(guest, "C:/x") == "/C:/x"
    assert guest_path(guest, "etc/hosts") == "/etc/hosts"


# -- damage -------------------------------------------------------------------------------------------------


class DamagedEtc(MemoryFilesystem):
    """A system whose /etc cannot be read."""

    def lookup(self, path: str) -> FileStat | None:
        if path.startswith("/etc/"):
            raise OddGuest("directory inode 7 has a hole")
        return super().lookup(path)


def test_a_damaged_volume_does_not_hide_the_guest_on_another() -> None:
    bad, good = memory_volume("/dev/sda1"), memory_volume("/dev/sda2")
    image = memory_image({bad: DamagedEtc(DEBIAN), good: DEBIAN})
    (guest,) = find_guests(image)
    assert guest.root == good
    assert [(one.path, one.text) for one in guest.warnings] == [
        ("/dev/sda1", "not looked into for another system: directory inode 7 has a hole")
    ]
    assert image.boots == 0


def test_a_damaged_guest_is_not_no_guest() -> None:
    with pytest.raises(OddGuest, match="inode 7 has a hole"):
        find_guests(memory_image({ROOT: DamagedEtc(DEBIAN)}))


TWO = memory_volume("/dev/vg-0/root", uuid="0000-TWO", label="second")


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("/dev/sda2", "/dev/sda2"),
        ("UUID=0000-root", "/dev/sda2"),
        ("0000-ROOT", "/dev/sda2"),
        ("/dev/vg-0/root", "/dev/vg-0/root"),
        ("/dev/mapper/vg--0-root", "/dev/vg-0/root"),
        ("LABEL=second", "/dev/vg-0/root"),
        ("second", "/dev/vg-0/root"),
        ("/dev/disk/by-label/second", "/dev/vg-0/root"),
    ],
)
def test_a_system_is_chosen_by_every_name_of_its_root(name: str, device: str) -> None:
    image = memory_image({ROOT: DEBIAN, TWO: DEBIAN})
    assert the_guest(image, name).root.device == device


@pytest.mark.parametrize("name", ["/dev/sdb1", "UUID=none", "LABEL=", "C:", ""])
def test_a_wrong_name_tells_those_that_there_are(name: str) -> None:
    image = memory_image({ROOT: DEBIAN, TWO: DEBIAN})
    with pytest.raises(NoGuest) as told:
        the_guest(image, name)
    assert "/dev/sda2 (Debian" in told.value.hint and "/dev/vg-0/root (Debian" in told.value.hint


def test_a_name_that_two_systems_have_chooses_neither() -> None:
    twin = memory_volume("/dev/sdb1", uuid="0000-other", label="second")
    image = memory_image({twin: DEBIAN, TWO: {**DEBIAN, "/etc/hostname": "other\n"}})
    with pytest.raises(ManyGuests, match="2 operating systems have their root at LABEL=second"):
        the_guest(image, "LABEL=second")
