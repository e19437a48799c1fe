"""A Linux in memory, sound in every way that repairs of its files look at; tests break it in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from imgtools.change.change import Change
from imgtools.change.compose import compose
from imgtools.change.describe import summarise
from imgtools.change.sequence import ChangeSequence
from imgtools.files.tree import GuestTree
from imgtools.guest.guest import Guest
from imgtools.ops.operation import load_shelf, make_params
from imgtools.records.disks import Disk, Holder, Layout, Mount, Partition, Volume
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import Content, MemoryFilesystem, Node, link

SHELF = load_shelf("imgtools.ops.repair")
KERNEL = "6.1.0-18-amd64"
HASH = "$y$j9T$abcdefghijklmnopqrstuv$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


def volume(number: int, content: str, uuid: str, **facts: object) -> Volume:
    """A partition of the guest's disk."""
    made = Volume(f"/dev/sda{number}", Holder.PARTITION, 1 << 30, content, uuid=uuid)
    return replace(made, **facts)  # type: ignore[arg-type]


BOOT, ROOT, SWAP = (
    volume(1, "ext4", "b007", label="boot"),
    volume(2, "ext4", "d00d"),
    volume(3, "swap", "5a9"),
)
GRUB = f"""set default="0"
menuentry 'Debian' {{
 linux /vmlinuz-{KERNEL} root=UUID=d00d ro quiet
}}
"""
FILES: Mapping[str, Content] = {
    "/etc/fstab": "# the disks\nUUID=d00d / ext4 errors=remount-ro 0 1\n"
    "UUID=b007 /boot ext4 defaults 0 2\nUUID=5a9 none swap sw 0 0\n",
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
    "ann:x:1000:1000:Ann:/home/ann:/bin/bash\n",
    "/etc/passwd-": "root:x:0:0:root:/root:/bin/bash\n",
    "/etc/shadow": Node(
        content=f"root:*:19000:0:99999:7:::\nann:{HASH}:19000:0:99999:7:::\n".encode(), mode=0o640
    ),
    "/etc/shadow-": Node(content=b"root:!:19000:0:99999:7:::\n", mode=0o640, gid=42),
    "/etc/group": "root:x:0:\nsudo:x:27:ann\nann:x:1000:\n",
    "/etc/sudoers": Node(
        content=b"Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n", mode=0o440
    ),
    "/etc/sudoers.d/ann": Node(content=b"ann ALL=(ALL) NOPASSWD: ALL\n", mode=0o440),
    "/usr/bin/sudo": Node(mode=0o4755),
    "/usr/sbin/sshd": "",
    "/usr/bin/ssh-keygen": "",
    "/bin/bash": "",
    "/etc/ssh/sshd_config": "Port 22\nUsePAM yes\nMatch User ann\n    PasswordAuthentication no\n",
    "/etc/ssh/ssh_host_ed25519_key": Node(content=b"key", mode=0o600),
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/usr/lib/systemd/systemd": "",
    "/sbin/init": link("/usr/lib/systemd/systemd"),
    "/usr/lib/systemd/system/multi-user.target": "",
    "/usr/lib/systemd/system/cron.service": "[Install]\nWantedBy=multi-user.target\n",
    "/var/log/syslog": "line\n",
    "/boot/grub/grub.cfg": GRUB,
    "/etc/default/grub": 'GRUB_CMDLINE_LINUX=""\n',
    f"/boot/vmlinuz-{KERNEL}": "kernel",
}


def disk(*volumes: Volume, types: Mapping[str, str] | None = None) -> Layout:
    """A layout with these partitions."""
    parts = tuple(
        Partition(one.device, number, number << 20, 1 << 20, (types or {}).get(one.device, "0x83"))
        for number, one in enumerate(volumes, 1)
    )
    return Layout((Disk("/dev/sda", 4 << 30, table="gpt", partitions=parts),), volumes=volumes)


def linux(
    files: Mapping[str, Content] | None = None,
    *,
    without: tuple[str, ...] = (),
    layout: Layout | None = None,
    filesystem: type[MemoryFilesystem] = MemoryFilesystem,
    mounts: tuple[Mount, ...] | None = None,
    rocky: bool = False,
) -> Guest:
    """The guest, with what is different. It is a Debian, or a Rocky Linux 9."""
    tree = {path: one for path, one in {**FILES, **(files or {})}.items() if path not in without}
    os = OsInfo(OsType.LINUX, "debian", ("debian",), major=12)
    if rocky:
        os = OsInfo(OsType.LINUX, "rocky", ("rocky", "rhel", "fedora"), major=9)
    return Guest(
        ROOT,
        os,
        mounts or (Mount("/", ROOT),),
        GuestTree({"/": filesystem(tree)}, Engine.MEMORY),
        layout=layout or disk(BOOT, ROOT, SWAP),
    )


def planned(name: str, guest: Guest, /, **settings: str) -> tuple[Change, ...]:
    """What a repair wants of a guest, edits settled; what it lacks is an error of the test."""
    shelved = SHELF[name]
    assert shelved.operation.lacking(guest) == ""
    return compose(tuple(shelved.operation.plan(guest, make_params(shelved, settings))), guest.files)


def mended(name: str, guest: Guest, /, **settings: str) -> tuple[list[str], Guest]:
    """What a repair does, in the words in which it is shown, and the guest afterwards; it does nothing to that."""
    changes = planned(name, guest, **settings)
    sequence = ChangeSequence(guest.files)
    sequence.add(changes)
    after = replace(guest, files=sequence.files)
    assert planned(name, after, **settings) == ()
    return [summarise(one).partition(" (")[0] for one in changes], after


def text(guest: Guest, path: str) -> str:
    """What a file says."""
    return guest.files.read_text(path)


def remarks(name: str, guest: Guest, /, **settings: str) -> list[str]:
    """What a repair has to say besides."""
    operation = SHELF[name].operation
    return [one.text for one in operation.remarks(guest, make_params(SHELF[name], settings))]
