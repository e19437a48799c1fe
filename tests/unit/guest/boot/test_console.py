"""What consoles say of boots that failed, in the words of real machines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.guest.boot.console import ConsoleReader, Stage, Verdict, plain_lines, read_console

BANNER = "[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14))\n"
UNPACKED = "[    0.310021] Unpacking initramfs...\n"

# name -> text, stage, verdict, ids of the causes
TEXTS: dict[str, tuple[str, Stage, Verdict, list[str]]] = {
    "Debian, quiet, no init at all: a shell takes its place": (
        (
            "  Booting `Debian GNU/Linux'\n\nLoading Linux 6.1.0-57-amd64 ...\nLoading initial ramdisk ...\n"
            "run-init: /sbin/init: No such file or directory\n"
            "Target filesystem doesn't have requested /sbin/init.\n"
            "run-init: /bin/init: No such file or directory\n"
            "/bin/sh: 0: can't access tty; job control turned off\n# "
        ),
        Stage.INITRAMFS,
        Verdict.INITRAMFS_SHELL,
        ["init-missing"] * 3,
    ),
    "Debian, init=/bin/bash left on the kernel's command line": (
        (
            "Loading, please wait...\nBegin: Running /scripts/init-bottom ... done.\n"
            "[    5.9] Run /bin/bash as init process\n"
            "bash: cannot set terminal process group (-1): Inappropriate ioctl for device\n"
            "bash: no job control in this shell\nroot@(none):/# "
        ),
        Stage.USER_SPACE,
        Verdict.INITRAMFS_SHELL,
        [],
    ),
    "SeaBIOS, blank disk": (
        (
            "SeaBIOS (version 1.16.2-debian-1.16.2-1)\r\nBooting from Hard Disk...\r\n"
            "Boot failed: not a bootable disk\r\n\r\nNo bootable device.\r\n"
        ),
        Stage.FIRMWARE,
        Verdict.NO_DEVICE,
        ["boot-device-missing"] * 2,
    ),
    "OVMF, nothing to load": (
        (
            'BdsDxe: failed to load Boot0001 "UEFI QEMU HARDDISK QM00013 " from PciRoot(0x0)/Pci(0x1F,0x2): Not Found\n'
            "BdsDxe: No bootable option or device was found.\nBdsDxe: Press any key to enter the Boot Manager Menu.\n"
        ),
        Stage.FIRMWARE,
        Verdict.NO_DEVICE,
        ["boot-device-missing"] * 2,
    ),
    "OVMF, its shell": (
        "\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2J\x1b[01;01HUEFI Interactive Shell v2.2\nEDK II\nShell> ",
        Stage.FIRMWARE,
        Verdict.NO_DEVICE,
        ["boot-device-missing"] * 2,
    ),
    "a boot record without a system": (
        "SeaBIOS (version 1.16.2)\nBooting from Hard Disk...\nMissing operating system\n",
        Stage.FIRMWARE,
        Verdict.NO_DEVICE,
        ["boot-device-missing"],
    ),
    "GRUB, prefix gone": (
        (
            "GRUB loading.\nWelcome to GRUB!\n\nerror: no such device: d0d0d0d0-0021-4000-8000-000000000a01.\n"
            "Entering rescue mode...\ngrub rescue> "
        ),
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["grub-prefix-missing"] * 2,
    ),
    "GRUB, module gone": (
        "error: file `/boot/grub/i386-pc/normal.mod' not found.\nEntering rescue mode...\ngrub rescue> ",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["grub-prefix-missing"] * 2,
    ),
    "GRUB, partition gone": (
        "error: no such partition.\nEntering rescue mode...\ngrub rescue> ",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["grub-prefix-missing"] * 2,
    ),
    "GRUB, core of another version": (
        "error: symbol `grub_calloc' not found.\nEntering rescue mode...\ngrub rescue> ",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["grub-core-damaged", "grub-prefix-missing"],
    ),
    "GRUB, boot.img reads nothing": (
        "Booting from Hard Disk...\nGRUB Hard Disk Error\n",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["grub-core-damaged"],
    ),
    "GRUB, kernel gone": (
        (
            "Loading Linux 6.1.0-18-amd64 ...\nerror: file `/boot/vmlinuz-6.1.0-18-amd64' not found.\n"
            "Loading initial ramdisk ...\nerror: you need to load the kernel first.\n\nPress any key to continue..."
        ),
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["kernel-missing", "kernel-missing"],
    ),
    "GRUB 2.12, kernel gone": (
        "error: ../../grub-core/fs/fshelp.c:257:file `/vmlinuz' not found.\n",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["kernel-missing"],
    ),
    "GRUB, initrd gone": (
        (
            "Loading initial ramdisk ...\nerror: file `/boot/initrd.img-6.1.0-18-amd64' not found.\n"
            "Press any key to continue..."
        ),
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["initrd-missing"],
    ),
    "GRUB, kernel cut": (
        "Loading Linux 6.1.0-18-amd64 ...\nerror: premature end of file /boot/vmlinuz-6.1.0-18-amd64.\n",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["kernel-damaged"],
    ),
    "GRUB, not a kernel": (
        "error: invalid magic number.\nerror: you need to load the kernel first.\n",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["kernel-damaged", "kernel-missing"],
    ),
    "GRUB, no configuration": (
        (
            "                             GNU GRUB  version 2.06-13+deb12u1\n\n"
            "   Minimal BASH-like line editing is supported. For the first word, TAB\n"
            "   lists possible command completions.\n\n\ngrub> "
        ),
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["boot-menu-missing"] * 2,
    ),
    "GRUB legacy, kernel gone": (
        (
            "root (hd0,0)\n Filesystem type is ext2fs, partition type 0x83\n"
            "kernel /vmlinuz-2.6.32 ro root=/dev/sda2\n\n"
            "Error 15: File not found\n\nPress any key to continue..."
        ),
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["kernel-missing"],
    ),
    "GRUB legacy, partition gone": (
        "GRUB Loading stage1.5.\n\nGRUB loading, please wait...\nError 22\n",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["grub-prefix-missing"],
    ),
    "extlinux, kernel gone": (
        (
            "EXTLINUX 6.04 20191223 Copyright (C) 1994-2015 H. Peter Anvin et al\nLoading vmlinuz-lts... failed!\n"
            "Could not find kernel image: vmlinuz-lts\nboot: "
        ),
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["kernel-missing"],
    ),
    "systemd-boot, no entries": (
        "No loader found. Configuration files in \\loader\\entries\\*.conf are needed.\n",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["boot-menu-missing"],
    ),
    "a kernel that does not unpack": (
        "Loading initial ramdisk ...\n\nXZ-compressed data is corrupt\n\n -- System halted",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["kernel-damaged", "kernel-damaged"],
    ),
    "no root for the kernel, no initrd": (
        BANNER
        + '[    1.201337] VFS: Cannot open root device "UUID=d0d0" or unknown-block(0,0): error -6\n'
        + '[    1.203001] Please append a correct "root=" boot option; here are the available partitions:\n'
        + "[    1.209115] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n",
        Stage.KERNEL,
        Verdict.KERNEL_PANIC,
        ["initrd-missing", "root-not-found", "root-not-found", "kernel-panic"],
    ),
    "no root for the kernel": (
        BANNER
        + UNPACKED
        + "[    2.209115] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(8,1)\n",
        Stage.KERNEL,
        Verdict.KERNEL_PANIC,
        ["root-not-found", "kernel-panic"],
    ),
    "initrd damaged": (
        BANNER
        + UNPACKED
        + "[    0.901021] Initramfs unpacking failed: invalid magic at start of compressed archive\n"
        + "[    2.209115] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n",
        Stage.KERNEL,
        Verdict.KERNEL_PANIC,
        ["initrd-damaged", "root-not-found", "kernel-panic"],
    ),
    "no init": (
        BANNER
        + "[    3.1] Run /sbin/init as init process\n[    3.2] Run /bin/sh as init process\n"
        + "[    3.3] Kernel panic - not syncing: No working init found.  Try passing init= option to kernel. "
        + "See Linux Documentation/admin-guide/init.rst for guidance.\n",
        Stage.USER_SPACE,
        Verdict.KERNEL_PANIC,
        ["init-missing", "kernel-panic"],
    ),
    "no init, Debian's initramfs": (
        BANNER
        + UNPACKED
        + "Begin: Running /scripts/local-bottom ... done.\nTarget filesystem doesn't have requested /sbin/init.\n"
        + "No init found. Try passing init= bootarg.\n\n\nBusyBox v1.35.0 (Debian 1:1.35.0-4+b3) built-in shell (ash)\n"
        + "Enter 'help' for a list of built-in commands.\n\n(initramfs) ",
        Stage.INITRAMFS,
        Verdict.INITRAMFS_SHELL,
        ["init-missing", "init-missing", "initramfs-shell", "initramfs-shell"],
    ),
    "libc gone": (
        BANNER
        + "/sbin/init: error while loading shared libraries: libc.so.6: cannot open shared object file: No such file\n"
        + "[    4.116092] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00\n",
        Stage.KERNEL,
        Verdict.KERNEL_PANIC,
        ["libc-missing", "libc-missing", "kernel-panic"],
    ),
    "root gone, Debian's initramfs": (
        BANNER
        + UNPACKED
        + "Begin: Mounting root file system ... Begin: Running /scripts/local-top ... done.\n"
        + "Gave up waiting for root file system device.  Common problems:\n"
        + " - Boot args (cat /proc/cmdline)\n   - Check rootdelay= (did the system wait long enough?)\n"
        + " - Missing modules (cat /proc/modules; ls /dev)\n"
        + "ALERT!  UUID=d0d0d0d0-0021-4000-8000-000000000bad does not exist.  Dropping to a shell!\n"
        + "\n\nBusyBox v1.35.0 (Debian 1:1.35.0-4+b3) built-in shell (ash)\n\n(initramfs) ",
        Stage.INITRAMFS,
        Verdict.INITRAMFS_SHELL,
        ["root-not-found", "root-not-found", "initramfs-shell", "initramfs-shell", "initramfs-shell"],
    ),
    "volume group gone": (
        BANNER
        + UNPACKED
        + '  Volume group "vg0" not found\n  Cannot process volume group vg0\n'
        + "ALERT!  /dev/mapper/vg0-root does not exist.  Dropping to a shell!\n(initramfs) ",
        Stage.INITRAMFS,
        Verdict.INITRAMFS_SHELL,
        ["root-not-found", "root-not-found", "root-not-found", "initramfs-shell", "initramfs-shell"],
    ),
    "root gone, dracut": (
        BANNER
        + UNPACKED
        + "[  134.123456] dracut-initqueue[391]: Warning: dracut-initqueue: timeout, still waiting for "
        + "following hooks:\n"
        + "[  135.001002] dracut-initqueue[391]: Warning: Could not boot.\n"
        + "         Starting Dracut Emergency Shell...\n"
        + "Warning: /dev/disk/by-uuid/6b8b8f1a-0000-4000-8000-000000000bad does not exist\n\n"
        + 'Generating "/run/initramfs/rdsosreport.txt"\n\n\n'
        + 'Entering emergency mode. Exit the shell to continue.\nType "journalctl" to view system logs.\n'
        + "\n\ndracut:/# ",
        Stage.INITRAMFS,
        Verdict.INITRAMFS_SHELL,
        ["root-not-found", "initramfs-shell", "initramfs-shell", "initramfs-shell"],
    ),
    "root gone, mkinitcpio": (
        BANNER
        + UNPACKED
        + ":: running early hook [udev]\n"
        + "ERROR: device 'UUID=0bad' not found. Skipping fsck.\n"
        + ":: mounting 'UUID=0bad' on real root\n"
        + "You are now being dropped into an emergency shell.\n[rootfs ]# ",
        Stage.INITRAMFS,
        Verdict.INITRAMFS_SHELL,
        ["root-not-found", "initramfs-shell", "initramfs-shell"],
    ),
    "fstab names what is not there": (
        BANNER
        + "Welcome to \x1b[1mDebian GNU/Linux 12 (bookworm)\x1b[0m!\n"
        + "[ \x1b[0;31mTIME\x1b[0m ] Timed out waiting for device dev-disk-by\\x2duuid-0bad.device.\n"
        + "[\x1b[0;1;38:5:185mDEPEND\x1b[0m] Dependency failed for /data.\n"
        + "[\x1b[0;1;38:5:185mDEPEND\x1b[0m] Dependency failed for Local File Systems.\n"
        + 'You are in emergency mode. After logging in, type "journalctl -xb" to view\n'
        + "Give root password for maintenance\n(or press Control-D to continue): ",
        Stage.USER_SPACE,
        Verdict.EMERGENCY,
        ["fstab-source-missing", "fstab-source-missing", "emergency-mode", "emergency-mode"],
    ),
    "root account locked": (
        BANNER
        + "Welcome to Ubuntu 22.04.4 LTS!\n"
        + "Cannot open access to console, the root account is locked.\nSee sulogin(8) man page for more details.\n",
        Stage.USER_SPACE,
        Verdict.EMERGENCY,
        ["emergency-mode"],
    ),
    "crypttab names what is not there": (
        BANNER
        + "Welcome to Debian GNU/Linux 12 (bookworm)!\n"
        + "[DEPEND] Dependency failed for systemd-cryptsetup@data.service - Cryptography Setup for data.\n"
        + "You are in emergency mode. After logging in\n",
        Stage.USER_SPACE,
        Verdict.EMERGENCY,
        ["crypttab-source-missing", "emergency-mode"],
    ),
    "a checker that wants a person": (
        BANNER
        + "Begin: Will now check root file system ... fsck from util-linux 2.38.1\n"
        + "/dev/sda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n\t(i.e., without -a or -p options)\n"
        + "fsck exited with status code 4\nThe root filesystem on /dev/sda1 requires a manual fsck\n(initramfs) ",
        Stage.INITRAMFS,
        Verdict.INITRAMFS_SHELL,
        ["filesystem-errors", "filesystem-errors", "filesystem-errors", "initramfs-shell"],
    ),
    "XFS damaged": (
        BANNER
        + "[    5.1] XFS (vda2): Metadata corruption detected at xfs_agf_verify+0x1/0x2 [xfs], xfs_agf block 0x1\n"
        + "[    5.2] XFS (vda2): Unmount and run xfs_repair\n"
        + "[FAILED] Failed to mount sysroot.mount - /sysroot.\n"
        + "Entering emergency mode. Exit the shell to continue.\n",
        Stage.INITRAMFS,
        Verdict.INITRAMFS_SHELL,
        ["filesystem-errors", "filesystem-errors", "root-not-found", "initramfs-shell"],
    ),
    "a disk that fails": (
        BANNER
        + "[    5.1] I/O error, dev vda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2\n"
        + "[    5.2] Buffer I/O error on dev vda1, logical block 0, async page read\n",
        Stage.KERNEL,
        Verdict.NONE,
        ["disk-errors", "disk-errors"],
    ),
    "a drive without a medium": (
        BANNER + "[    5.1] I/O error, dev fd0, sector 0 op 0x0:(READ)\n",
        Stage.KERNEL,
        Verdict.NONE,
        [],
    ),
    "no policy": (
        BANNER + "[    4.9] systemd[1]: Failed to load SELinux policy.\n"
        "[!!!!!!] Failed to load SELinux policy.\n[    4.9] systemd[1]: Freezing execution.\n",
        Stage.KERNEL,
        Verdict.NONE,
        ["selinux-labels", "selinux-labels"],
    ),
    "not enough memory": (
        BANNER + "[    2.1] Out of memory: Killed process 1 (init)\n"
        "[    2.2] Kernel panic - not syncing: System is deadlocked on memory\n",
        Stage.KERNEL,
        Verdict.KERNEL_PANIC,
        ["out-of-memory", "out-of-memory", "kernel-panic"],
    ),
    "full": (
        BANNER + "Welcome to Debian GNU/Linux 12 (bookworm)!\n"
        "[    9.1] systemd-journald[200]: Failed to create new system journal: No space left on device\n",
        Stage.USER_SPACE,
        Verdict.NONE,
        ["filesystem-full"],
    ),
    "a passphrase is wanted, Debian": (
        BANNER + UNPACKED + "Please unlock disk sda5_crypt: ",
        Stage.INITRAMFS,
        Verdict.PASSPHRASE,
        [],
    ),
    "a passphrase is wanted, systemd": (
        BANNER
        + UNPACKED
        + "Please enter passphrase for disk QEMU_HARDDISK (luks-5e0e): (press TAB for no echo) ",
        Stage.INITRAMFS,
        Verdict.PASSPHRASE,
        [],
    ),
    "a passphrase is wanted, GRUB": (
        "Welcome to GRUB!\n\nEnter passphrase for hd0,gpt2 (5e0e5e0e5e0e4000): ",
        Stage.LOADER,
        Verdict.PASSPHRASE,
        [],
    ),
    "bootmgr gone": (
        "Booting from Hard Disk...\n\nBOOTMGR is missing\nPress Ctrl+Alt+Del to restart\n",
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["windows-boot-manager-missing"],
    ),
    "boot store gone": (
        (
            "                              Windows Boot Manager\n\n"
            "Windows failed to start. A recent hardware or software change\n"
            "might be the cause.\n\n    File: \\Boot\\BCD\n\n    Status: 0xc000000f\n\n"
            "    Info: The Boot Configuration Data for your PC is missing or contains errors.\n"
        ),
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["windows-boot-store-missing", "windows-boot-store-missing"],
    ),
    "boot store names another disk": (
        (
            "                              Windows Boot Manager\n\n    Status: 0xc000000e\n\n"
            "    Info: The boot selection failed because a required device is inaccessible.\n"
        ),
        Stage.LOADER,
        Verdict.LOADER_ERROR,
        ["windows-boot-device-missing"],
    ),
    "stop 7B": (
        (
            "A problem has been detected and Windows has been shut down to prevent damage\nto your computer.\n\n"
            "*** STOP: 0x0000007B (0xFFFFF880009A97E8,0xFFFFFFFFC0000034,0x0000000000000000,0x0000000000000000)\n"
        ),
        Stage.KERNEL,
        Verdict.WINDOWS_STOP,
        ["windows-boot-device-missing", "windows-stop-code"],
    ),
    "stop by name": (
        "Your device ran into a problem and needs to restart.\nStop code: CRITICAL_PROCESS_DIED\n",
        Stage.KERNEL,
        Verdict.WINDOWS_STOP,
        ["windows-stop-code"],
    ),
    "Windows is up, on its console": (
        (
            "\x1b[2J\x1b[1;1HComputer is booting, SAC started and initialized.\r\n\r\n"
            'Use the "ch -?" command\r\n\r\nSAC>'
            "\r\nEVENT:   The CMD command is now available.\r\nSAC>"
        ),
        Stage.LOGIN,
        Verdict.WINDOWS_LOGON,
        [],
    ),
    "login": (
        BANNER
        + UNPACKED
        + "Welcome to Debian GNU/Linux 12 (bookworm)!\n[  OK  ] Reached target multi-user.target.\n\n"
        "Debian GNU/Linux 12 debian-real ttyS0\n\ndebian-real login: ",
        Stage.LOGIN,
        Verdict.LOGIN,
        [],
    ),
    "login, and then words of the kernel": (
        BANNER
        + "\nUbuntu 22.04.4 LTS web ttyS0\n\nweb login: [   21.105514] cloud-init[801]: Cloud-init v. 23.4",
        Stage.LOGIN,
        Verdict.LOGIN,
        [],
    ),
    "login of a quiet kernel, behind GRUB's words": (
        (
            "Welcome to GRUB!\nBooting `Debian GNU/Linux'\n\nLoading Linux 6.1.0-18-amd64 ...\n"
            "Loading initial ramdisk ...\n"
            "\x1b[H\x1b[J\nweb login: "
        ),
        Stage.LOGIN,
        Verdict.LOGIN,
        [],
    ),
    "login on a screen, behind agetty's issue": (
        "Debian GNU/Linux 12 debian-real tty1\n\ndebian-real login: \n",
        Stage.LOGIN,
        Verdict.LOGIN,
        [],
    ),
    "login, Fedora": (
        "Rocky Linux 9.3 (Blue Onyx)\nKernel 5.14.0-362.8.1.el9_3.x86_64 on an x86_64 (ttyS0)\n\nrocky login: ",
        Stage.LOGIN,
        Verdict.LOGIN,
        [],
    ),
    "up, but nobody asks for a login": (
        BANNER + "[  OK  ] Reached target Multi-User System.\n[  OK  ] Reached target Graphical Interface.\n",
        Stage.USER_SPACE,
        Verdict.TARGET,
        [],
    ),
    "errors that it got over": (
        "error: no such device: 0bad.\nLoading Linux 6.1.0-18-amd64 ...\n"
        + BANNER
        + "Warning: /dev/mapper/x does not exist\nWelcome to Fedora Linux 39 (Server Edition)!\n"
        + "Fedora\nKernel 6.5.6-300.fc39.x86_64 on an x86_64 (ttyS0)\n\nfedora login: ",
        Stage.LOGIN,
        Verdict.LOGIN,
        [],
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_a_console_says(name: str) -> None:
    text, stage, verdict, causes = TEXTS[name]
    found = read_console(text)
    assert (found.stage, found.verdict, [one.id for one in found.causes]) == (stage, verdict, causes)
    lines = dict.fromkeys(cause.line_number for cause in found.causes)
    assert all(text.split("\n")[number - 1].strip() for number in lines)
    assert bool(found.line) == (verdict is not Verdict.NONE)


def test_only_what_stays_is_final() -> None:
    """GRUB goes on after a missing device; at its prompt it waits for a person."""
    assert not read_console("Welcome to GRUB!\nerror: no such device: 0bad.\n").is_final
    assert read_console("error: no such device: 0bad.\nEntering rescue mode...\ngrub rescue> ").is_final
    assert not read_console(BANNER + "Reached target Multi-User System.").is_final


@pytest.mark.parametrize(
    "menu",
    [
        "GNU GRUB  version 2.06\n |*web login:                    | \n | Kernel panic - not syncing |\n",
        "GNU GRUB  version 2.06\n\x1b[5;3H*web login: \x1b[6;3H You are in emergency mode\x1b[7;3H(initramfs) ",
        "ISOLINUX 6.04 ETCD\nweb login:\nKernel panic - not syncing: menu\nboot: ",
        "Linux version of the menu\nmenu login: ",
        "    Debian GNU/Linux, with Linux version 6.1.0\nweb login: ",
    ],
)
def test_a_boot_menu_fools_nobody(menu: str) -> None:
    found = read_console(menu)
    assert found.verdict is Verdict.NONE
    assert found.stage in (Stage.NOTHING, Stage.LOADER)


def test_a_loader_that_goes_on_has_complained_of_nothing() -> None:
    text = "error: no such device: 0bad.\n  Booting `Debian GNU/Linux'\n\nLoading Linux 6.1.0-18-amd64 ...\n"
    assert read_console(text).verdict is Verdict.NONE
    assert read_console(text + "error: file `/boot/vmlinuz' not found.\n").verdict is Verdict.LOADER_ERROR


def test_words_of_a_loader_do_not_count_behind_the_kernel() -> None:
    found = read_console(BANNER + "[    5.0] cat: error: file `/boot/vmlinuz' not found.\ngrub rescue> \n")
    assert (found.verdict, found.causes) == (Verdict.NONE, ())


def test_the_last_boot_counts() -> None:
    first = (
        "SeaBIOS (version 1.16.2)\n"
        + BANNER
        + "[  1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n"
    )
    second = "SeaBIOS (version 1.16.2)\n" + BANNER + "Debian GNU/Linux 12 d ttyS0\n\nd login: "
    assert read_console(first + second).verdict is Verdict.LOGIN
    assert read_console(second + first).verdict is Verdict.KERNEL_PANIC
    assert {cause.line_number for cause in read_console(second + first).causes} == {7}


def test_a_kernel_that_dumps_another_does_not_hide_its_panic() -> None:
    text = (
        BANNER + "[  1.0] Kernel panic - not syncing: Fatal exception\n" + BANNER + "kdump: saving vmcore\n"
    )
    assert read_console(text).verdict is Verdict.KERNEL_PANIC


def test_control_sequences_are_taken_out() -> None:
    text = "a\x1b[31mb\x1b[0m\x1b]0;title\x07c\r\nprogress 1%\rprogress 2%\n\x1b[3;4Hmenu\x1b[4;4Hitem\n"
    assert list(plain_lines(text)) == [
        (1, "abc"),
        (2, "progress 1%"),
        (2, "progress 2%"),
        (3, "menu"),
        (3, "item"),
    ]


def test_a_long_text_is_read_from_its_end() -> None:
    text = BANNER + "x" * (17 << 20) + "\n" + BANNER + "[  1.0] Kernel panic - not syncing: here\n"
    found = read_console(text)
    assert [cause.line_number for cause in found.causes] == [4]


@given(
    st.text(
        alphabet=st.sampled_from("Linux version 6.1[]0. \n\r\x1b;Hlogin: grub rescue>(initramfs)`'error"),
        max_size=400,
    )
)
def test_any_text_is_read(text: str) -> None:
    found = read_console(text)
    assert len(found.causes) <= 101
    assert "\x1b" not in found.line


@pytest.mark.parametrize("name", TEXTS)
def test_a_console_is_read_while_it_is_written_to(name: str) -> None:
    reader = ConsoleReader()
    text = TEXTS[name][0]
    for at in range(0, len(text), 7):
        reader.feed(text[at : at + 7])
        reader.reading()
    assert reader.reading() == read_console(text)
