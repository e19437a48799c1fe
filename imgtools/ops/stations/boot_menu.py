"""The boot menu: GRUB's configuration, the entries of the Boot Loader Specification, extlinux.conf, menu.lst.

It has to be there and to parse; there has to be an entry that starts a kernel, and the one that is named as the
default. GRUB's environment block (grubenv), which says it on many distributions, has to be whole.

What is not looked at: GRUB's configuration as the program that it is. Entries are found by the lines that grub-mkconfig
writes.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.boot.bios import ldlinux
from imgtools.guest.boot.grub_searches import searched_uuids
from imgtools.guest.boot.start import Start, broken_text, grubenv_problem, home_without_menu, unified_kernels
from imgtools.ops.boot_start import boot_start
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity

# By itself, the repair only does it where the menu starts nothing at all.
CONFIG = Remedy("grub-config", ("force=yes",))
# What else a menu may start than a kernel of its own.
OTHERS = ("chainloader", "multiboot", "configfile", "COM32", "kexec")


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps the boot loader from starting an entry."""
    start = examined.once(boot_start)
    files = examined.files
    home = home_without_menu(files)
    if home:
        yield Finding(
            "boot-menu-missing",
            f"GRUB is installed in {home}, and has no grub.cfg there: it ends at its prompt",
            evidence=(Evidence(f"{home}/grub.cfg", text="not there"),),
            remedy=CONFIG,
        )
        return
    if start.is_stub:
        yield Finding(
            "boot-menu-missing",
            f"{start.config} leads to the configuration in /boot, which is not there: GRUB ends at its prompt",
            evidence=(Evidence(start.config), Evidence("/boot/grub2/grub.cfg", text="not there")),
            remedy=CONFIG,
        )
        return
    if not start.loader:
        yield _no_loader(examined)
        return
    yield from _text(start)
    yield from _entries(examined, start)
    yield from _environment(examined, start)
    yield from _searches(examined, start)


def _no_loader(examined: Examined) -> Seen:
    if path := ldlinux(examined.files):
        return Finding(
            "boot-menu-missing",
            "syslinux is installed, and has no configuration",
            evidence=(
                Evidence(path, text="there"),
                Evidence("/boot/extlinux/extlinux.conf", text="not there"),
            ),
            advice="write /boot/extlinux/extlinux.conf again",
        )
    return NotThere("no boot loader's configuration was found")


def _text(start: Start) -> Iterator[Seen]:
    problem = broken_text(start.text) if start.loader == "grub2" else ""
    if problem:
        whole = bool(start.entries)
        yield Finding(
            "boot-menu-damaged",
            f"{start.config} does not parse: {problem}",
            severity=Severity.SUSPICIOUS if whole else Severity.BROKEN,
            confidence=Confidence.MEDIUM if whole else Confidence.HIGH,
            evidence=(Evidence(start.config, text=problem),),
            remedy=CONFIG,
        )


def _entries(examined: Examined, start: Start) -> Iterator[Seen]:
    unified = unified_kernels(examined.files)
    if not start.entries and not unified and not _is_damaged(start):
        yield from _nothing(start)
    elif not start.default_is_there and not unified and start.entries and _names_an_entry(start):
        first = start.entries[0].name
        yield Finding(
            "boot-default-missing",
            f"the default entry is {start.wanted!r}, and there is none of that name; {first!r} is the first",
            severity=Severity.BROKEN if start.loader == "extlinux" else Severity.SUSPICIOUS,
            evidence=(Evidence(start.config, text=start.wanted),),
            remedy=Remedy("default-kernel") if start.loader == "grub2" else None,
            advice="" if start.loader == "grub2" else f"name an entry of the menu in {start.config}",
        )


def _is_damaged(start: Start) -> bool:
    return start.loader == "grub2" and bool(broken_text(start.text))


def _names_an_entry(start: Start) -> bool:
    """Whether the default is a name of an entry at all: extlinux may name a program that shows the menu."""
    return not start.wanted.startswith("@") and ".c32" not in start.wanted and ".efi" not in start.wanted


def _nothing(start: Start) -> Iterator[Seen]:
    by_entries = start.loader == "systemd-boot" or "blscfg" in start.text
    if by_entries:
        yield Finding(
            "boot-entries-missing",
            "there is no entry in loader/entries, where the boot loader takes its menu from",
            evidence=(
                Evidence(start.config),
                Evidence("/boot/loader/entries", text="none that starts a kernel"),
            ),
            remedy=Remedy("boot-entries"),
        )
    elif not any(word in start.text for word in OTHERS):
        yield Finding(
            "boot-menu-empty",
            f"{start.config} has no entry that starts a kernel",
            evidence=(Evidence(start.config, text=f"{len(start.text)} characters"),),
            remedy=CONFIG if start.loader == "grub2" else None,
            advice="" if start.loader == "grub2" else f"write an entry into {start.config}",
        )


def _environment(examined: Examined, start: Start) -> Iterator[Seen]:
    if start.loader != "grub2":
        return
    path = f"{start.config.rpartition('/')[0]}/grubenv"
    if problem := grubenv_problem(examined.files, path):
        yield Finding(
            "grub-env-damaged",
            f"{path} cannot be used: {problem}",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(path, text=problem),),
            remedy=Remedy("grub-env"),
        )


def _searches(examined: Examined, start: Start) -> Iterator[Seen]:
    """Filesystems that GRUB's configuration searches and that are not there: GRUB stays where it was then."""
    if start.loader != "grub2":
        return
    layout = examined.layout
    known = {one.uuid.casefold() for one in layout.volumes}
    lost = [(at, one) for at, one in searched_uuids(start.text) if one.casefold() not in known]
    if lost and layout.unopened:
        yield NotKnown(f"whether {lost[0][1]}, which GRUB searches, is in a volume that could not be opened")
        return
    for number, uuid in lost:
        yield Finding(
            "grub-search-missing",
            f"GRUB searches the filesystem {uuid}, which is on none of the disks: it says no such device, and reads "
            "from where it was itself started",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(start.config, number, uuid),),
            remedy=Remedy("root-device"),
        )


STATION = Station(
    summary="The boot menu and its default entry",
    place=200,
    look=look,
    families=LINUX,
    causes={
        "boot-menu-missing": "The boot loader is installed and starts, and finds no configuration: it was deleted, or "
        "/boot is another filesystem than it was.",
        "boot-menu-damaged": "GRUB's configuration does not parse to its end: it was edited by hand, or cut when the "
        "disk was full or the machine switched off.",
        "boot-menu-empty": "The configuration has no entry that starts a kernel. It was made while no kernel was "
        "installed, or while /boot was not mounted.",
        "boot-entries-missing": "The menu is made of the files in loader/entries, and there are none.",
        "boot-default-missing": "The entry that is named as the default was deleted with its kernel. GRUB and "
        "systemd-boot take the first one in its place, which may be a rescue entry; extlinux stops.",
        "grub-search-missing": "GRUB's configuration searches a filesystem by a UUID that is on none of the disks, as "
        "after a clone with new UUIDs or a new /boot. GRUB says: error: no such device. It then takes the kernel from "
        "the filesystem that it was started from, if it is there.",
        "grub-env-damaged": "GRUB keeps the default entry and the one for the next start in a block of 1024 bytes "
        "that it writes over in place. An editor, or a power cut, has made it another file.",
    },
    mended={
        "grub-config": (
            "boot-menu-missing",
            "boot-menu-damaged",
            "boot-menu-empty",
        ),
        "boot-entries": ("boot-entries-missing",),
        "default-kernel": ("boot-default-missing",),
        "root-device": ("grub-search-missing",),
        "grub-env": ("grub-env-damaged",),
    },
)
