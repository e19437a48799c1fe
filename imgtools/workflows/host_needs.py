"""What of the host who needs: Python modules and programs, their packages, and what does not work without them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended: ``warn`` means that everything works, but not as well as it could."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Serves(StrEnum):
    """Who needs what was checked."""

    BOTH = "both"  # both engines: nothing works without it
    DIRECT = "direct"
    APPLIANCE = "appliance"
    SOME = "some commands"


@dataclass(frozen=True, slots=True)
class Module:
    """A Python module of another project."""

    serves: Serves
    package: str  # Debian's; empty: it comes from PyPI
    needed_for: str


MODULES = {
    "guestfs": Module(
        Serves.APPLIANCE,
        "python3-guestfs",
        "RAID with a fault, damaged journals, writing to btrfs, md and encrypted volumes",
    ),
    "nbd": Module(Serves.BOTH, "python3-libnbd", "every command that reads a disk"),
    "hivex": Module(Serves.SOME, "python3-hivex", "Windows guests"),
    "augeas": Module(Serves.SOME, "python3-augeas", "imgtools config and checks of configuration files"),
    "pyfsntfs": Module(Serves.DIRECT, "", "NTFS without booting"),
    "pybde": Module(Serves.DIRECT, "", "BitLocker without booting"),
    "google_crc32c": Module(Serves.DIRECT, "", "btrfs and thin LVM without booting"),
    "xxhash": Module(Serves.DIRECT, "", "btrfs with checksums by xxhash64, without booting"),
    "lzallright": Module(Serves.DIRECT, "", "btrfs compressed by lzo, without booting"),
    "pyevtx": Module(Serves.SOME, "", "event logs of Windows guests"),
    "yaml": Module(Serves.SOME, "python3-yaml", "imgtools apply"),
    "libvirt": Module(Serves.SOME, "python3-libvirt", "imgtools clone --domain"),
    "mfusepy": Module(Serves.SOME, "", "imgtools mount"),
    "tzlocal": Module(Serves.SOME, "", "time zones of Windows guests"),
}
PYPI_NAMES = {
    "pyfsntfs": "libfsntfs-python",
    "pybde": "libbde-python",
    "pyevtx": "libevtx-python",
    "yaml": "PyYAML",
    "mfusepy": "mfusepy",
    "tzlocal": "tzlocal",
    "google_crc32c": "google-crc32c",
    "xxhash": "xxhash",
    "lzallright": "lzallright",
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A library, or a block driver of QEMU, that is loaded when it is wanted."""

    title: str  # of its check
    state: State  # when it is not there
    serves: Serves
    package: str  # Debian's
    needed_for: str


LOADED = {
    "libcryptsetup.so.12": Loaded(
        "libcryptsetup", State.WARN, Serves.DIRECT, "libcryptsetup12", "keys of LUKS volumes without booting"
    ),
    "libcrypto.so.3": Loaded(
        "libcrypto", State.WARN, Serves.DIRECT, "libssl3", "reading LUKS volumes without booting"
    ),
    "libkeyutils.so.1": Loaded(
        "libkeyutils", State.WARN, Serves.SOME, "libkeyutils1", "--key WHAT:keyring:NAME"
    ),
    "libcrypt.so.1": Loaded("libcrypt", State.WARN, Serves.SOME, "libcrypt1", "passwords of Linux guests"),
    "iscsi": Loaded(
        "QEMU driver iscsi", State.WARN, Serves.SOME, "qemu-block-extra", "images behind iscsi://"
    ),
    "rbd": Loaded(
        "QEMU driver rbd", State.WARN, Serves.SOME, "qemu-block-extra", "images in Ceph, behind rbd:"
    ),
}


@dataclass(frozen=True, slots=True)
class Need:
    """A program of the host."""

    state: State  # when it is not there
    serves: Serves
    what_for: str


def _needs() -> dict[str, Need]:
    everything = Need(State.FAIL, Serves.BOTH, "every command that reads a disk")
    booted = "without it, edits boot the appliance"
    quick = {
        "qemu-storage-daemon": "edits without booting",
        "e2fsck": "editing ext2, ext3 and ext4 without booting",
        "resize2fs": "resizing ext2, ext3 and ext4 without booting",
        "dumpe2fs": "resizing ext2, ext3 and ext4 without booting",
        "fsck.f2fs": "resizing F2FS without booting",
        "resize.f2fs": "resizing F2FS without booting",
        "mkswap": "resizing swap partitions without booting",
        "fusermount3": "editing and mounting without booting",
        "ntfs-3g": "editing NTFS without booting",
        "ntfs-3g.probe": "editing NTFS without booting",
        "ntfsfix": "editing NTFS without booting",
        "ntfsresize": "resizing NTFS without booting",
        **dict.fromkeys(("mattrib", "mcopy", "mdel", "mmd", "mrd"), "editing FAT without booting"),
        "fsck.fat": "editing FAT without booting",
    }
    needs = {name: Need(State.WARN, Serves.DIRECT, f"{what}; {booted}") for name, what in quick.items()}
    needs |= dict.fromkeys(("qemu-img", "qemu-nbd", "setpriv", "blkid", "wipefs"), everything)
    needs["supermin"] = Need(State.FAIL, Serves.APPLIANCE, "building the appliance")
    for name in ("debugfs", "cpio"):
        needs[name] = Need(State.WARN, Serves.APPLIANCE, "the appliance's quick start")
    for name, kind in (("xfs_repair", "XFS"), ("btrfs", "btrfs")):
        needs[name] = Need(State.WARN, Serves.SOME, f"diagnose --thorough on {kind}")
    for name, kind in (("xfs_db", "XFS"), ("ntfsinfo", "NTFS")):
        needs[name] = Need(State.WARN, Serves.SOME, f"sparsify on {kind}")
    needs["fallocate"] = Need(State.WARN, Serves.SOME, "making new filesystems on a disk that is there")
    needs["rpm"] = Need(State.FAIL, Serves.SOME, "packages of guests with an rpm database")
    needs["rpmdb"] = Need(State.WARN, Serves.SOME, "verify and audit of guests with an rpm database")
    needs["journalctl"] = Need(State.FAIL, Serves.SOME, "logs of guests with systemd")
    needs["zstd"] = Need(State.FAIL, Serves.SOME, "archives and logs packed with zstd")
    needs["lz4"] = Need(State.WARN, Serves.SOME, "initial RAM disks packed with lz4, in a diagnosis")
    needs["sfdisk"] = Need(State.FAIL, Serves.SOME, "changing partition tables")
    needs["fdisk"] = Need(State.FAIL, Serves.SOME, "changing partition tables")
    needs["visudo"] = Need(State.WARN, Serves.SOME, "checking an edited sudoers file")
    needs["oscap"] = Need(State.WARN, Serves.SOME, "audit --oscap")
    needs["ssh"] = Need(State.WARN, Serves.SOME, "images behind ssh://")
    needs["nbdkit"] = Need(
        State.WARN, Serves.SOME, "images behind ssh://, and in xz read without unpacking them"
    )
    needs["clevis"] = Need(
        State.WARN, Serves.SOME, "keys of encrypted volumes that a Tang server helps to find"
    )
    needs["xz"] = Need(State.WARN, Serves.SOME, "disks packed with xz")
    for name in (
        "mke2fs",
        "mkfs.xfs",
        "mkfs.btrfs",
        "mkfs.fat",
        "mkfs.exfat",
        "tune.exfat",
        "mkntfs",
        "mkudffs",
        "xorriso",
        "sqfstar",
    ):
        needs[name] = Need(State.WARN, Serves.SOME, "making new filesystems")
    return needs


NEEDS = _needs()
