"""fstab in all its spellings, mount units, and lines that no one can read."""

from __future__ import annotations

import pytest

from imgtools.guest.find.fstab import parse_fstab, parse_mount_unit, read_fstab, read_mount_units
from tests.support.memory import link, memory_files


@pytest.mark.parametrize(
    ("line", "spec", "path"),
    [
        ("UUID=0a-1 / ext4 defaults 0 1", "UUID=0a-1", "/"),
        ('UUID="0a-1"\t/\text4', "UUID=0a-1", "/"),
        ("LABEL='my root' / ext4", "LABEL=my root", "/"),
        ('"LABEL=root" / ext4', "LABEL=root", "/"),
        (r"LABEL=my\040root /mnt/a\040b\134c ext4", "LABEL=my root", "/mnt/a b\\c"),
        ("/dev/sda1 /boot// ext2", "/dev/sda1", "/boot"),
        ("  /dev/sda1   /x/../boot ext2  # later", "/dev/sda1", "/boot"),
        ("LABEL=bob's /srv xfs", "LABEL=bob's", "/srv"),
        ("\ufeffUUID=0a-1 / ext4\r", "UUID=0a-1", "/"),
        ("UUID=0a-1 /", "UUID=0a-1", "/"),
        (r"/dev/sda1 /b\303\244r ext4", "/dev/sda1", "/bär"),
    ],
)
def test_every_spelling_of_a_line(line: str, spec: str, path: str) -> None:
    (entry,) = parse_fstab(line).entries
    assert (entry.spec, entry.path, entry.on_a_device) == (spec, path, True)


@pytest.mark.parametrize(
    "line",
    [
        "proc /proc proc defaults 0 0",
        "UUID=1 none swap sw 0 0",
        "/home/data /srv/data none bind 0 0",
        "/dev/sda5 /srv auto rbind",
        "server:/export /mnt nfs defaults",
        "//server/share /mnt cifs user=a",
        "/images/a.iso /mnt iso9660 loop,ro 0 0",
        "tmpfs /tmp tmpfs size=1G",
        "overlay /x overlay lowerdir=/a,upperdir=/b",
        "UUID=1 swap swap defaults",
    ],
)
def test_what_is_no_volume_of_the_image_is_passed_over(line: str) -> None:
    assert not any(entry.on_a_device for entry in parse_fstab(line).entries)


def test_one_odd_line_costs_only_itself() -> None:
    text = "UUID=1 / ext4\nthis-is-garbage\n" + "x" * 5000 + " /y ext4\n\0\0\0\nUUID=2 /home ext4\n"
    found = parse_fstab(text)
    assert [entry.path for entry in found.entries] == ["/", "/home"]
    assert [warning.text.split(" does")[0] for warning in found.warnings] == ["line 2", "line 3"]


def test_a_huge_fstab_is_a_warning_and_many_lines_have_an_end() -> None:
    huge = read_fstab(memory_files({"/etc/fstab": "#" * (1 << 21)}))
    assert huge.entries == () and "larger than" in huge.warnings[0].text
    many = parse_fstab("UUID=1 /x ext4\n" * 50_000)
    assert len(many.entries) == 1000 and "more than 1000" in many.warnings[-1].text


def test_options_are_read_as_mount_reads_them() -> None:
    (entry,) = parse_fstab("UUID=1 /home btrfs rw,subvol=@home,nofail 0 0").entries
    assert (entry.option("subvol"), entry.option("rw"), entry.option("ro")) == ("@home", "", None)
    assert entry.may_be_missing


def test_a_mount_unit_counts_only_if_something_wants_it() -> None:
    unit = "[Unit]\nDescription=x\n\n[Mount]\nWhat=/dev/disk/by-label/data\nWhere=/data\nType=xfs\n"
    wanted = "/etc/systemd/system/local-fs.target.wants/data.mount"
    files = {"/etc/systemd/system/data.mount": unit, "/etc/systemd/system/other.mount": unit}
    assert read_mount_units(memory_files(files)) == ()
    (entry,) = read_mount_units(memory_files({**files, wanted: link("../data.mount")}))
    assert (entry.spec, entry.path, entry.type) == ("/dev/disk/by-label/data", "/data", "xfs")
    assert parse_mount_unit("[Mount]\nWhat=/dev/sda1\n") is None
