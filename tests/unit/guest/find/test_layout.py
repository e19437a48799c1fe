"""What a Linux guest mounts where: by fstab, by the GPT's types, as subvolumes, as an OSTree deployment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.change.change import WriteFile
from imgtools.errors import EditFailed
from imgtools.guest.find.layout import ESP
from imgtools.guest.guest import Guest, find_guests, the_guest
from imgtools.image.handle import Image
from imgtools.records.disks import Holder, Layout, Volume
from imgtools.records.request import Target
from imgtools.workflows.writing import carry_out
from tests.support.images import Files, memory_image, partitioned
from tests.support.memory import directory, link, memory_volume

SYSTEM = {
    "/bin": link("usr/bin"),
    "/usr/bin/x": "",
    "/usr/lib/systemd/systemd": "",
    "/etc/os-release": "ID=arch\n",
}
ROOT = memory_volume("/dev/sda2", uuid="root")
ROOT_TYPE = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
HOME_TYPE = "933AC7E1-2EB4-4F13-B844-0E14E2AEF915"


def _mounts(guest: Guest) -> dict[str, str]:
    return {mount.path: mount.volume.device for mount in guest.mounts}


def _guest(root: Files, *others: Volume, types: tuple[str, ...] = ()) -> Guest:
    layout = Layout((partitioned(*types),), volumes=(ROOT, *others))
    return the_guest(memory_image({ROOT: root, **{other: {"/mark": ""} for other in others}}, layout))


def test_the_root_is_the_root_whatever_fstab_calls_it() -> None:
    guest = _guest({**SYSTEM, "/etc/fstab": "UUID=gone / ext4\n"})
    assert _mounts(guest) == {"/": "/dev/sda2"}
    assert [one.text for one in guest.warnings] == ["line 1: UUID=gone for / is not in this image"]


def test_a_root_that_is_not_there_is_warned_of_first() -> None:
    guest = _guest({**SYSTEM, "/etc/fstab": "UUID=x /data ext4\nUUID=gone / ext4\n"})
    assert next(one.text for one in guest.warnings) == "line 2: UUID=gone for / is not in this image"
    for line in ("UUID=gone / ext4 nofail\n", "tmpfs / tmpfs\n"):
        assert not _guest({**SYSTEM, "/etc/fstab": line}).warnings


def test_what_cannot_be_found_is_a_warning_unless_the_guest_does_not_mind() -> None:
    fstab = "UUID=1 /a ext4\nUUID=2 /b ext4 nofail\nUUID=3 /c ext4 noauto\n/dev/sr0 /cdrom iso9660\n"
    guest = _guest({**SYSTEM, "/etc/fstab": fstab})
    assert [(warning.text, warning.path) for warning in guest.warnings] == [
        ("line 1: UUID=1 for /a is not in this image", "/etc/fstab")
    ]


def test_the_first_line_for_a_mount_point_counts() -> None:
    one, two = memory_volume("/dev/sda3", uuid="one"), memory_volume("/dev/sda4", uuid="two")
    guest = _guest({**SYSTEM, "/etc/fstab": "UUID=one /srv ext4\nUUID=two /srv ext4\n"}, one, two)
    assert _mounts(guest)["/srv"] == "/dev/sda3"


def test_nothing_is_mounted_over_what_the_system_needs_to_read_its_fstab() -> None:
    guest = _guest({**SYSTEM, "/etc/fstab": "UUID=root /etc ext4\nUUID=root /../../etc ext4\n"})
    assert _mounts(guest) == {"/": "/dev/sda2"}
    assert [warning.text for warning in guest.warnings] == [
        "line 1: a mount on /etc is ignored",
        "line 2: a mount on /etc is ignored",
    ]


def test_without_fstab_the_types_of_the_partitions_say_where_they_go() -> None:
    """Arch with systemd-boot has no line for its ESP: systemd-gpt-auto-generator mounts it."""
    esp, home = memory_volume("/dev/sda1", "vfat"), memory_volume("/dev/sda3")
    root = {**SYSTEM, "/boot": directory(), "/home": directory()}
    assert _mounts(_guest(root, esp, home, types=(ESP, ROOT_TYPE, HOME_TYPE))) == {
        "/": "/dev/sda2",
        "/boot": "/dev/sda1",
        "/home": "/dev/sda3",
    }
    assert "/home" not in _mounts(
        _guest({**root, "/home/ann/x": ""}, home, types=(ESP, ROOT_TYPE, HOME_TYPE))
    )
    listed = {**root, "/etc/fstab": "UUID=none /boot ext4 nofail\n"}
    assert _mounts(_guest(listed, esp, types=(ESP, ROOT_TYPE))) == {"/": "/dev/sda2"}
    with_efi = {**root, "/efi": directory()}
    assert _mounts(_guest(with_efi, esp, types=(ESP, ROOT_TYPE)))["/efi"] == "/dev/sda1"


def test_a_partition_that_asks_to_be_left_alone_is() -> None:
    disk = partitioned(HOME_TYPE)
    marked = replace(disk, partitions=(replace(disk.partitions[0], flags=("guid:63",)),))
    home = memory_volume("/dev/sda1")
    root = memory_volume("/dev/sda2")
    image = memory_image(
        {home: {}, root: {**SYSTEM, "/home": directory()}}, Layout((marked,), volumes=(home, root))
    )
    assert _mounts(the_guest(image)) == {"/": "/dev/sda2"}


BTRFS = Volume("/dev/sda2", Holder.PARTITION, 1 << 30, "btrfs", uuid="tree")


def _subvolume(name: str) -> Volume:
    return replace(BTRFS, device=f"btrfsvol:/dev/sda2/{name}", holder=Holder.SUBVOLUME)


def test_subvolumes_are_mounted_by_their_names() -> None:
    fedora = {
        **SYSTEM,
        "/etc/fstab": "UUID=tree / btrfs subvol=root,compress=zstd:1 0 0\nUUID=tree /home btrfs subvol=home\n",
    }
    root, home = _subvolume("root"), _subvolume("home")
    guest = the_guest(memory_image({BTRFS: {"/root": directory()}, root: fedora, home: {"/ann/x": ""}}))
    assert guest.root == root
    assert _mounts(guest) == {"/": "btrfsvol:/dev/sda2/root", "/home": "btrfsvol:/dev/sda2/home"}
    assert guest.files.is_file("/home/ann/x")


def test_a_subvolume_that_the_layout_does_not_list_is_mounted_by_option() -> None:
    fedora = {**SYSTEM, "/etc/fstab": "UUID=tree / btrfs subvol=root\nUUID=tree /srv btrfs subvol=/srv\n"}
    guest = the_guest(memory_image({BTRFS: {}, _subvolume("root"): fedora}))
    (mount,) = [mount for mount in guest.mounts if mount.path == "/srv"]
    assert (mount.volume, mount.options) == (BTRFS, "subvol=/srv")


def test_snapshots_are_not_further_guests() -> None:
    """openSUSE boots the default subvolume, and snapper keeps copies; Ubuntu names @, timeshift keeps copies."""
    suse = {**SYSTEM, "/etc/fstab": "UUID=tree / btrfs defaults 0 0\n"}
    copies = [_subvolume(f"@/.snapshots/{number}/snapshot") for number in (2, 3)]
    image = memory_image({BTRFS: suse, **dict.fromkeys(copies, suse)})
    assert [guest.root for guest in find_guests(image)] == [BTRFS]
    ubuntu = {**SYSTEM, "/etc/fstab": "UUID=tree / btrfs subvol=@\n"}
    snapshot = _subvolume("timeshift-btrfs/snapshots/2024/@")
    image = memory_image({BTRFS: {}, snapshot: ubuntu, _subvolume("@"): ubuntu})
    assert [guest.root for guest in find_guests(image)] == [_subvolume("@")]


def test_two_systems_on_one_btrfs_are_two_guests() -> None:
    systems = {
        _subvolume(name): {**SYSTEM, "/etc/fstab": f"UUID=tree / btrfs subvol={name}\n"}
        for name in ("one", "two")
    }
    assert len(find_guests(memory_image({BTRFS: {}, **systems}))) == 2


DEPLOYED = "/ostree/deploy/fedora-coreos/deploy/" + "ab" * 32 + ".0"


def test_an_ostree_deployment_is_the_root_and_shares_var() -> None:
    older = "/ostree/deploy/fedora-coreos/deploy/" + "cd" * 32 + ".0"
    files = {
        f"{DEPLOYED}/bin": link("usr/bin"),
        f"{DEPLOYED}/usr/bin/x": "",
        f"{DEPLOYED}/usr/lib/os-release": "ID=fedora\nVARIANT_ID=coreos\nVERSION_ID=39\n",
        f"{DEPLOYED}/etc/os-release": link("../usr/lib/os-release"),
        f"{DEPLOYED}/etc/hostname": "core\n",
        f"{DEPLOYED}/etc/absolute": link("/etc/hostname"),
        f"{older}/usr/lib/os-release": "ID=fedora\nVERSION_ID=38\n",
        f"{older}/etc/hosts": "",
        "/ostree/deploy/fedora-coreos/var/home/core/x": "",
        "/ostree/boot.1/fedora-coreos/abc/0": link(
            "../../../deploy/fedora-coreos/deploy/" + "ab" * 32 + ".0"
        ),
        "/boot/loader/entries/ostree-2.conf": "version 2\noptions ostree=/ostree/boot.1/fedora-coreos/abc/0 ro\n",
    }
    guest = the_guest(memory_image({ROOT: files}))
    assert (guest.os.distro, guest.os.major, guest.os.hostname) == ("fedora", 39, "core")
    assert guest.files.read_text("/etc/absolute") == "core\n"
    assert guest.files.is_file("/var/home/core/x")
    assert guest.files.is_dir("/sysroot/ostree")
    assert guest.files.is_file("/boot/loader/entries/ostree-2.conf")


def test_a_usr_partition_with_an_empty_root_is_a_guest() -> None:
    """Flatcar before its first boot: everything is in /usr."""
    usr = memory_volume("/dev/sda1", label="USR-A")
    root = memory_volume("/dev/sda2", label="ROOT")
    disk = partitioned("5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6", "3884DD41-8582-4404-B9A8-E9B84F2DF50E")
    image = memory_image(
        {
            usr: {"/bin/bash": "", "/lib/os-release": "ID=flatcar\nID_LIKE=coreos\nVERSION_ID=3815.2.0\n"},
            root: {},
        },
        Layout((disk,), volumes=(usr, root)),
    )
    guest = the_guest(image)
    assert (guest.root, guest.os.distro, guest.os.major) == (root, "flatcar", 3815)
    assert guest.files.is_file("/usr/bin/bash")


# -- a /usr that is a volume of its own ------------------------------------------------------------------------

FLATCAR_USR = "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6"
USR_TYPE = "8484680C-9521-48C6-9C11-B0720656F69E"
ONLY_ETC: Files = {
    "/bin": link("usr/bin"),
    "/lib": link("usr/lib"),
    "/etc/os-release": link("../usr/lib/os-release"),
    "/etc/hostname": "core\n",
    "/usr": directory(),
}


def _usr(version: str) -> Files:
    return {"/bin/bash": "", "/lib/os-release": f"ID=flatcar\nID_LIKE=coreos\nVERSION_ID={version}\n"}


def _split(usrs: dict[Volume, Files], *types: str, flags: dict[int, tuple[str, ...]] | None = None) -> Image:
    """A disk with a root at number 1, whose /usr is one of these, from number 2."""
    disk = partitioned(ROOT_TYPE, *types)
    parts = tuple(replace(one, flags=(flags or {}).get(one.number, ())) for one in disk.partitions)
    root = memory_volume("/dev/sda1")
    layout = Layout((replace(disk, partitions=parts),), volumes=(root, *usrs))
    return memory_image({root: ONLY_ETC, **usrs}, layout)


def test_a_root_before_its_usr_has_it_all_the_same() -> None:
    usr = memory_volume("/dev/sda2")
    for kind in (FLATCAR_USR, USR_TYPE, "75250D76-8CC6-458E-BD66-BD47CC81A812"):
        guest = the_guest(_split({usr: _usr("3815.2.0")}, kind))
        assert (guest.root.device, guest.os.distro, guest.os.hostname) == ("/dev/sda1", "flatcar", "core")
        assert guest.files.read_text("/usr/lib/os-release") == guest.files.read_text("/etc/os-release")
        assert guest.warnings == () and guest.read_only == (("/usr",) if kind == FLATCAR_USR else ())


def test_a_usr_is_told_by_its_label_where_no_type_says_it() -> None:
    for usr in (memory_volume("/dev/sda2", label="USR-A"), memory_volume("/dev/sda2", label="usr_v1.2")):
        assert the_guest(_split({usr: _usr("1.0")}, HOME_TYPE)).os.distro == "flatcar"


def test_of_two_the_one_that_boots_next_is_taken() -> None:
    a, b = memory_volume("/dev/sda2"), memory_volume("/dev/sda3")
    both: dict[Volume, Files] = {a: _usr("1.0"), b: _usr("2.0")}
    found = [find_guests(_split(both, FLATCAR_USR, FLATCAR_USR, flags=flags)) for flags in (
        None, {2: ("guid:48",), 3: ("guid:49",)}, {2: ("guid:49",), 3: ("guid:48",)}
    )]  # fmt: skip
    assert [[guest.os.major for guest in guests] for guests in found] == [[1], [2], [1]]


def test_an_empty_usr_is_passed_over() -> None:
    a, b = memory_volume("/dev/sda2"), memory_volume("/dev/sda3")
    assert the_guest(_split({a: {}, b: _usr("2.0")}, FLATCAR_USR, FLATCAR_USR)).os.major == 2


def test_a_usr_that_is_not_there_is_said() -> None:
    guest = the_guest(_split({}))
    assert guest.os.distro == "unknown" and guest.unmounted == ("/usr",)
    assert [(one.path, one.text) for one in guest.warnings] == [
        ("/usr", "the system keeps /usr on a volume of its own, and no volume of this image is it")
    ]
    guest = the_guest(_split({memory_volume("/dev/sda2"): {}}, USR_TYPE))
    assert [one.text.rpartition(", and ")[2] for one in guest.warnings] == ["/dev/sda2 holds none"]


def test_a_release_file_that_leads_nowhere_is_said() -> None:
    files: Files = {**ONLY_ETC, "/usr/bin/x": "", "/etc/os-release": link("/nix/store/x/os-release")}
    guest = the_guest(memory_image({ROOT: files}))
    assert [(one.path, one.text) for one in guest.warnings] == [
        ("/etc/os-release", "leads to what is not there: which system this is, is not known")
    ]


def test_what_lies_beside_a_usr_of_its_own_is_mounted_too() -> None:
    usr, home = memory_volume("/dev/sda2"), memory_volume("/dev/sda3")
    disk = partitioned(ROOT_TYPE, USR_TYPE, HOME_TYPE)
    root = memory_volume("/dev/sda1")
    files: Files = {**ONLY_ETC, "/home": directory()}
    more: Files = {**_usr("1"), "/lib/systemd/systemd": ""}
    image = memory_image(
        {root: files, usr: more, home: {"/alice/x": ""}}, Layout((disk,), volumes=(root, usr, home))
    )
    assert _mounts(the_guest(image)) == {"/": "/dev/sda1", "/usr": "/dev/sda2", "/home": "/dev/sda3"}


def test_a_usr_that_is_checked_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgtools.workflows.writing.do_plan", lambda image, plan, progress, proof: plan)
    usr = memory_volume("/dev/sda2")
    image = _split({usr: _usr("1.0")}, FLATCAR_USR)
    guest = the_guest(image)
    with pytest.raises(EditFailed, match="mounts read-only at /usr"):
        carry_out(image, [WriteFile("/bin/bash", b"x")], guest, Target())
    assert carry_out(image, [WriteFile("/etc/hostname", b"x")], guest, Target()).changes
    assert carry_out(image, [WriteFile("/usr/bin/bash", b"x")], guest, Target(check=False)).changes
