"""Arguments of the kernel that name what is not there, and those that end in a shell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.guest.boot.arguments import ending_words, lost_arguments, resume_setting, words_of
from imgtools.records.disks import Holder, Layout, Volume
from imgtools.records.lvm import LogicalVolume, VolumeGroup
from tests.support.images import partitioned
from tests.support.memory import memory_files, memory_volume

BOOT = memory_volume("/dev/sda1", uuid="b007", label="BOOT")
SWAP = memory_volume("/dev/sda2", "swap", uuid="5a9")
LUKS = memory_volume("/dev/sda3", "crypto_LUKS", uuid="aaaa-bbbb")
ROOT = Volume("/dev/vg/root", Holder.LV, 1 << 30, "xfs", uuid="d00d")
LAYOUT = Layout(
    (partitioned("83", "82", "8e", table="dos"),),
    vgs=(VolumeGroup("vg", "1", 1, 0, 1),),
    lvs=(LogicalVolume("/dev/vg/root", "root", "vg", "2", 1),),
    volumes=(BOOT, SWAP, LUKS, ROOT),
)


def lost(cmdline: str) -> list[tuple[str, str]]:
    files = memory_files(
        {"/usr/lib/systemd/systemd": "", "/etc/fstab": "/dev/mapper/vg-root / xfs defaults 0 0\n"}
    )
    return [(one.kind, one.word) for one in lost_arguments(files, words_of(cmdline), ROOT, LAYOUT)]


@pytest.mark.parametrize(
    "cmdline",
    [
        "root=/dev/mapper/vg-root ro quiet",
        "root=UUID=D00D rootfstype=xfs",
        "root=/dev/vg/root resume=UUID=5a9 rd.lvm.lv=vg/root rd.lvm.vg=vg",
        "root=UUID=gone root=UUID=d00d",  # the last one counts
        "root=live:CDLABEL=x init=/usr/lib/systemd/systemd resume=none",
        "root=/dev/nfs",
        "root=ZFS=rpool/ROOT",
        "root=zfs:AUTO",
        "root=gpt-auto",
        "root=0801",
        "root=UUID=d00d rd.luks.uuid=luks-aaaa-bbbb rd.luks.name=aaaa-bbbb=root",
        "root=UUID=d00d rootflags=noatime,inode64",
        'root=UUID=d00d dyndbg="file a.c +p"',
        "",
    ],
)
def test_nothing_is_lost(cmdline: str) -> None:
    assert lost(cmdline) == []


@pytest.mark.parametrize(
    ("cmdline", "kind", "word"),
    [
        ("root=UUID=gone ro", "root", "root=UUID=gone"),
        ("root=/dev/mapper/old-root", "root", "root=/dev/mapper/old-root"),
        ("root=UUID=b007", "root", "root=UUID=b007"),
        ("root=", "root", "root="),
        ("root=UUID=d00d rootflags=subvol=@", "flags", "rootflags=subvol=@"),
        ("root=UUID=d00d rootfstype=ext4", "root", "rootfstype=ext4"),
        ("rd.lvm.lv=vg/swap", "lvm", "rd.lvm.lv=vg/swap"),
        ("rd.lvm.vg=old", "lvm", "rd.lvm.vg=old"),
        ("rd.luks.uuid=luks-cccc", "luks", "rd.luks.uuid=luks-cccc"),
        ("rd.md.uuid=1:2:3:4", "md", "rd.md.uuid=1:2:3:4"),
        ("resume=UUID=gone", "resume", "resume=UUID=gone"),
        ("init=/sbin/gone", "init", "init=/sbin/gone"),
    ],
)
def test_what_is_lost(cmdline: str, kind: str, word: str) -> None:
    assert lost(cmdline) == [(kind, word)]


@pytest.mark.parametrize(
    ("cmdline", "words"),
    [
        ("ro quiet splash console=ttyS0 systemd.unit=graphical.target init=/usr/lib/systemd/systemd", []),
        ("ro single", ["single"]),
        (
            "init=/bin/sh systemd.unit=emergency.target rd.break=mount",
            ["init=/bin/sh", "systemd.unit=emergency.target", "rd.break=mount"],
        ),
        ("ro -- single", []),
    ],
)
def test_words_that_end_in_a_shell(cmdline: str, words: list[str]) -> None:
    assert list(ending_words(words_of(cmdline))) == words


def test_what_initramfs_tools_resumes_from() -> None:
    path = "/etc/initramfs-tools/conf.d/resume"
    assert resume_setting(memory_files({path: "# swap\nRESUME=UUID=5a9\n"})) == (2, "UUID=5a9")
    assert resume_setting(memory_files({})) == (0, "")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("subvol=root", []),
        ("subvol=/root,compress=zstd", []),
        ("subvol=root/nested", []),
        ("subvolid=256", []),
        ("subvol=/", []),
        ("subvol=root2", ["flags"]),
        ("subvol=root,subvol=nested", ["flags"]),
    ],
)
def test_a_subvolume_that_is_not_there(flags: str, expected: list[str]) -> None:
    top = memory_volume("/dev/sda2", "btrfs", uuid="b7f5")
    names = ("root", "root/nested", "home")
    parts = [
        replace(top, device=f"btrfsvol:/dev/sda2/{name}", holder=Holder.SUBVOLUME, parents=("/dev/sda2",))
        for name in names
    ]
    layout = replace(LAYOUT, volumes=(top, *parts))
    words = words_of(f"root=UUID=b7f5 rootflags={flags}")
    assert [one.kind for one in lost_arguments(memory_files({}), words, top, layout)] == expected
    alone = replace(LAYOUT, volumes=(top,))  # nobody has listed its subvolumes
    assert list(lost_arguments(memory_files({}), words, top, alone)) == []
