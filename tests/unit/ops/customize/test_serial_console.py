"""A serial console: kernel, boot loader and login, once each, however often it is asked for."""

from __future__ import annotations

import pytest

from imgtools.errors import UsageError
from tests.support.customized import customized
from tests.support.memory import Content, directory, link

GRUB: dict[str, Content] = {
    "/boot/grub/grub.cfg": (
        "insmod gfxterm\nterminal_output gfxterm\nmenuentry 'Debian' {\n"
        "  linux /boot/vmlinuz root=/dev/sda1 console=ttyS0,9600 quiet\n}\n"
    ),
    "/etc/default/grub": 'GRUB_CMDLINE_LINUX=""\nGRUB_TERMINAL=console\n',
    "/sbin/init": link("/lib/systemd/systemd"),
    "/lib/systemd/systemd": "",
    "/etc/inittab": "# nobody reads it\n",
    "/etc/securetty": "tty1\n",
}
ALPINE: dict[str, Content] = {
    "/boot/extlinux.conf": "DEFAULT virt\nLABEL virt\n  APPEND root=/dev/sda1\n",
    "/etc/update-extlinux.conf": 'default_kernel_opts="quiet"\n',
    "/etc/inittab": "tty1::respawn:/sbin/getty 38400 tty1\n#ttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100\n",
    "/sbin/openrc": "",
    "/etc/runlevels": directory(),
}


def test_grub_the_kernel_and_login_use_the_port() -> None:
    tree = customized(GRUB, ("serial-console", "ttyS0"))
    assert tree.read_text("/boot/grub/grub.cfg") == (
        "serial --unit=0 --speed=115200\nterminal_input console serial\n"
        "insmod gfxterm\nterminal_output gfxterm serial\nmenuentry 'Debian' {\n"
        "  linux /boot/vmlinuz root=/dev/sda1 quiet console=tty0 console=ttyS0,115200\n}\n"
    )
    assert tree.read_text("/etc/default/grub") == (
        'GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"\nGRUB_TERMINAL="console serial"\n'
        'GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"\n'
    )
    assert tree.read_text("/etc/securetty") == "tty1\nttyS0\n"
    assert tree.read_text("/etc/inittab") == "# nobody reads it\n"


def test_alpine_has_it_in_extlinux_and_inittab() -> None:
    tree = customized(ALPINE, ("serial-console", "ttyS0:9600"), families=("alpine",))
    assert tree.read_text("/boot/extlinux.conf") == (
        "SERIAL 0 9600\nDEFAULT virt\nLABEL virt\n  APPEND root=/dev/sda1 console=tty0 console=ttyS0,9600\n"
    )
    options = 'default_kernel_opts="quiet console=tty0 console=ttyS0,9600"\n'
    assert tree.read_text("/etc/update-extlinux.conf") == options
    assert tree.read_text("/etc/inittab").endswith("\nttyS0::respawn:/sbin/getty -L 9600 ttyS0 vt100\n")


def test_sysvinit_has_run_levels() -> None:
    inittab = (
        "id:2:initdefault:\n1:2345:respawn:/sbin/getty 38400 tty1\n#T0:23:respawn:/sbin/getty -L ttyS0\n"
    )
    tree = customized(
        {"/boot/extlinux.conf": ALPINE["/boot/extlinux.conf"], "/etc/inittab": inittab},
        ("serial-console", "ttyS1"),
    )
    line = "S1:2345:respawn:/sbin/getty -L 115200 ttyS1 vt100\n"
    assert tree.read_text("/etc/inittab") == inittab + line


@pytest.mark.parametrize("files", [GRUB, ALPINE])
def test_twice_is_once(files: dict[str, Content]) -> None:
    once = customized(files, ("serial-console", "ttyS0"))
    twice = customized(files, ("serial-console", "ttyS0:9600"), ("serial-console", "ttyS0"))
    for path in files:
        if once.is_file(path):
            assert twice.read_text(path) == once.read_text(path)


@pytest.mark.parametrize("text", ["tty1", "ttyS0:300000", "ttyS", "ttyS0:fast", "/dev/ttyS0"])
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(UsageError, match="not a serial port"):
        customized(GRUB, ("serial-console", text))
