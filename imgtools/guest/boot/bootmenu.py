"""What the menus of boot loaders start: GRUB 2, GRUB legacy, systemd-boot, extlinux, the Boot Loader Specification.

Configurations are only read for what they start by default. GRUB's is a program; what its menu holds is found by
the shape of its lines, as grub-mkconfig writes them.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.kernels import version_key
from imgtools.units import parse_count

CONFIG_LIMIT = 4 << 20  # bytes of a boot loader's configuration; 30 kB with a dozen kernels
MAX_ENTRIES = 1000
ESP_FOLDERS = ("/boot", "/efi", "/boot/efi")


@dataclass(frozen=True, slots=True)
class BootEntry:
    """One line of a boot menu; paths as the loader sees them, which may lack the leading /boot."""

    title: str
    linux: str
    initrd: str = ""
    cmdline: str = ""
    id: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Menu:
    """A boot menu, and the entry it starts; None if the configuration does not say, or names one that is not there.

    ``wanted`` is how the configuration names it, "" where it does not.
    """

    entries: Sequence[BootEntry] = ()
    default: BootEntry | None = None
    wanted: str = ""


def read_config(files: GuestReader, path: str) -> str:
    """Return the text of a boot loader's file; "" if it is not there or larger than :data:`CONFIG_LIMIT`."""
    if not path or not files.is_file(path) or files.stat(path).size > CONFIG_LIMIT:
        return ""
    return files.read_text(path, limit=CONFIG_LIMIT)


def loader_entries(files: GuestReader) -> list[BootEntry]:
    """Read the Boot Loader Specification's entries, newest version first."""
    found: list[tuple[str, BootEntry]] = []
    for folder in ESP_FOLDERS:
        for path in files.glob(f"{folder}/loader/entries/*.conf"):
            if len(found) < MAX_ENTRIES and files.is_file(path):
                found.append((path, _loader_entry(path, read_config(files, path))))
    found.sort(key=lambda pair: version_key(pair[1].version or pair[0].rpartition("/")[2]), reverse=True)
    return [entry for _path, entry in found]


def _loader_entry(path: str, text: str) -> BootEntry:
    values: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, value = line.strip().partition(" ")
        if name and not name.startswith("#"):
            values[name] = (
                f"{values[name]} {value.strip()}"
                if name in ("options", "initrd") and name in values
                else value.strip()
            )
    return BootEntry(
        title=values.get("title", ""),
        linux=values.get("linux", values.get("efi", "")),
        initrd=values.get("initrd", ""),
        cmdline=values.get("options", ""),
        id=path.rpartition("/")[2].removesuffix(".conf"),
        version=values.get("version", ""),
    )


def systemd_boot_menu(files: GuestReader, text: str) -> Menu:
    """loader.conf(5): ``default`` is a pattern of entry ids; without one, the newest entry."""
    entries = loader_entries(files)
    wanted = re.search(r"^[ \t]*default[ \t]+(\S+)", text, re.MULTILINE)
    pattern = wanted[1].removesuffix(".conf") if wanted else "*"
    default = next((one for one in entries if fnmatch.fnmatchcase(one.id, pattern)), None)
    return Menu(entries, default, wanted[1] if wanted else "")


def grub2_menu(files: GuestReader, config: str, text: str) -> Menu:
    """Read grub.cfg as grub-mkconfig writes it, and the entries that blscfg adds on Fedora and its kin."""
    saved = _saved_entry(files, config)
    if re.search(r"^[ \t]*blscfg\b", text, re.MULTILINE):
        entries = [_with_kernelopts(one, saved) for one in loader_entries(files)]
        name = saved.get("next_entry") or saved.get("saved_entry", "")
        return Menu(entries, _chosen(entries, name), name)
    menu = list(_grub_menu(text))
    entries = [entry for _position, entry in menu]
    name = _grub_default(text, saved)
    first, _, below = name.partition(">")
    if (number := parse_count(first)) is not None:
        top = [entry for position, entry in menu if position == number]
        index = parse_count(below.split(">")[0]) or 0
        return Menu(entries, top[min(index, len(top) - 1)] if top else None, name)
    return Menu(entries, _chosen(entries, name.split(">")[-1]), name)


def _grub_default(text: str, saved: dict[str, str]) -> str:
    """What grub-mkconfig's lines make the default: the entry for the next start alone, a saved one, or a fixed one."""
    lines = re.finditer(r"""^[ \t]*set default=("[^"\n]*"|'[^'\n]*'|\S*)""", text, re.MULTILINE)
    said = [line[1].strip("\"'") for line in lines]
    if any("next_entry" in one for one in said) and saved.get("next_entry"):
        return saved["next_entry"]
    fixed = next((one for one in said if one and "$" not in one), "")
    return fixed or saved.get("saved_entry", "")


def _chosen(entries: Sequence[BootEntry], name: str) -> BootEntry | None:
    number = parse_count(name)
    if number is not None and number < len(entries):
        return entries[number]
    return next((one for one in entries if name and name in (one.id, one.title)), None)


def _saved_entry(files: GuestReader, config: str) -> dict[str, str]:
    """Read grubenv: name=value lines, padded with # to 1024 bytes."""
    for path in (f"{config.rpartition('/')[0]}/grubenv", "/boot/grub2/grubenv", "/boot/grub/grubenv"):
        text = read_config(files, path)
        if text:
            return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    return {}


def _with_kernelopts(entry: BootEntry, saved: dict[str, str]) -> BootEntry:
    return replace(entry, cmdline=entry.cmdline.replace("$kernelopts", saved.get("kernelopts", "")).strip())


def _grub_menu(text: str) -> Iterator[tuple[int, BootEntry]]:
    """Yield entries and the number of the top-level item each is in; a submenu is one item."""
    position, depth, submenu = -1, 0, 0
    current: BootEntry | None = None
    for line in text.split("\n"):
        stripped = line.strip()
        if match := re.match(r"(menuentry|submenu)\s+(?:'([^']*)'|\"([^\"]*)\"|(\S+))(.*)", stripped):
            if not submenu:
                position += 1
            if match[1] == "submenu":
                submenu = depth + 1
            else:
                identity = re.search(r"(?:\$menuentry_id_option|--id[= ])\s*'?([^'\s{]+)", match[5])
                title = match[2] or match[3] or match[4] or ""
                current = BootEntry(title, "", id=identity[1] if identity else "")
        elif current is not None and (match := re.match(r"linux(?:16|efi)?\s+(\S+)\s*(.*)", stripped)):
            current = replace(current, linux=match[1], cmdline=match[2].strip())
        elif current is not None and (match := re.match(r"initrd(?:16|efi)?\s+(.+)", stripped)):
            current = replace(current, initrd=match[1].strip())
        depth += stripped.endswith("{") - (stripped == "}")
        if stripped == "}":
            if current is not None:
                if current.linux:
                    yield position, current
                current = None
            elif submenu and depth < submenu:
                submenu = 0


def grub_legacy_menu(text: str) -> Menu:
    """menu.lst: ``default N``, then ``title``, ``kernel PATH ARGS``, ``initrd PATH``."""
    entries: list[BootEntry] = []
    for line in text.split("\n"):
        name, _, rest = line.strip().partition(" ")
        if name == "title":
            entries.append(BootEntry(rest.strip(), ""))
        elif name == "kernel" and entries:
            linux, _, cmdline = rest.strip().partition(" ")
            entries[-1] = replace(entries[-1], linux=linux, cmdline=cmdline.strip())
        elif name == "initrd" and entries:
            entries[-1] = replace(entries[-1], initrd=rest.strip())
    wanted = re.search(r"^[ \t]*default[ =]+(\d{1,4})", text, re.MULTILINE)
    index = int(wanted[1]) if wanted else 0
    return Menu(
        entries[:MAX_ENTRIES], entries[index] if index < len(entries) else None, wanted[1] if wanted else ""
    )


def extlinux_menu(text: str) -> Menu:
    """syslinux.cfg: ``DEFAULT label``; ``LABEL``, ``LINUX`` or ``KERNEL``, ``INITRD``, ``APPEND``; any case."""
    entries: list[BootEntry] = []
    default = ""
    for line in text.split("\n"):
        name, _, rest = line.strip().partition(" ")
        key, rest = name.lower(), rest.strip()
        if key in ("default", "ontimeout") and not entries:
            default = default or rest
        elif key == "label":
            entries.append(BootEntry(rest, "", id=rest))
        elif entries and key in ("linux", "kernel"):
            entries[-1] = replace(entries[-1], linux=rest)
        elif entries and key == "initrd":
            entries[-1] = replace(entries[-1], initrd=rest)
        elif entries and key == "append":
            entries[-1] = replace(entries[-1], cmdline=rest)
        elif entries and key == "menu" and rest.lower() == "default":
            default = entries[-1].id
    return Menu(entries[:MAX_ENTRIES], _chosen(entries, default), default)
