"""What consoles say of a boot, line by line: the words of firmware, boot loaders, kernels, initramfs, init and Windows.

A sign counts in its place only. What a boot menu shows could be anything, so words of the kernel and of user space
count behind the kernel's start, those of firmware and loaders before it. Sources are named at each group.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """How far a boot has come; in the order in which a machine comes to them."""

    NOTHING = "nothing"
    FIRMWARE = "firmware"
    LOADER = "boot-loader"
    KERNEL = "kernel"
    INITRAMFS = "initramfs"
    USER_SPACE = "user-space"
    LOGIN = "login"


class Verdict(StrEnum):
    """How a boot has ended. ``NONE``: nothing tells yet."""

    NONE = "none"
    EXPECTED = "expected"
    LOGIN = "login"
    TARGET = "target-reached"
    WINDOWS_LOGON = "windows-logon"
    GRAPHICAL = "graphical-screen"
    NO_DEVICE = "no-bootable-device"
    LOADER_ERROR = "boot-loader-error"
    KERNEL_PANIC = "kernel-panic"
    INITRAMFS_SHELL = "initramfs-shell"
    EMERGENCY = "emergency-mode"
    PASSPHRASE = "asks-for-passphrase"
    WINDOWS_STOP = "windows-stop-code"
    POWERED_OFF = "powered-off"
    REBOOTS = "reboots-again-and-again"


STAGES = tuple(Stage)


class Place(StrEnum):
    """Where a sign counts: before the kernel's start, behind it, or in both."""

    BEFORE = "before"
    AFTER = "after"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that a line can say.

    :param pattern: searched in the line.
    :param cause: the id of what is broken, as ``imgtools diagnose`` calls it.
    :param verdict: how the boot ends by it; ``is_final``: it goes no further by itself, else it may.
    """

    pattern: re.Pattern[str] = field(repr=False)
    place: Place
    cause: str = ""
    verdict: Verdict = Verdict.NONE
    is_final: bool = False
    stage: Stage = Stage.NOTHING


# Before a kernel's line: its level (<6>), its time and what printk adds ([    1.234567][    T1]).
STAMP = r"^(?:<\d{1,3}>)?(?:\[ *\d{1,9}\.\d{1,9}\](?:\[ *[TC]\d{1,9}\])? ?)"
BANNER = re.compile(rf"(?:{STAMP}|^)Linux version \d{{1,3}}\.\d")  # init/version.c

# What else is only said when a kernel runs, for consoles that are quiet or begin later: each begins its line, which
# no line of a menu does.
STARTED = re.compile(
    STAMP
    + r"|^EFI stub: (?:Loaded|Exiting|Using)"  # drivers/firmware/efi/libstub
    + r"|^(?:early console in |Decompressing Linux|Booting the kernel)"  # arch/x86/boot/compressed/misc.c
    + r"|^Loading, please wait\.\.\."  # initramfs-tools, init
    + r"|^Begin: \w.* \.\.\."
    + r"|^Gave up waiting for root "
    + r"|^run-init: /|^Target filesystem doesn't have requested /"  # klibc's run-init, initramfs-tools' init
    + r"|^(?:\[ *(?:OK|FAILED|DEPEND|TIME|INFO) *\]|\[\*{0,3} *\*{0,3} *\]) "  # systemd, src/core/job.c
    + r"|^Welcome to (?!GRUB).*!$"
    + r"|^INIT: version \d"
    + r"|^ *OpenRC \d.* is starting up"
    + r"|^fsck from util-linux \d"
    + r"|^/dev/\S+: (?:clean|recovering journal), "
    + r"|^You are in (?:emergency|rescue) mode\."
    + r"|^BusyBox v\d.*built-in shell"
    + r"|^dracut(?:-\w+)?(?:\[\d+\])?: "
    + r"|^(?:Volume group|Please (?:unlock disk|enter passphrase for disk)) "
)
# agetty's issue: the system, and at the end of the line where it asks (Debian), or in brackets (Fedora).
ISSUE = re.compile(r"(?:^|[\s(])(?:tty(?:S|AMA|USB|AML|MSM|)\d{1,3}|hvc\d|console)\)? *$")
LOGIN = re.compile(r"^[^\s:|*]{1,64} login: ?(?:\[ *\d{1,9}\.\d{1,9}\].*)?$")
# What GRUB says when its entry hands over to the kernel (grub-mkconfig's 10_linux).
HANDOVER = re.compile(r"^(?:Loading (?:Linux|initial ramdisk) |Booting (?:`|'|a command list))")

# The last words on a screen before code that gives no sign: of SeaBIOS (src/boot.c) and of GRUB's boot.S, diskboot.S.
# Code that jumps into zeros may come to its own beginning, and say GRUB again and again.
HANDED_ON = re.compile(r"^(?:Booting from Hard Disk\.\.\.|(?:GRUB ?){1,40}(?:[Ll]oading\.{0,3})?)$")

# A machine begins anew with one of these. SeaBIOS, src/bootsplash.c and src/boot.c; edk2, BdsDxe; iPXE.
BEGINS = re.compile(r"^(?:SeaBIOS \(version |UEFI firmware \(version |BdsDxe: loading Boot|iPXE \(http)")


def _before(
    pattern: str,
    cause: str = "",
    verdict: Verdict = Verdict.LOADER_ERROR,
    *,
    final: bool = False,
    stage: Stage = Stage.LOADER,
) -> Sign:
    return Sign(re.compile(pattern), Place.BEFORE, cause, verdict, is_final=final, stage=stage)


def _after(
    pattern: str,
    cause: str = "",
    verdict: Verdict = Verdict.NONE,
    *,
    final: bool = False,
    stage: Stage = Stage.KERNEL,
) -> Sign:
    return Sign(re.compile(pattern), Place.AFTER, cause, verdict, is_final=final, stage=stage)


def _stop(pattern: str, cause: str) -> Sign:
    return Sign(
        re.compile(pattern), Place.BOTH, cause, Verdict.WINDOWS_STOP, is_final=True, stage=Stage.KERNEL
    )


def _console(pattern: str, verdict: Verdict, stage: Stage) -> Sign:
    return Sign(
        re.compile(pattern), Place.BOTH, "", verdict, is_final=verdict is not Verdict.NONE, stage=stage
    )


def _no_device(pattern: str, *, final: bool = True) -> Sign:
    return _before(pattern, "boot-device-missing", Verdict.NO_DEVICE, final=final, stage=Stage.FIRMWARE)


FIRMWARE = (
    _before(
        r"^(?:SeaBIOS \(version|iPXE \(http|UEFI firmware \()", verdict=Verdict.NONE, stage=Stage.FIRMWARE
    ),
    _before(r"^Booting from (?:Hard Disk|DVD|CD|Floppy|ROM)", verdict=Verdict.NONE, stage=Stage.FIRMWARE),
    # SeaBIOS, src/boot.c
    _no_device(r"^No bootable device\."),
    _no_device(r"^Boot failed: (?:not a bootable disk|could not read the boot disk)", final=False),
    # edk2, MdeModulePkg/Universal/BdsDxe
    _before(r"^BdsDxe: (?:loading|starting) Boot", verdict=Verdict.NONE, stage=Stage.FIRMWARE),
    _no_device(r"^BdsDxe: failed to (?:load|start) Boot", final=False),
    _no_device(r"^BdsDxe: No bootable option or device was found"),
    _no_device(r"^(?:Shell> ?$|UEFI Interactive Shell v\d)"),
    # Masters of boot records: mbr.S of syslinux, Microsoft's, mkfs.fat's
    _no_device(
        r"^(?:Missing operating system|Invalid partition table|Error loading operating system"
        r"|(?:Operating [Ss]ystem|No operating system) (?:not )?found|MBR: No (?:active|bootable) partition"
        r"|This is not a bootable disk|Non-[Ss]ystem disk|FATAL: No bootable medium|Boot error)"
    ),
    _no_device(r"^An operating system wasn't found"),
)

_FILE = r"error: (?:\S+:\d+:)?(?:file `|.*\bpremature end of file )(?:\([^)]*\))?\S*"
_KERNEL = r"(?:vmlinu|bzImage|kernel|/linux|Image)"

GRUB = (
    _before(r"^(?:GRUB loading|Welcome to GRUB!|GRUB Loading stage)", verdict=Verdict.NONE),
    _before(r"^\W*GNU GRUB  version \d", verdict=Verdict.NONE),
    _before(HANDOVER.pattern, verdict=Verdict.NONE),
    # boot.S and diskboot.S say one of these and stop
    _before(r"^(?:GRUB |\. ?)?(?:Geom|Hard Disk|Floppy|Read) ?Error", "grub-core-damaged", final=True),
    _before(r"error: (?:\S+:\d+:)?(?:symbol `|invalid arch-independent ELF|incompatible license|ELF header)",
            "grub-core-damaged"),
    _before(r"error: (?:\S+:\d+:)?can't find command `(?:linux|initrd|normal|insmod|search|set|configfile)",
            "grub-core-damaged"),
    _before(_FILE + r"\S*initr\S*' not found|" + _FILE + r"initr\S*' not found", "initrd-missing"),
    _before(r"error: (?:\S+:\d+:)?.*premature end of file \S*initr", "initrd-damaged"),
    _before(_FILE + _KERNEL + r"\S*' not found", "kernel-missing"),
    _before(r"error: (?:\S+:\d+:)?file `\S*\.mod' not found", "grub-prefix-missing"),
    _before(r"error: (?:\S+:\d+:)?file `\S*(?:grub\.cfg|/entries/)\S*' not found", "boot-menu-missing"),
    _before(r"error: (?:\S+:\d+:)?file `", "kernel-missing"),
    _before(r"error: (?:\S+:\d+:)?you need to load the kernel first", "kernel-missing"),
    _before(r"error: (?:\S+:\d+:)?(?:invalid magic number|.*premature end of file|unsupported boot protocol|"
            r"this kernel is too old|invalid (?:EFI )?(?:kernel|zImage|bzImage))", "kernel-damaged"),
    _before(r"error: (?:\S+:\d+:)?(?:no such (?:device|partition)|disk `|unknown filesystem|"
            r"attempt to read or write outside)", "grub-prefix-missing"),
    _before(r"error: (?:\S+:\d+:)?out of memory", "out-of-memory"),
    _before(r"^grub rescue> ?$", "grub-prefix-missing", final=True),
    _before(r"^(?:grub> ?$|\s*Minimal BASH-like line editing)", "boot-menu-missing", final=True),
    # GRUB legacy, stage2/common.c: err_list
    _before(r"^Error 15: File not found", "kernel-missing", final=True),
    _before(r"^Error 13: Invalid or unsupported exec", "kernel-damaged", final=True),
    _before(r"^(?:GRUB )?Error (?:17|21|22)\b", "grub-prefix-missing", final=True),
    _before(r"^(?:GRUB )?Error (?:2|5|6|16|18|25|28)\b", "grub-core-damaged", final=True),
)  # fmt: skip

OTHER_LOADERS = (
    _before(r"^(?:SYSLINUX|EXTLINUX|ISOLINUX|PXELINUX) \d", verdict=Verdict.NONE),
    # syslinux, com32/elflink/ldlinux
    _before(r"^Could not find kernel image: ", "kernel-missing"),
    _before(r"^(?:Could not find ramdisk image|Initrd not found): ?", "initrd-missing"),
    _before(r"^No DEFAULT or UI configuration directive found", "boot-menu-missing", final=True),
    _before(r"^Failed to load (?:ldlinux\.c32|COM32 file)", "grub-core-damaged", final=True),
    # systemd-boot, src/boot/efi
    _before(r"^No loader found\. Configuration files in", "boot-menu-missing", final=True),
    _before(r"^(?:Error (?:loading|opening|preparing) .*(?:vmlinu|linux)|Failed to open .*(?:vmlinu|linux))",
            "kernel-missing"),
    _before(r"^(?:Error (?:loading|opening|preparing) .*initr|EFI stub: ERROR: Failed to open .*initr)",
            "initrd-missing"),
    # arch/x86/boot/compressed: the kernel's own unpacker
    _before(r"^(?:crc error|invalid (?:compressed|distance|block)|(?:XZ|ZSTD|LZMA|LZ4|Input).* (?:corrupt|data is)|"
            r"Decoding failed)", "kernel-damaged"),
    _before(r"^ ?-- System halted", "kernel-damaged", final=True),
    _before(r"^This kernel requires an? \S+ CPU", "kernel-damaged", final=True),
    _before(r"Enter passphrase for (?:hd\d|cryptouuid|lvm/|md/)", verdict=Verdict.PASSPHRASE),
)  # fmt: skip

WINDOWS = (
    _before(r"^(?:BOOTMGR|NTLDR) is (?:missing|compressed)", "windows-boot-manager-missing", final=True),
    _before(r"^(?:Couldn't find (?:NTLDR|BOOTMGR)|A disk read error occurred)", "windows-boot-manager-missing",
            final=True),
    _before(r"^BOOTMGR image is corrupt", "windows-boot-manager-missing", final=True),
    _before(r"\bWindows Boot Manager\b", verdict=Verdict.NONE),
    _before(r"^\W*File: *\\?(?:EFI\\Microsoft\\)?Boot\\BCD", "windows-boot-store-missing", final=True),
    _before(r"(?i)^\W*Status: *0xc00000(?:0e|e9)\b", "windows-boot-device-missing", final=True),
    _before(r"(?i)^\W*Status: *0xc000(?:000f|0034|0098|014c|0225|0185)\b", "windows-boot-store-missing", final=True),
    _before(r"(?i)^\W*Status: *0xc0[0-9a-f]{6}\b", final=True),
    _before(r"(?i)Error code: *0xc000000e\b", "windows-boot-device-missing", final=True),
    _before(r"(?i)Error code: *0xc0[0-9a-f]{6}\b", "windows-boot-store-missing", final=True),
    _stop(r"^(?:\*\*\* )?STOP: (?:0x0000007[Bb]|0x000000[Ee][Dd])\b", "windows-boot-device-missing"),
    _stop(r"INACCESSIBLE_BOOT_DEVICE|UNMOUNTABLE_BOOT_VOLUME", "windows-boot-device-missing"),
    _stop(r"^(?:\*\*\* )?STOP: (?:0x[0-9A-Fa-f]{8}|[Cc]0[0-9A-Fa-f]{6})\b", "windows-stop-code"),
    _stop(r"^\W*Stop code: *[A-Z0-9_]{4,}", "windows-stop-code"),
    # The Special Administration Console, where EMS is on
    _console(r"^(?:Computer is booting, SAC started|SAC> ?$)", Verdict.NONE, Stage.KERNEL),
    _console(r"^EVENT: +The CMD command is now available", Verdict.WINDOWS_LOGON, Stage.LOGIN),
)  # fmt: skip

_ROOT = "root-not-found"

KERNEL = (
    _after(r"Initramfs unpacking failed|(?:invalid magic|junk) (?:at the|within|in)? ?.*compressed archive|"
           r"uncompression error|RAMDISK: .*(?:invalid|incomplete)", "initrd-damaged"),
    _after(r"VFS: (?:Cannot open root device|Unable to mount root fs)|List of all partitions:$", _ROOT),
    _after(r"(?:No working init found|No init found|Failed to execute /init|Requested init \S+ failed)",
           "init-missing"),
    _after(r"(?:doesn't have requested|run-init: .*) ?\S*init\b.*(?:$|No such file)", "init-missing",
           stage=Stage.INITRAMFS),
    _after(r"switch_root: (?:failed to execute|can't execute)|can't execute '/(?:usr/)?sbin/init'", "init-missing",
           stage=Stage.INITRAMFS),
    _after(r"error while loading shared libraries: |exitcode=0x00007f00", "libc-missing"),
    _after(r"deadlocked on memory|Out of memory(?: and no killable|: Kill)|\boom-kill:", "out-of-memory"),
    _after(r"(?:I/O error, dev |Buffer I/O error on dev(?:ice)? |critical (?:medium|target) error, dev )(?!fd|sr)|"
           r"\bata\d+\.\d+: failed command:|nvme\d+n\d+: I/O .*error", "disk-errors"),
    _after(r"EXT[234]-fs (?:error|warning \S+: mounting fs with errors)|"
           r"EXT[234]-fs \(\S+\): (?:VFS: Can't find|.*[Cc]orrupt|bad |no journal found|error loading journal|"
           r"group descriptors)", "filesystem-errors"),
    _after(r"XFS \(\S+\): (?:[Cc]orruption|Metadata (?:corruption|I/O)|Internal error|log mount/recovery failed|"
           r"Unmount and run|SB validate failed|Invalid superblock)|BTRFS (?:error|critical)[ (]", "filesystem-errors"),
    _after(r"RUN fsck MANUALLY|requires a manual fsck|[Ss]tructure needs cleaning|[Bb]ad superblock|"
           r"fsck (?:exited with status code|failed with (?:exit status|error code)) ?\(?(?:[4-9]|\d{2})|"
           r"wrong fs type, bad option", "filesystem-errors"),
    _after(r"No space left on device", "filesystem-full"),
    _after(r"(?:Failed|Unable) to load SELinux [Pp]olicy|SELinux: +Could not (?:load|open) policy|"
           r"avc: +denied .*tcontext=\S*:unlabeled_t", "selinux-labels"),
    _after(r"Kernel panic - not syncing", "kernel-panic", Verdict.KERNEL_PANIC, final=True),
    _after(r"Run /(?:init|bin/sh)? ?as init process", stage=Stage.INITRAMFS),
    _after(r"Run /(?:usr/)?(?:sbin/init|lib/systemd/systemd|bin/init) as init process", stage=Stage.USER_SPACE),
)  # fmt: skip

# initramfs-tools (init, scripts/functions, scripts/local), dracut (dracut-lib.sh, rootfs-block), mkinitcpio (init),
# Alpine's mkinitfs.
INITRAMFS = (
    _after(r"^(?:Loading, please wait\.\.\.|Begin: )|\bdracut-(?:cmdline|initqueue|pre-\w+)\b|running in initrd|"
           r"Running in (?:the )?(?:initrd|initial RAM disk)|^:: running (?:early )?hook", stage=Stage.INITRAMFS),
    _after(r"ALERT! +\S+ does not exist|Gave up waiting for root (?:file system )?device|"
           r"[Ww]arning: (?:\S+ )?\"?/dev/\S+ does not exist|Unable to find root device|"
           r"ERROR: device '[^']*' not found|Dependency failed for (?:Initrd Root|.*[Ss]ysroot)|"
           r"mounting \S+ on /(?:root|sysroot|newroot) failed|Failed to mount (?:/sysroot|[Ss]ysroot)", _ROOT,
           stage=Stage.INITRAMFS),
    _after(r"Volume group \"?[\w.+-]+\"? not found|Cannot process volume group", _ROOT, stage=Stage.INITRAMFS),
    # What the kernel or run-init starts where there is no init, or init= names it: dash or bash as the first program.
    _after(r"^/bin/sh: (?:\d+: )?can't access tty; job control turned off|^bash: no job control in this shell", "",
           Verdict.INITRAMFS_SHELL, final=True, stage=Stage.INITRAMFS),
    _after(r"Dropping to a shell|^\(initramfs\) ?|^dracut:[/~]\S*# ?|^:/root# ?$|rdsosreport\.txt|"
           r"Entering emergency mode\. Exit the shell|^BusyBox v\d.*built-in shell|"
           r"dropped (?:in)?to an? (?:recovery|emergency) shell|emergency recovery shell launched|"
           r"^\[?rootfs(?: [^]]*)?\]?#", "initramfs-shell", Verdict.INITRAMFS_SHELL, final=True, stage=Stage.INITRAMFS),
    _after(r"cryptsetup: (?:ERROR|WARNING|Waiting for encrypted source)|Waiting for encrypted source device",
           "crypttab-source-missing", stage=Stage.INITRAMFS),
    _after(r"Please (?:unlock disk|enter passphrase for disk) |Enter (?:LUKS )?[Pp]assphrase|"
           r"Enter passphrase for /dev/|Please enter (?:the )?(?:LUKS )?(?:pass|recovery)\w* ",
           verdict=Verdict.PASSPHRASE, stage=Stage.INITRAMFS),
)  # fmt: skip

# systemd (src/core/manager.c, units/emergency.service), sulogin of util-linux, sysvinit.
USER_SPACE = (
    _after(r"^Welcome to (?!.*(?:Initramfs|dracut)).*!$|INIT: version \d|OpenRC \d.* is starting up|"
           r"systemd \d+\S* running in system mode|Switching root|scripts/init-bottom .*done", stage=Stage.USER_SPACE),
    _after(r"Dependency failed for .*(?:[Cc]rypt(?:ography Setup|setup)|Encrypted Volumes)",
           "crypttab-source-missing", stage=Stage.KERNEL),
    _after(r"Timed out waiting for device|Dependency failed for (?:/|File System Check on|\S+\.(?:mount|swap)|Swap)|"
           r"mount: .*(?:special device .* does not exist|can't find (?:UUID|LABEL|PARTUUID))|"
           r"unable to resolve '(?:UUID|LABEL|PARTUUID)=", "fstab-source-missing", stage=Stage.KERNEL),
    _after(r"You are in (?:emergency|rescue) mode|Reached target (?:Emergency Mode|emergency\.target)|"
           r"(?:Give|Enter) root password for (?:maintenance|system maintenance)|Press Enter for maintenance|"
           r"Cannot open access to console, the root account is locked|"
           r"root (?:account is locked|password is needed)|fsck died|Dropping into .*maintenance",
           "emergency-mode", Verdict.EMERGENCY, final=True, stage=Stage.KERNEL),
    _after(r"Reached target (?:.* - )?(?:Multi-User|Graphical Interface|multi-user\.target|graphical\.target)",
           verdict=Verdict.TARGET, stage=Stage.USER_SPACE),
)  # fmt: skip

BEFORE_SIGNS = (*FIRMWARE, *GRUB, *OTHER_LOADERS, *WINDOWS)
AFTER_SIGNS = (*KERNEL, *INITRAMFS, *USER_SPACE, *(one for one in WINDOWS if one.place is Place.BOTH))

# Causes that a boot has got over once user space runs: they were warnings, or were repeated with another device.
OVERCOME = frozenset(
    {"boot-device-missing", "grub-core-damaged", "grub-prefix-missing", "boot-menu-missing", "kernel-missing"}
    | {"kernel-damaged", "initrd-missing", "initrd-damaged", "root-not-found", "init-missing", "libc-missing"}
    | {"initramfs-shell", "windows-boot-manager-missing", "windows-boot-store-missing"}
)
