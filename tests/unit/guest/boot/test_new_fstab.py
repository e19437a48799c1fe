"""The fstab of a system on another disk."""

from __future__ import annotations

import pytest

from imgtools.guest.boot.new_fstab import MARK, NewMount, new_fstab
from imgtools.guest.find.fstab import parse_fstab

UUID = "d0d0d0d0-0000-4000-8000-000000000001"
ROOT, ESP = NewMount("/", "ext4", UUID, "root"), NewMount("/boot/efi", "vfat", "ABCD-0123", "EFI")
ROOT_LINE, ESP_LINE = f"UUID={UUID} / ext4 defaults 0 1\n", "UUID=ABCD-0123 /boot/efi vfat umask=0077 0 2\n"


@pytest.mark.parametrize("old", ["", "\n", "# nothing\n", "one-word\n", "proc /proc proc defaults 0 0"])
def test_without_a_root_lines_are_added(old: str) -> None:
    found = new_fstab(old, (ROOT, ESP))
    assert found.text.endswith(ROOT_LINE + ESP_LINE) and old in found.text
    assert len(found.said) == 2
    assert [one.path for one in parse_fstab(found.text).entries][-2:] == ["/", "/boot/efi"]


@pytest.mark.parametrize(
    "spec",
    [
        "UUID=1111",
        "LABEL=other",
        "/dev/mapper/vg0-root",
        "/dev/sda1",
        "PARTUUID=11-01",
        '"UUID=1111"',
        "rootfs",
    ],
)
def test_a_root_that_is_not_on_the_disk_becomes_a_comment(spec: str) -> None:
    old = f"# head\n{spec}\t/\text4\terrors=remount-ro 0 1\ntmpfs /tmp tmpfs defaults\n"
    found = new_fstab(old, (ROOT,))
    assert found.text == (
        f"# head\n{MARK} {spec}\t/\text4\terrors=remount-ro 0 1\n"
        f"UUID={UUID} / ext4 errors=remount-ro 0 1\ntmpfs /tmp tmpfs defaults\n"
    )
    assert len(found.said) == 1 and f"UUID={UUID}" in found.said[0]


@pytest.mark.parametrize(
    "spec",
    [f"UUID={UUID}", "LABEL=root", f"/dev/disk/by-uuid/{UUID}", f'UUID="{UUID}"', "/dev/disk/by-label/root"],
)
def test_a_root_that_is_on_the_disk_stays_to_the_letter(spec: str) -> None:
    old = f"{spec}   /  ext4 noatime   0 1"
    assert new_fstab(old, (ROOT,)).text.rstrip("\n") == old
    assert new_fstab(old + "\n", (ROOT,)).said == ()


def test_options_of_another_type_do_not_come_along() -> None:
    found = new_fstab("UUID=1 / btrfs subvol=root,compress=zstd 0 0\n", (ROOT,))
    assert found.text.endswith(ROOT_LINE)
    btrfs = NewMount("/", "btrfs", UUID)
    found = new_fstab("UUID=1 / btrfs subvol=root,compress=zstd 0 0\n", (btrfs,))
    assert found.text.endswith(f"UUID={UUID} / btrfs defaults 0 0\n")


def test_other_volumes_become_comments_unless_they_may_be_missing() -> None:
    old = (
        "UUID=1 / ext4 defaults 0 1\nUUID=2 /home xfs defaults 0 0\n/dev/sdb1 none swap sw 0 0\n"
        "/dev/sr0 /cdrom iso9660 noauto 0 0\nUUID=3 /data ext4 nofail 0 0\nserver:/x /net nfs defaults 0 0\n"
        "/home/a /srv none bind 0 0\nUUID=4 /boot/efi vfat umask=0022 0 1\n/swapfile none swap sw 0 0\n"
    )
    found = new_fstab(old, (ROOT, ESP))
    kept = [one.spec for one in parse_fstab(found.text).entries]
    assert kept == [
        f"UUID={UUID}", "/dev/sr0", "UUID=3", "server:/x", "/home/a", "UUID=ABCD-0123", "/swapfile",
    ]  # fmt: skip
    assert all(f"{MARK} {line}" in found.text for line in old.splitlines()[:3])
    assert "UUID=ABCD-0123 /boot/efi vfat umask=0022 0 2\n" in found.text
    assert len(found.said) == 4


def test_the_second_line_of_a_place_is_not_made_twice() -> None:
    found = new_fstab("UUID=1 / ext4 defaults 0 1\nUUID=2 / ext4 defaults 0 1\n", (ROOT,))
    assert [one.spec for one in parse_fstab(found.text).entries] == [f"UUID={UUID}"]


def test_made_again_nothing_changes() -> None:
    once = new_fstab("UUID=1 / ext4 defaults 0 1\n", (ROOT, ESP))
    again = new_fstab(once.text, (ROOT, ESP))
    assert (again.text, again.said) == (once.text, ())
