"""Whole Linux guests in memory, with everything that an inspection looks at."""

from __future__ import annotations

from imgtools.guest.settings.facts import PNG
from imgtools.records.disks import Layout, Volume
from tests.support.images import MemoryImage, memory_image, partitioned
from tests.support.memory import Content, link, memory_volume

ELF_X86_64 = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00"
KERNEL = "6.1.0-18-amd64"
YESCRYPT = "$y$j9T$abcdefghijklmnopqrstuv$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

BOOT = memory_volume("/dev/sda1", uuid="0000-b007", label="boot")
ROOT = memory_volume("/dev/sda2", uuid="0000-d00d", label="root")
SWAP = memory_volume("/dev/sda3", "swap", uuid="0000-5a9")

DEBIAN_BOOT: dict[str, Content] = {
    f"/vmlinuz-{KERNEL}": "",
    f"/initrd.img-{KERNEL}": "",
    "/grub/grub.cfg": f"menuentry 'Debian' {{\n linux /vmlinuz-{KERNEL} root=UUID=0000-d00d ro quiet\n}}\n",
}
DEBIAN_ROOT: dict[str, Content] = {
    "/bin": link("usr/bin"),
    "/lib": link("usr/lib"),
    "/sbin": link("usr/sbin"),
    "/usr/bin/bash": ELF_X86_64,
    "/usr/bin/apt-get": "",
    "/usr/sbin/init": link("../lib/systemd/systemd"),
    "/usr/sbin/ifup": "",
    "/usr/sbin/qemu-ga": "",
    "/usr/lib/systemd/systemd": "",
    "/usr/lib/systemd/system/default.target": link("graphical.target"),
    "/usr/lib/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n',
    f"/usr/lib/modules/{KERNEL}/modules.dep": "kernel/drivers/block/virtio_blk.ko:\n",
    "/usr/share/pixmaps/debian-logo.png": PNG + b"swirl",
    "/etc/os-release": link("../usr/lib/os-release"),
    "/etc/debian_version": "12.5\n",
    "/etc/fstab": "UUID=0000-d00d / ext4 errors=remount-ro 0 1\nUUID=0000-b007 /boot ext4 defaults 0 2\n"
    "UUID=0000-5a9 none swap sw 0 0\n",
    "/etc/hostname": "mail\n",
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/etc/localtime": link("/usr/share/zoneinfo/Europe/Berlin"),
    "/etc/default/locale": "LANG=en_US.UTF-8\n",
    "/etc/default/keyboard": 'XKBLAYOUT="us"\n',
    "/etc/network/interfaces": "auto lo\niface lo inet loopback\n",
    "/etc/systemd/system/multi-user.target.wants/ssh.service": link("/lib/systemd/system/ssh.service"),
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
    "ann:x:1000:1000:Ann Example,,,:/home/ann:/bin/bash\n",
    "/etc/shadow": f"root:*:19000:0:99999:7:::\nsshd:!:19000::::::\nann:{YESCRYPT}:19000:0:99999:7:::\n",
    "/etc/group": "root:x:0:\nsudo:x:27:ann\nann:x:1000:\n",
    "/etc/sudoers": "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n",
    "/etc/ssh/ssh_host_ed25519_key.pub": "ssh-ed25519 AAAA\n",
    "/home/ann/.ssh/authorized_keys": "# laptop\nssh-ed25519 AAAA ann@laptop\n",
    "/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nArchitecture: amd64\n"
    "Maintainer: M <m@example.org>\nVersion: 5.2.15-2+b2\nDescription: GNU Bourne Again SHell\n\n"
    "Package: bind9-host\nStatus: install ok installed\nArchitecture: amd64\nSource: bind9\nVersion: 1:9.18.24-1\n",
}


def debian_image(more: dict[str, Content] | None = None, *others: Volume) -> MemoryImage:
    """A Debian 12 with /boot, root and swap on a GPT disk.

    :param more: files that are added to its root, or replaced.
    """
    layout = Layout(
        (partitioned("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "21686148-6449-6E6F-744E-656564454649"),),
        volumes=(BOOT, ROOT, SWAP, *others),
    )
    return memory_image({BOOT: DEBIAN_BOOT, ROOT: {**DEBIAN_ROOT, **(more or {})}}, layout)
