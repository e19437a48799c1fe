"""The lines of fstab, crypttab and mdadm.conf against the volumes that are there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.ops.stations import crypttab, fstab, raid
from imgtools.records.diagnosis import Confidence
from imgtools.records.disks import Declined, Disk, Holder, Layout, Partition, Volume
from tests.support.memory import Content, link
from tests.support.stations import BOOT, ESP, VOLUMES, examined_of, found, ids, layout_of, reasons


def partition_of(volume: Volume) -> Partition:
    """The entry in a partition table of a volume."""
    return Partition(volume.device, int(volume.device[-1]), 1 << 20, volume.size, "0x83")


SYSTEMD: dict[str, Content] = {"/sbin/init": link("../lib/systemd/systemd"), "/lib/systemd/systemd": "x"}
GOOD = (
    "UUID=r00t / ext4 errors=remount-ro 0 1\nLABEL=boot /boot ext4 defaults 0 2\nUUID=5a5a none swap sw 0 0\n"
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("# UUID=gone / ext4 defaults 0 1", []),
        ("tmpfs /tmp tmpfs defaults 0 0", []),
        ("nas:/home /net nfs defaults 0 0", []),
        ("/dev/sr0 /cdrom iso9660 ro 0 0", []),
        ("UUID=gone /data ext4 defaults 0 2", ["fstab-source-missing!"]),
        ("UUID=gone /data ext4 nofail 0 2", []),
        ("UUID=gone /data ext4 noauto 0 0", []),
        ("UUID=gone /data ext4 _netdev 0 0", ["fstab-source-missing"]),
        ("PARTUUID=AA-01 /again ext4 defaults 0 0", []),
        ("/dev/sdb1 /data xfs defaults 0 2", ["fstab-source-missing!"]),
        ("UUID=gone none swap sw 0 0", ["fstab-swap-missing"]),
        ("UUID=EF15-0001 /boot/efi ext4 defaults 0 2", ["fstab-type!"]),
        ("UUID=EF15-0001 /boot/efi vfat umask=0077 0 2", []),
        ("UUID=EF15-0001 /boot/efi auto umask=0077 0 2", []),
        ("LABEL=boot /two ext4 umask=0077 0 2", ["fstab-option!"]),
        ("LABEL=boot /two ext4 umask=0077,nofail 0 2", ["fstab-option"]),
        ("LABEL=boot /boot ext4 ro 0 2", ["fstab-duplicate"]),
        ("LABEL=boot /etc/fstab ext4 defaults 0 2", ["fstab-mount-point!"]),
        ("LABEL=boot", ["fstab-syntax"]),
        ("LABEL=boot /x ext4 defaults zero 0", ["fstab-syntax"]),
        ("bucket /s3 fuse.s3fs allow_other 0 0", ["fstab-network"]),
        ("bucket /s3 fuse.s3fs _netdev 0 0", []),
    ],
)
def test_a_line_of_fstab(line: str, expected: list[str]) -> None:
    assert ids(fstab.STATION, {**SYSTEMD, "/etc/fstab": f"{GOOD}{line}\n"}) == expected


def test_an_older_init_stops_only_where_it_checks() -> None:
    files: dict[str, Content] = {"/sbin/init": "x", "/etc/inittab": "", "/data": "", "/etc/fstab": GOOD}
    lines = "UUID=gone /data ext4 defaults 0 0\nUUID=gone /other ext4 defaults 0 2\n"
    assert ids(fstab.STATION, {**files, "/etc/fstab": GOOD + lines}) == [
        "fstab-source-missing",
        "fstab-source-missing!",
    ]
    lost = "LABEL=boot /nowhere ext4 defaults 0 0\n"
    assert ids(fstab.STATION, {**files, "/etc/fstab": GOOD + lost}) == ["fstab-mount-point"]


def test_what_may_be_on_another_disk_is_not_sure() -> None:
    text = "UUID=gone /boot ext4 defaults 0 2\nUUID=gone /data ext4 defaults 0 2\n"
    system, data = found(fstab.STATION, examined_of({**SYSTEMD, "/etc/fstab": text}))
    assert (system.confidence, data.confidence) == (Confidence.HIGH, Confidence.MEDIUM)
    assert (
        "--add" in data.advice
        and data.evidence[0].line == 2
        and data.evidence[0].text == text.splitlines()[1]
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("UUID=da7a /data ext4 defaults 0 2", ["fstab-nofail-missing"]),
        ("UUID=da7a /data ext4 nofail 0 2", []),
        ("UUID=da7a /data ext4 noauto 0 2", []),
        ("UUID=da7a /data ext4 x-systemd.automount 0 2", []),
        ("UUID=da7a /home ext4 defaults 0 2", []),
        ("UUID=da7a /var/lib/mysql ext4 defaults 0 2", []),
        ("/dev/sdb1 /data ext4 nofail 0 2", ["fstab-name-unstable"]),
        ("/dev/disk/by-uuid/da7a /data ext4 nofail 0 2", []),
    ],
)
def test_a_volume_of_another_disk(line: str, expected: list[str]) -> None:
    """What is sound as long as the machine keeps its disks is never more than suspicious."""
    data = Volume("/dev/sdb1", Holder.PARTITION, 1 << 20, "ext4", uuid="da7a")
    files: dict[str, Content] = {**SYSTEMD, "/etc/fstab": f"{GOOD}{line}\n"}
    first, second = (
        Disk(f"/dev/sd{letter}", 4 << 30, table="gpt", partitions=tuple(partitions))
        for letter, partitions in (
            ("a", [partition_of(one) for one in VOLUMES[:4]]),
            ("b", [partition_of(data)]),
        )
    )
    layout = Layout((first, second), volumes=(*VOLUMES, data))
    assert ids(fstab.STATION, files, layout) == expected
    assert all(one.confidence is Confidence.LOW for one in found(fstab.STATION, examined_of(files, layout)))


def test_names_by_order_are_left_alone_on_one_disk() -> None:
    files: dict[str, Content] = {**SYSTEMD, "/etc/fstab": "/dev/sda1 /boot ext4 defaults 0 2\n"}
    layout = replace(layout_of(), disks=(replace(layout_of().disks[0], partitions=(partition_of(BOOT),)),))
    assert ids(fstab.STATION, files, layout) == []


def test_a_clone_beside_its_original_is_named() -> None:
    twin = replace(BOOT, device="/dev/sdb1")
    files: dict[str, Content] = {**SYSTEMD, "/etc/fstab": "UUID=b007 /boot ext4 defaults 0 2\n"}
    assert ids(fstab.STATION, files, layout_of(*VOLUMES, twin)) == ["fstab-source-ambiguous"]


def test_what_is_behind_a_locked_volume_is_not_known() -> None:
    locked = Volume("/dev/sdb1", Holder.PARTITION, 1 << 20, "crypto_LUKS", uuid="10c4")
    files: dict[str, Content] = {
        **SYSTEMD,
        "/etc/fstab": "/dev/mapper/secret /srv ext4 defaults 0 2\n",
        "/etc/crypttab": "secret UUID=10c4 none luks\n",
    }
    examined = examined_of(files, layout_of(*VOLUMES, locked))
    assert (
        found(fstab.STATION, examined) == [] and "could not be opened" in reasons(fstab.STATION, examined)[0]
    )
    assert found(crypttab.STATION, examined) == []


def test_what_an_engine_could_not_look_into_may_hold_it() -> None:
    unread = replace(layout_of(), unread=(Declined("/dev/vg0/thin", "a thin volume"),))
    examined = examined_of({**SYSTEMD, "/etc/fstab": "/dev/vg0/data /srv ext4 defaults 0 2\n"}, unread)
    assert (
        found(fstab.STATION, examined) == [] and "could not be opened" in reasons(fstab.STATION, examined)[0]
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("secret UUID=gone none luks", ["crypttab-source-missing!"]),
        ("secret UUID=gone none luks,nofail", []),
        ("secret UUID=gone none luks,_netdev", ["crypttab-source-missing"]),
        ("secret LABEL=boot none luks,noauto", []),
        ("secret LABEL=boot none luks", ["crypttab-not-encrypted!"]),
        ("swap LABEL=boot /dev/urandom swap,cipher=aes-xts-plain64", []),
        ("secret", ["crypttab-syntax"]),
        ("secret UUID=10c4 /etc/keys/a luks", ["crypttab-key-missing"]),
        ("secret UUID=10c4 /etc/passwd luks", []),
        ("a UUID=10c4 none luks\na UUID=10c4 none luks", ["crypttab-duplicate"]),
        ("# secret UUID=gone none luks", []),
    ],
)
def test_a_line_of_crypttab(line: str, expected: list[str]) -> None:
    locked = Volume("/dev/sdb1", Holder.PARTITION, 1 << 20, "crypto_LUKS", uuid="10c4")
    assert ids(crypttab.STATION, {"/etc/crypttab": f"{line}\n"}, layout_of(*VOLUMES, locked)) == expected


def test_a_guest_without_tables_has_no_such_station() -> None:
    assert reasons(crypttab.STATION, examined_of({})) == ["no /etc/crypttab"]
    assert reasons(raid.STATION, examined_of({})) == ["no software RAID"]


def test_an_array_that_is_not_there_is_named_with_its_line() -> None:
    conf = "MAILADDR root\nARRAY /dev/md0 UUID=00000000:11111111:22222222:33333333\n"
    (one,) = found(raid.STATION, examined_of({"/etc/mdadm/mdadm.conf": conf}))
    assert (one.id, one.evidence[0].line) == ("mdadm-conf-array-missing", 2)


def test_a_filesystem_type_that_linux_calls_otherwise_is_right() -> None:
    files: dict[str, Content] = {**SYSTEMD, "/etc/fstab": "UUID=EF15-0001 /efi msdos defaults 0 0\n"}
    assert ids(fstab.STATION, files, layout_of(*VOLUMES, ESP)) == []
