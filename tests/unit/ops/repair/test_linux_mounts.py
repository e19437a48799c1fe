"""The repairs of what a Linux mounts and opens: fstab, crypttab, mdadm.conf, the devices of LVM."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.change.describe import summarise
from imgtools.errors import UsageError
from imgtools.ops.operation import make_params
from imgtools.records.disks import Declined, Holder, Layout, Volume
from imgtools.records.lvm import PhysicalVolume
from tests.support.linux_repairs import (
    BOOT,
    ROOT,
    SHELF,
    SWAP,
    disk,
    linux,
    mended,
    planned,
    remarks,
    text,
    volume,
)
from tests.support.memory import Content, link

GONE = "is on no disk"
NAMES = ("fstab", "crypttab", "mdadm-conf", "lvm-devices")


SYSTEMD = (
    "/usr/lib/systemd/systemd",
    "/usr/lib/systemd/system/multi-user.target",
    "/usr/lib/systemd/system/cron.service",
)
OPENRC: dict[str, Content] = {"/sbin/openrc": "", "/sbin/init": "busybox"}


def fstab(*lines: str) -> dict[str, Content]:
    return {"/etc/fstab": "\n".join(("UUID=d00d / ext4 defaults 0 1", *lines, ""))}


def lines_of(guest_lines: tuple[str, ...], layout: Layout | None = None, **settings: str) -> list[str]:
    """The lines behind that of the root, once they are mended."""
    _done, after = mended("fstab", linux(fstab(*guest_lines), layout=layout), **settings)
    return text(after, "/etc/fstab").split("\n")[1:-1]


def test_a_healthy_guest_needs_none_of_them() -> None:
    guest = linux({"/etc/mdadm/mdadm.conf": "HOMEHOST <system>\n"})
    for name in ("fstab", "crypttab", "mdadm-conf"):
        assert planned(name, guest) == () and remarks(name, guest) == []
    assert SHELF["lvm-devices"].operation.lacking(guest) == "no LVM devices file"


# -- fstab -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "mended_line"),
    [
        ("UUID=0dd\t/boot  ext4 defaults 0 2", "UUID=b007\t/boot  ext4 defaults 0 2"),
        ("LABEL=old /boot ext4 defaults 0 2", "LABEL=boot /boot ext4 defaults 0 2"),
        ("/dev/sdb1 /boot auto defaults 0 2", "UUID=b007 /boot auto defaults 0 2"),
        ("UUID=0dd none swap sw 0 0", "UUID=5a9 none swap sw 0 0"),
        # Nothing fits: the only ext4 that is free is labelled as another place, and no XFS is there.
        ("UUID=0dd /home ext4 defaults 0 2", "UUID=0dd /home ext4 defaults,nofail 0 2"),
        ("UUID=0dd /data xfs", "UUID=0dd /data xfs defaults,nofail"),
        ("UUID=0dd /data xfs ro,noatime 0 0", "UUID=0dd /data xfs ro,noatime,nofail 0 0"),
        ("UUID=b007 /boot xfs defaults 0 2", "UUID=b007 /boot ext4 defaults 0 2"),
        ("UUID=b007 /boot ext4 subvol=@,ro 0 2", "UUID=b007 /boot ext4 ro 0 2"),
        ("UUID=b007 /boot ext4 inode64 0 2", "UUID=b007 /boot ext4 defaults 0 2"),
        ("bucket /s3 fuse.s3fs ro 0 0", "bucket /s3 fuse.s3fs ro,_netdev 0 0"),
        ("UUID=b007 /boot", "UUID=b007 /boot"),  # two fields are a line of libmount's
        # What the guest itself does without, and what is no disk of its.
        ("UUID=0dd /data xfs noauto 0 0", "UUID=0dd /data xfs noauto 0 0"),
        ("/dev/sr0 /mnt iso9660 ro 0 0", "/dev/sr0 /mnt iso9660 ro 0 0"),
    ],
)  # fmt: skip
def test_a_line_is_mended(line: str, mended_line: str) -> None:
    assert lines_of((line,)) == [mended_line]


def test_what_is_gone_is_commented_out_where_asked_for_or_nofail_is_not_known() -> None:
    comment = [f"# imgtools: UUID=0dd for /data {GONE}", "# UUID=0dd /data xfs defaults 0 0"]
    assert lines_of(("UUID=0dd /data xfs defaults 0 0",), missing="comment") == comment
    alpine = linux({**fstab("UUID=0dd /data xfs defaults 0 0"), **OPENRC}, without=SYSTEMD)
    _done, after = mended("fstab", alpine)
    assert text(after, "/etc/fstab").split("\n")[1:-1] == comment


def test_two_volumes_that_fit_are_told_and_not_chosen_from() -> None:
    guest = linux(
        fstab("UUID=0dd /data xfs defaults 0 0"),
        layout=disk(ROOT, volume(4, "xfs", "a"), volume(5, "xfs", "b")),
    )
    _done, after = mended("fstab", guest)
    assert "UUID=0dd /data xfs defaults,nofail 0 0" in text(after, "/etc/fstab")
    assert "2 volumes fit in its place" in remarks("fstab", guest)[0]


def test_the_volume_that_is_named_after_the_place_is_the_one() -> None:
    layout = disk(
        ROOT, volume(4, "xfs", "a"), volume(5, "xfs", "b", label="data"), volume(6, "xfs", "c", label="srv")
    )
    assert lines_of(("UUID=0dd /data xfs defaults 0 0",), layout) == ["UUID=b /data xfs defaults 0 0"]


def test_a_logical_volume_is_named_as_the_line_names_it() -> None:
    home = Volume("/dev/vg-new/home", Holder.LV, 1 << 30, "xfs", uuid="c")
    layout = disk(ROOT, home)
    assert lines_of(("/dev/mapper/vg-home /home xfs defaults 0 0",), layout) == [
        "/dev/mapper/vg--new-home /home xfs defaults 0 0"
    ]
    assert lines_of(("/dev/vg/home /home xfs defaults 0 0",), layout) == [
        "/dev/vg-new/home /home xfs defaults 0 0"
    ]
    assert lines_of(
        ("PARTUUID=x /home xfs defaults 0 0",), disk(ROOT, volume(7, "xfs", "c", part_uuid="P-1"))
    ) == ["PARTUUID=p-1 /home xfs defaults 0 0"]


def test_the_root_is_named_as_it_is() -> None:
    _done, after = mended("fstab", linux({"/etc/fstab": "UUID=0dd / ext4 defaults 0 1\n"}))
    assert text(after, "/etc/fstab") == "UUID=d00d / ext4 defaults 0 1\n"


def test_of_two_lines_for_one_place_the_one_whose_source_is_there_stays() -> None:
    kept = [
        "# imgtools: /boot is mounted by line 3 already",
        "# UUID=0dd /boot ext4 ro 0 2",
        "UUID=b007 /boot ext4 ro",
    ]
    assert lines_of(("UUID=0dd /boot ext4 ro 0 2", "UUID=b007 /boot ext4 ro")) == kept


def test_a_line_that_is_none_is_commented_out() -> None:
    said = "# imgtools: 1 fields where there should be at least 3"
    assert lines_of(("LABEL=boot",)) == [said, "# LABEL=boot"]
    assert lines_of(("UUID=b007 boot ext4 defaults 0 2",)) == [
        "# imgtools: not a mount point: boot",
        "# UUID=b007 boot ext4 defaults 0 2",
    ]


def test_a_mount_point_is_made_and_none_below_what_is_not_mounted() -> None:
    lines = ("tmpfs /srv/cache tmpfs size=1g 0 0", "UUID=b007 /data ext4 defaults 0 2")
    guest = linux({**fstab(*lines), **OPENRC}, without=SYSTEMD)
    assert mended("fstab", guest)[0] == ["make directory /srv/cache", "make directory /data"]
    assert planned("fstab", linux(fstab(*lines))) == ()  # systemd makes them
    lines = ("UUID=0dd /gone xfs nofail 0 0", "tmpfs /gone/cache tmpfs size=1g 0 0")
    below = linux({**fstab(*lines), **OPENRC}, without=SYSTEMD)
    assert [one.path for one in planned("fstab", below)] == ["/gone"]  # type: ignore[union-attr]


def test_nothing_is_called_gone_while_something_is_locked_or_unread() -> None:
    lines = fstab("UUID=0dd /data xfs defaults 0 0")
    for layout in (
        disk(ROOT, volume(4, "crypto_LUKS", "1")),
        replace(disk(ROOT), unread=(Declined("vg", "a part is missing", damaged=True),)),
    ):
        guest = linux({**lines, "/data/x": ""}, layout=layout)
        assert planned("fstab", guest) == ()
        assert "line 2: UUID=0dd may be in what is not looked into" in remarks("fstab", guest)[0]


# -- crypttab --------------------------------------------------------------------------------------------------

LUKS, LUKS2 = volume(4, "crypto_LUKS", "1"), volume(5, "crypto_LUKS", "2")


@pytest.mark.parametrize(
    ("line", "volumes", "mended_line"),
    [
        ("data UUID=0dd none luks", (LUKS,), "data UUID=1 none luks"),
        ("data UUID=0dd none luks", (), "data UUID=0dd none luks,nofail"),
        ("data UUID=0dd", (), "data UUID=0dd none nofail"),
        ("data UUID=0dd none luks", (LUKS, LUKS2), "data UUID=0dd none luks,nofail"),
        ("data UUID=b007 none luks", (LUKS,), "data UUID=1 none luks"),  # an ext4 of today
        ("data UUID=b007 none luks", (),
         "# imgtools: UUID=b007 for data is ext4, not encrypted\n# data UUID=b007 none luks"),
        ("data", (), "# imgtools: one field where there should be at least 2\n# data"),
        ("data UUID=0dd none luks,noauto", (), "data UUID=0dd none luks,noauto"),
        ("swap /dev/sda3 /dev/urandom swap", (), "swap /dev/sda3 /dev/urandom swap"),
        ("data /var/data.img none luks", (), "data /var/data.img none luks"),
    ],
)  # fmt: skip
def test_a_line_of_crypttab_is_mended(line: str, volumes: tuple[Volume, ...], mended_line: str) -> None:
    guest = linux({"/etc/crypttab": f"# here\n{line}\n"}, layout=disk(BOOT, ROOT, SWAP, *volumes))
    _done, after = mended("crypttab", guest)
    assert text(after, "/etc/crypttab") == f"# here\n{mended_line}\n"


def test_a_second_line_for_a_name_and_what_init_does_not_know() -> None:
    guest = linux({"/etc/crypttab": "a UUID=1 none luks\na UUID=1 none luks\n"}, layout=disk(ROOT, LUKS))
    _done, after = mended("crypttab", guest)
    assert text(after, "/etc/crypttab").endswith(
        "# imgtools: a is opened by line 1 already\n# a UUID=1 none luks\n"
    )
    gone = linux({"/etc/crypttab": "a UUID=0dd none luks\n"})
    _done, after = mended("crypttab", gone, missing="comment")
    assert text(after, "/etc/crypttab") == f"# imgtools: UUID=0dd for a {GONE}\n# a UUID=0dd none luks\n"


# -- software RAID ---------------------------------------------------------------------------------------------

UUID, OTHER = "0" * 8 + ":" + ":".join(["1" * 8] * 3), ":".join(["2" * 8] * 4)


def member(number: int, uuid: str) -> Volume:
    return volume(number, "linux_raid_member", uuid)


def test_an_array_line_is_given_the_only_array_or_commented_out() -> None:
    conf = f"HOMEHOST <system>\nARRAY /dev/md0 metadata=1.2 UUID={OTHER} name=x\n"
    with_array = disk(ROOT, member(4, "00000000-1111-1111-1111-111111111111"))
    _done, after = mended("mdadm-conf", linux({"/etc/mdadm/mdadm.conf": conf}, layout=with_array))
    assert text(after, "/etc/mdadm/mdadm.conf") == conf.replace(OTHER, UUID)
    _done, after = mended("mdadm-conf", linux({"/etc/mdadm.conf": conf}))
    assert f"# imgtools: the array /dev/md0 (UUID {OTHER}) {GONE}\n# ARRAY /dev/md0" in text(
        after, "/etc/mdadm.conf"
    )


# -- LVM -------------------------------------------------------------------------------------------------------

PVID, OLD_PVID = "A" * 32, "B" * 32
DEVICES = "/etc/lvm/devices/system.devices"
LISTED = f"VERSION=1.1.2\nIDTYPE=sys_serial IDNAME=x DEVNAME=/dev/vda2 PVID={OLD_PVID} PART=2\n"


def with_pv(pvid: str) -> Layout:
    dashed = "-".join((pvid[:6], pvid[6:10], pvid[10:14], pvid[14:18], pvid[18:22], pvid[22:26], pvid[26:]))
    return replace(disk(ROOT), pvs=(PhysicalVolume("/dev/sda4", dashed, 1 << 30, "vg"),))


def test_a_devices_file_that_hides_the_disk_is_put_aside() -> None:
    guest = linux({DEVICES: LISTED}, layout=with_pv(PVID), rocky=True)
    assert [summarise(one) for one in planned("lvm-devices", guest)] == [
        f"move {DEVICES} to {DEVICES}.imgtools"
    ]
    # Debian's LVM does not read it, unless it is told to.
    assert planned("lvm-devices", linux({DEVICES: LISTED}, layout=with_pv(PVID))) == ()
    told = {DEVICES: LISTED, "/etc/lvm/lvm.conf": "devices {\n\tuse_devicesfile = 1\n}\n"}
    assert len(planned("lvm-devices", linux(told, layout=with_pv(PVID)))) == 1
    assert planned("lvm-devices", linux({DEVICES: LISTED}, layout=with_pv(OLD_PVID), rocky=True)) == ()


def test_entries_that_are_gone_are_dropped_when_that_is_said() -> None:
    both = LISTED + f"IDTYPE=devname IDNAME=/dev/sda4 DEVNAME=/dev/sda4 PVID={PVID}\n"
    guest = linux({DEVICES: both}, layout=with_pv(PVID), rocky=True)
    assert planned("lvm-devices", guest) == ()
    _done, after = mended("lvm-devices", guest, gone="yes")
    assert OLD_PVID not in text(after, DEVICES) and PVID in text(after, DEVICES)


@pytest.mark.parametrize("name", ["fstab", "crypttab"])
def test_a_word_that_means_nothing_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="one of nofail, comment"):
        make_params(SHELF[name], {"missing": "remove"})


def test_a_guest_whose_fstab_is_a_link_is_read_through_it() -> None:
    guest = linux({"/etc/fstab": link("/run/fstab"), "/run/fstab": "UUID=0dd / ext4 defaults 0 1\n"})
    assert mended("fstab", guest)[0] == ["write /run/fstab"]
