"""Kernel arguments: in what boots now, and in what the next kernel's entry is made of."""

from __future__ import annotations

import pytest

from imgtools.errors import OddGuest, UnsupportedGuest, UsageError
from tests.support.customized import customized
from tests.support.memory import Content, link

GRUB_CFG = """\
menuentry 'Debian' {
\tlinux\t/boot/vmlinuz-6.1 root=UUID=x ro quiet
\tinitrd\t/boot/initrd.img-6.1
}
### BEGIN /etc/grub.d/30_os-prober ###
\tlinux /boot/vmlinuz-of-another root=/dev/sda9
### END /etc/grub.d/30_os-prober ###
\tlinux16\t/boot/memtest86+.bin
"""
DEBIAN: dict[str, Content] = {
    "/boot/grub/grub.cfg": GRUB_CFG,
    "/etc/default/grub": 'GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n',
}
ENTRY = "title Rocky\nversion 5.14\nlinux /vmlinuz-5.14\noptions {}\ngrub_class rocky\n"
ROCKY: dict[str, Content] = {
    "/boot/grub2/grub.cfg": 'set kernelopts="root=/dev/sda1 ro "\nblscfg\n',
    "/boot/loader/entries/a.conf": ENTRY.format("root=/dev/sda1 ro crashkernel=auto $tuned_params"),
    "/etc/kernel/cmdline": "root=/dev/sda1 ro crashkernel=auto\n",
    "/etc/default/grub": "GRUB_CMDLINE_LINUX=crashkernel=auto\nGRUB_ENABLE_BLSCFG=true\n",
}
Case = tuple[dict[str, Content], str, str, str]
CASES: dict[str, Case] = {
    "grub.cfg": (
        DEBIAN,
        "net.ifnames=0",
        "/boot/grub/grub.cfg",
        GRUB_CFG.replace("ro quiet", "ro quiet net.ifnames=0"),
    ),
    "default-grub": (
        DEBIAN,
        "net.ifnames=0",
        "/etc/default/grub",
        'GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="net.ifnames=0"\n',
    ),
    "removed": (DEBIAN, "-quiet", "/boot/grub/grub.cfg", GRUB_CFG.replace(" quiet", "")),
    "removed-from-default-grub": (
        DEBIAN,
        "-quiet",
        "/etc/default/grub",
        'GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT=""\nGRUB_CMDLINE_LINUX=""\n',
    ),
    "there-already": (DEBIAN, "quiet", "/etc/default/grub", str(DEBIAN["/etc/default/grub"])),
    "grub.d-has-the-last-word": (
        {**DEBIAN, "/etc/default/grub.d/z.cfg": 'GRUB_CMDLINE_LINUX="a b"\n'},
        "c=1",
        "/etc/default/grub.d/z.cfg",
        'GRUB_CMDLINE_LINUX="a b c=1"\n',
    ),
    "suse-has-no-such-line": (
        {**DEBIAN, "/etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"'},
        "a=1",
        "/etc/default/grub",
        'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="a=1"\n',
    ),
    "entry": (
        ROCKY,
        "crashkernel=256M",
        "/boot/loader/entries/a.conf",
        ENTRY.format("root=/dev/sda1 ro $tuned_params crashkernel=256M"),
    ),
    "kernel-cmdline": (
        ROCKY,
        "crashkernel=256M",
        "/etc/kernel/cmdline",
        "root=/dev/sda1 ro crashkernel=256M\n",
    ),
    "unquoted": (
        ROCKY,
        "crashkernel=256M",
        "/etc/default/grub",
        'GRUB_CMDLINE_LINUX="crashkernel=256M"\nGRUB_ENABLE_BLSCFG=true\n',
    ),
    "kernelopts": (
        ROCKY,
        "a=1",
        "/boot/grub2/grub.cfg",
        'set kernelopts="root=/dev/sda1 ro a=1"\nblscfg\n',
    ),
    "systemd-boot": (
        {"/efi/loader/entries/arch.conf": "title Arch\nlinux /vmlinuz\noptions root=/dev/sda1\noptions rw\n"},
        "a=1",
        "/efi/loader/entries/arch.conf",
        "title Arch\nlinux /vmlinuz\noptions root=/dev/sda1\noptions rw a=1\n",
    ),
    "extlinux": (
        {
            "/boot/extlinux.conf": "DEFAULT virt\nLABEL virt\n  LINUX vmlinuz-virt\n  APPEND root=/dev/sda1 quiet\n"
        },
        "console=ttyS0",
        "/boot/extlinux.conf",
        "DEFAULT virt\nLABEL virt\n  LINUX vmlinuz-virt\n  APPEND root=/dev/sda1 quiet console=ttyS0\n",
    ),
    "grub-legacy": (
        {
            "/boot/grub/grub.conf": "title RHEL\n\tkernel /vmlinuz ro quiet\n# kopt=root=/dev/sda1\n",
            "/boot/grub/menu.lst": link("./grub.conf"),
        },
        "a=1",
        "/boot/grub/grub.conf",
        "title RHEL\n\tkernel /vmlinuz ro quiet a=1\n# kopt=root=/dev/sda1 a=1\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_arguments_are_edited_where_they_stand(case: str) -> None:
    files, argument, path, wanted = CASES[case]
    assert customized(files, ("kernel-argument", argument)).read_text(path) == wanted


def test_several_arguments_build_on_each_other() -> None:
    orders = (("kernel-argument", "a=1"), ("kernel-argument", "a=2"), ("kernel-argument", "console=tty0"))
    tree = customized(DEBIAN, *orders, ("kernel-argument", "console=ttyS0"))
    said = 'GRUB_CMDLINE_LINUX="a=2 console=tty0 console=ttyS0"'
    assert said in tree.read_text("/etc/default/grub")
    assert "ro quiet a=2 console=tty0 console=ttyS0\n" in tree.read_text("/boot/grub/grub.cfg")


def grubenv(text: str) -> str:
    return text + "#" * (1024 - len(text))


def test_the_environment_block_keeps_its_size() -> None:
    path = "/boot/grub2/grubenv"
    files: dict[str, Content] = {
        "/boot/grub2/grub.cfg": "blscfg\n",
        "/boot/loader/entries/a.conf": ENTRY.format("$kernelopts $tuned_params"),
        path: grubenv("# GRUB Environment Block\nkernelopts=root=/dev/sda1 ro \nsaved_entry=x\n"),
    }
    tree = customized(files, ("kernel-argument", "a=1"))
    assert tree.read_text(path) == grubenv(
        "# GRUB Environment Block\nkernelopts=root=/dev/sda1 ro a=1\nsaved_entry=x\n"
    )
    assert "$kernelopts $tuned_params\n" in tree.read_text("/boot/loader/entries/a.conf")
    full = {**files, path: grubenv("# GRUB Environment Block\nkernelopts=" + "x " * 480 + "\n")}
    with pytest.raises(OddGuest, match="1024 bytes"):
        customized(full, ("kernel-argument", "b=" + "2" * 100))


@pytest.mark.parametrize("text", ["", "-", "two words", 'a="b"', "a=$b", "a;b", "a=`b`", "#x", "a=b\n"])
def test_what_is_no_argument(text: str) -> None:
    with pytest.raises(UsageError, match="not a kernel argument"):
        customized(DEBIAN, ("kernel-argument", text))


def test_a_guest_without_a_boot_loader() -> None:
    with pytest.raises(UnsupportedGuest, match="no boot loader"):
        customized({"/etc/default/grub": ""}, ("kernel-argument", "a=1"))
