"""What a Linux guest's boot loader starts: its menu, the entry that is the default, and the files that each names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.files.paths import join, normalise, parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import find_loader, read_menu
from imgtools.guest.boot.bootmenu import ESP_FOLDERS, BootEntry, read_config
from imgtools.guest.boot.kernels import UKI_VERSION

GRUB_HOMES = ("/boot/grub", "/boot/grub2")
GRUBENV_MARK = "# GRUB Environment Block\n"
GRUBENV_SIZE = 1024  # GRUB writes over the block where it is: it has no other size
# Where the root of the filesystem may be that a loader's path counts from.
BASES = ("/boot", "", "/boot/efi", "/efi")
MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that an entry names: as it is written, and the guest's path; "" if it is not there."""

    said: str
    path: str


@dataclass(frozen=True, slots=True)
class Started:
    """One entry of a menu. ``kernel`` is None where its path is made of variables."""

    entry: BootEntry
    default: bool
    kernel: NamedFile | None
    initrds: tuple[NamedFile, ...] = ()

    @property
    def name(self) -> str:
        """How people know it."""
        return self.entry.title or self.entry.id or self.entry.linux


@dataclass(frozen=True, slots=True)
class Start:
    """``entries`` are those that start a kernel, the default first. ``wanted`` is how the configuration names it.

    ``default_is_there``: whether there is an entry of that name; what is not there is replaced by the first.
    """

    loader: str
    config: str
    text: str
    entries: tuple[Started, ...] = ()
    wanted: str = ""
    default_is_there: bool = True

    @property
    def default(self) -> Started | None:
        """What is started if nobody chooses."""
        return self.entries[0] if self.entries else None

    @property
    def is_stub(self) -> bool:
        """Whether the only configuration is one on the ESP that leads to another one."""
        return "/EFI/" in self.config and "configfile" in self.text and "menuentry" not in self.text


def read_start(files: GuestReader) -> Start:
    """Read the boot menu of a guest; one without a boot loader has no entries."""
    loader, config = find_loader(files)
    text = read_config(files, config)
    menu = read_menu(files, loader, config)
    entries = [one for one in menu.entries if one.linux][:MAX_SHOWN]
    chosen = menu.default if menu.default in entries else None
    ordered = [*([chosen] if chosen else []), *(one for one in entries if one is not chosen)]
    started = tuple(_started(files, config, one, not number) for number, one in enumerate(ordered))
    return Start(loader, config, text, started, menu.wanted, menu.default is not None or not menu.wanted)


def _started(files: GuestReader, config: str, entry: BootEntry, default: bool) -> Started:
    folder = parent_of(config) if config else "/boot"
    kernel = _named(files, folder, entry.linux)
    initrds = (_named(files, folder, word) for word in re.split(r"[\s,]+", entry.initrd) if word)
    return Started(entry, default, kernel, tuple(one for one in initrds if one is not None))


def _named(files: GuestReader, folder: str, said: str) -> NamedFile | None:
    """Find a file that an entry names; None if the name is made of variables."""
    path = re.sub(r"^\([^()]*\)", "", said.strip("\"'"))
    if "$" in path or not path:
        return None
    places = _places(folder, path)
    return NamedFile(said, next((one for one in places if files.is_file(one)), ""))


def _places(folder: str, path: str) -> Iterator[str]:
    if not path.startswith("/"):
        yield join(folder, path)
    for base in BASES:
        yield normalise(f"{base}/{path}")
    if (at := path.find("/boot/")) > 0:  # from the top of a btrfs, with the name of a subvolume in front
        yield path[at:]


def home_without_menu(files: GuestReader) -> str:
    """Return the folder of a GRUB that is installed and has no grub.cfg; "" if there is none."""
    for home in GRUB_HOMES:
        modules = any(True for _path in files.glob(f"{home}/*/normal.mod"))
        if modules and not files.is_file(f"{home}/grub.cfg"):
            return home
    return ""


def unified_kernels(files: GuestReader) -> Sequence[str]:
    """Return the unified kernel images on the ESP, newest version first."""
    found = [path for folder in ESP_FOLDERS for path in files.glob(f"{folder}/EFI/Linux/*.efi")]
    return sorted(found, key=lambda path: UKI_VERSION.sub(r"\1", path), reverse=True)


def broken_text(text: str) -> str:
    """Say what keeps GRUB from reading its configuration to the end; "" if nothing does."""
    if "\0" in text:
        return f"there are zeros in line {text[: text.index(chr(0))].count(chr(10)) + 1}"
    bare = re.sub(r"(?m)^\s*#.*$", "", text)
    bare = re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\$\{\w+\}", "", bare)
    opened, closed = bare.count("{"), bare.count("}")
    return f"{opened} braces are opened and {closed} closed" if opened != closed else ""


def grubenv_problem(files: GuestReader, path: str) -> str:
    """Say why GRUB cannot use its environment block; "" if it can, or if there is none."""
    if not files.is_file(path):
        return ""
    text = read_config(files, path)
    if not text.startswith(GRUBENV_MARK):
        return "it is empty" if not text.strip("\0") else "it does not begin as an environment block does"
    size = files.stat(path).size
    # One without the padding was written by hand; GRUB reads it all the same.
    if size != GRUBENV_SIZE and text.rstrip("\n").endswith("#") and len(text) > len(GRUBENV_MARK):
        return f"it has {size} bytes, not {GRUBENV_SIZE}: GRUB cannot change it"
    return ""
