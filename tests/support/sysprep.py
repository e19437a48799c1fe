"""Guests in memory for the tests of the sysprep shelf."""

from __future__ import annotations

from collections.abc import Mapping

from imgtools.change.change import Change
from imgtools.change.compose import compose
from imgtools.change.describe import summarise
from imgtools.guest.guest import Guest
from imgtools.ops.operation import Shelved
from imgtools.records.disks import Holder, Mount, Volume
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import Content, directory, memory_files

PASSWD = """root:x:0:0:root:/root:/bin/bash
postgres:x:105:110::/var/lib/postgresql:/bin/bash
alice:x:1000:1000::/home/alice:/bin/bash
"""
NETPLAN = """# how this machine is wired
network:
  version: 2
  ethernets:
    ens3:
      match:
        macaddress: "52:54:00:12:34:56"
      set-name: ens3
      dhcp4: true  # stays
"""
BASE: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/etc/passwd": PASSWD,
    "/etc/shadow": "root:*:1::::::\nalice:$y$x:1::::::\n",
    "/etc/group": "sudo:x:27:alice,bob\nalice:x:1000:\n",
    "/root/keep": "",
    "/home/alice": directory(),
    "/var/lib/postgresql": directory(),
    "/var/log": directory(),
    "/tmp": directory(0o1777),
    "/var/tmp": directory(0o1777),
    "/boot/grub/grub.cfg": "",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/ssh/sshd_config": "PermitRootLogin no\n",
}


def guest_of(files: Mapping[str, Content], **os: object) -> Guest:
    """A Linux guest with its root on LVM."""
    root = Volume("/dev/vg0/root", Holder.LV, 1 << 30, "ext4", parents=("/dev/sda2",))
    facts: dict[str, object] = {"type": OsType.LINUX, "distro": "debian", "families": ("debian",), **os}
    return Guest(root, OsInfo(**facts), (Mount("/", root),), memory_files({**BASE, **files}))  # type: ignore[arg-type]


def planned(shelved: Shelved, guest: Guest) -> list[Change]:
    """What an operation with its usual parameters would change."""
    return list(compose(tuple(shelved.operation.plan(guest, shelved.operation.params())), guest.files))


def words(changes: list[Change], guest: Guest) -> list[str]:
    """A plan in the words in which it is shown, sorted."""
    return sorted(
        summarise(change, is_new=not guest.files.exists(getattr(change, "path", "/"))) for change in changes
    )
