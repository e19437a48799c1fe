"""What a kernel's arguments name that has to be there, and those that end the way to a login before it is reached.

Sources: Documentation/admin-guide/kernel-parameters.txt of the kernel, bootparam(7), dracut.cmdline(7),
initramfs-tools(7), systemd(1) and kernel-command-line(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.cmdline import TOKEN
from imgtools.guest.find.devices import Devices, hex_digits, read_names
from imgtools.guest.find.fstab import FstabEntry, read_fstab
from imgtools.guest.find.mount_options import foreign_options
from imgtools.guest.find.subvolumes import lost_subvolume
from imgtools.records.disks import Holder, Layout, Volume

CONF_LIMIT = 1 << 16
MAX_WORDS = 500
RESUME_CONF = "/etc/initramfs-tools/conf.d/resume"
# Roots that are no volume of a disk, or that the guest finds itself.
ELSEWHERE = re.compile(
    r"(?:nfs4?|nbd|iscsi|live|zfs|bootfs|overlay|cifs|fcoe|dhcp6?|rbd|virtiofs|9p|nvmf)(?::|=|$)"
    r"|/dev/(?:nfs|ram|cifs|root|loop|nbd|gpt-auto|dm-\d)|(?:gpt-auto|fstab|tmpfs|auto|none|ostree|zfs)\b"
    r"|[0-9a-f]{2,5}$|\d+:\d+$|.*\$",
    re.IGNORECASE,
)
SHELLS = ("/bin/sh", "/bin/bash", "/bin/dash", "/bin/busybox", "/usr/bin/bash", "/usr/bin/sh", "/bin/ash")
# Words that end in a shell, a rescue system or a prompt for root's password.
ENDING = frozenset(
    {
        "single",
        "s",
        "S",
        "1",
        "rescue",
        "emergency",
        "-b",
        "-s",
        "rd.break",
        "break",
        "rd.rescue",
        "rd.emergency",
    }
)
TARGETS = frozenset({"rescue.target", "emergency.target", "rescue", "emergency", "runlevel1.target", "shutdown.target",
                     "poweroff.target", "halt.target", "reboot.target"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lost:
    """An argument that names what is not there. ``kind``: ``root``, ``lvm``, ``luks``, ``md``, ``resume``, ``init``,
    ``flags``: options of the root's mount.
    """

    kind: str
    word: str
    why: str


def words_of(cmdline: str) -> list[str]:
    """Split a kernel's arguments; what is in quotes is one word."""
    return [word.replace('"', "") for word in re.findall(TOKEN, cmdline)[:MAX_WORDS]]


def ending_words(words: list[str]) -> Iterator[str]:
    """Yield the arguments that lead into a shell or a rescue system."""
    for word in words:
        key, _, value = word.partition("=")
        if word == "--":
            return
        if (
            word in ENDING
            or (key in ("systemd.unit", "rd.systemd.unit") and value in TARGETS)
            or (key in ("init", "rdinit") and value in SHELLS)
            or key in ("break", "rd.break")
        ):
            yield word


def lost_arguments(files: GuestReader, words: list[str], root: Volume, layout: Layout) -> Iterator[Lost]:
    """Yield the arguments that name volumes and programs that are not there."""
    devices = Devices(layout, root, read_names(files))
    for entry in read_fstab(files).entries:
        if entry.path == "/":
            devices.learn(entry.spec)
    last = {word.partition("=")[0]: word for word in words if "=" in word}
    for key, word in last.items():
        value = word.partition("=")[2]
        if key == "root":
            yield from _root(word, value, root, devices)
        elif key == "rootfstype" and value and root.content not in (*value.split(","), ""):
            yield from _type(word, value, root)
        elif key == "rootflags":
            yield from _flags(word, value, root, layout)
        elif key == "init" and value.startswith("/") and not files.is_file(value):
            yield Lost("init", word, f"{value} is not there")
        elif key == "resume" and value not in ("", "none", "swap") and not _is_named(value, devices):
            yield Lost("resume", word, f"{value} is not on these disks")
    for word in words:
        yield from _parts(word, layout)


def _root(word: str, value: str, root: Volume, devices: Devices) -> Iterator[Lost]:
    if ELSEWHERE.match(value):
        return
    if not value:
        yield Lost("root", word, "it names nothing")
        return
    if not value.startswith("/") and "=" not in value:
        value = f"/dev/{value}"
    found = devices.find(value.removeprefix("block:"))
    if found is None:
        yield Lost("root", word, "it is not on these disks")
    elif found != root and found.uuid != root.uuid and found.device not in root.parents:
        yield Lost(
            "root",
            word,
            f"it is {found.device} ({found.content or 'no filesystem'}), the system is on {root.device}",
        )


def _type(word: str, value: str, root: Volume) -> Iterator[Lost]:
    alike = {"ext2", "ext3", "ext4"}
    if not (root.content in alike and alike & set(value.split(","))):
        yield Lost("root", word, f"the root is {root.content}")


def _flags(word: str, value: str, root: Volume, layout: Layout) -> Iterator[Lost]:
    """Options that the root's mount fails with: a subvolume that is gone, what its filesystem does not know."""
    if name := lost_subvolume(value, root, layout):
        yield Lost("flags", word, f"{root.uuid or root.device} has no subvolume {name}")
    elif foreign := foreign_options(FstabEntry("", "/", root.content, value), root):
        yield Lost("flags", word, f"{root.content} does not know the option {', '.join(foreign)}")


def _is_named(value: str, devices: Devices) -> bool:
    return bool(re.match(r"\d+:\d+$|/dev/(?:zram|ram)", value)) or devices.find(value) is not None


def _parts(word: str, layout: Layout) -> Iterator[Lost]:
    """What dracut is told to put together before it looks for the root."""
    key, _, value = word.partition("=")
    if key == "rd.lvm.lv" and value and layout.lvs:
        names = {f"{one.vg}/{one.name}" for one in layout.lvs}
        if value.removeprefix("/dev/") not in names:
            yield Lost("lvm", word, f"there is no logical volume {value}")
    elif key == "rd.lvm.vg" and value and layout.vgs and value not in {one.name for one in layout.vgs}:
        yield Lost("lvm", word, f"there is no volume group {value}")
    elif key in ("rd.luks.uuid", "rd.luks.name", "luks.uuid") and value:
        uuid = hex_digits(value.partition("=")[0].removeprefix("luks-"))
        if not any(
            hex_digits(one.uuid).startswith(uuid) for one in layout.volumes if one.content == "crypto_LUKS"
        ):
            yield Lost("luks", word, "no encrypted volume has this UUID")
    elif key == "rd.md.uuid" and value:
        members = (
            one for one in layout.volumes if one.content == "linux_raid_member" or one.holder is Holder.MD
        )
        if hex_digits(value) not in {hex_digits(one.uuid) for one in members}:
            yield Lost("md", word, "no array has this UUID")


def resume_setting(files: GuestReader) -> tuple[int, str]:
    """Return what initramfs-tools is told to resume from: the line's number (0: it says nothing) and the device."""
    if not files.is_file(RESUME_CONF) or files.stat(RESUME_CONF).size > CONF_LIMIT:
        return 0, ""
    for number, line in enumerate(files.read_text(RESUME_CONF, limit=CONF_LIMIT).split("\n"), 1):
        if found := re.match(r"\s*RESUME=[\"']?([^\"'\s]*)", line):
            return number, found[1]
    return 0, ""
