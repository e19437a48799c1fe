"""Which entry a boot menu starts, changed: GRUB 2 and its environment block, systemd-boot, extlinux, GRUB legacy.

Sources: grub-core/lib/envblk.c, util/grub.d/00_header.in and 10_linux.in of GRUB 2.12, loader.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, WriteFile
from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import find_loader
from imgtools.guest.boot.bootmenu import BootEntry, read_config
from imgtools.guest.boot.default_grub import set_default_grub

ENVIRONMENT_SIZE = 1024  # bytes: GRUB writes the block in place, so it never has another size
ENVIRONMENT_HEAD = "# GRUB Environment Block\n"
_ITEM = re.compile(r"\s*(menuentry|submenu)\s+(?:'([^']*)'|\"([^\"]*)\")(.*)")
_ID = re.compile(r"(?:\$menuentry_id_option|--id[= ])\s*'?([^'\s{]+)")
_SET_DEFAULT = re.compile(r"(?m)^([ \t]*set default=)(\"?)([^\"\n]*)(\"?)[ \t]*$")


def environment_path(files: GuestReader, config: str = "") -> str:
    """Return the path of GRUB's environment block; "" if there is none."""
    folder = config.rpartition("/")[0]
    usual = (f"{folder}/grubenv", "/boot/grub2/grubenv", "/boot/grub/grubenv")
    return next((path for path in usual if files.is_file(path)), "")


def parse_environment(text: str) -> dict[str, str]:
    r"""Return the variables of an environment block, whatever else is wrong with it; ``\`` escapes."""
    found = re.findall(r"(?m)^([A-Za-z_]\w*)=((?:\\.|[^\\\n])*)$", text)
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in found}


def format_environment(values: dict[str, str]) -> bytes:
    """Return the environment block that has some variables.

    :raises UnsupportedGuest: they do not fit in.
    """
    escaped = {name: re.sub(r"([\\\n])", r"\\\1", value) for name, value in values.items()}
    lines = [f"{name}={value}\n" for name, value in escaped.items()]
    raw = (ENVIRONMENT_HEAD + "".join(lines)).encode("utf-8", "surrogateescape")
    if len(raw) > ENVIRONMENT_SIZE:
        raise UnsupportedGuest(
            f"GRUB's environment block has {ENVIRONMENT_SIZE} bytes, and {len(raw)} are needed"
        )
    return raw + b"#" * (ENVIRONMENT_SIZE - len(raw))


def set_environment(files: GuestReader, path: str, values: dict[str, str | None]) -> Iterator[Change]:
    """Yield GRUB's environment block with some variables set, or with None taken out; nothing if it is so."""
    old = parse_environment(read_config(files, path))
    new = {name: value for name, value in {**old, **values}.items() if value is not None}
    if new != old:
        yield WriteFile(path, format_environment(new))


def default_name(files: GuestReader) -> str:
    """Return what GRUB's configuration says that is started: an id, a title or a number; "" if it says nothing."""
    loader, config = find_loader(files)
    if loader != "grub2":
        return ""
    text = read_config(files, config)
    saved = parse_environment(read_config(files, environment_path(files, config))).get("saved_entry", "")
    said = [one[3] for one in _SET_DEFAULT.finditer(text) if not one[3].startswith("$")]
    is_bls = re.search(r"(?m)^[ \t]*blscfg\b", text) is not None
    return saved if is_bls or not said else said[0]


def make_default(files: GuestReader, entry: BootEntry) -> Iterator[Change]:
    """Yield what makes the boot loader start an entry of its menu, now and after the menu is made anew.

    :raises UnsupportedGuest: nobody here knows how to tell the guest's boot loader.
    """
    loader, config = find_loader(files)
    text = read_config(files, config)
    if loader == "grub2":
        yield from _of_grub(files, config, text, entry)
    elif loader == "systemd-boot":
        path = config or "/boot/loader/loader.conf"
        yield from _line(files, path, r"(?m)^[ \t]*default[ \t].*$", f"default {entry.id}.conf")
    elif loader == "extlinux":
        yield from _line(files, config, r"(?mi)^default[ \t].*$", f"DEFAULT {entry.id or entry.title}")
    elif loader == "grub-legacy":
        titles = re.findall(r"(?m)^\s*title\s+(.*?)\s*$", text)
        if entry.title in titles:
            yield from _line(
                files, config, r"(?m)^[ \t]*default[ =]+\d+.*$", f"default {titles.index(entry.title)}"
            )
    else:
        raise UnsupportedGuest(f"the default of {loader or 'this boot loader'} is not changed here")


def _line(files: GuestReader, path: str, pattern: str, line: str) -> Iterator[Change]:
    text = read_config(files, path)
    edited, count = re.subn(pattern, lambda _: line, text, count=1)
    edited = edited if count else f"{line}\n{text}"
    if edited != text:
        yield WriteFile(path, edited.encode("utf-8", "surrogateescape"))


def _of_grub(files: GuestReader, config: str, text: str, entry: BootEntry) -> Iterator[Change]:
    is_bls = re.search(r"(?m)^[ \t]*blscfg\b", text) is not None
    name = entry.id if is_bls else grub_path(text, entry)
    environment = environment_path(files, config)
    said = [one[3] for one in _SET_DEFAULT.finditer(text)]
    if is_bls or any("saved_entry" in one for one in said):
        if not environment:
            raise UnsupportedGuest(
                "GRUB takes its default from grubenv, which is not there", hint="--only grub-env"
            )
        yield from set_environment(files, environment, {"saved_entry": name, "next_entry": None})
        return
    if environment:
        yield from set_environment(files, environment, {"next_entry": None})
    edited = _SET_DEFAULT.sub(lambda m: m[0] if m[3].startswith("$") else f'{m[1]}"{name}"', text)
    if edited != text:
        yield WriteFile(config, edited.encode("utf-8", "surrogateescape"))
    yield from set_default_grub(files, {"GRUB_DEFAULT": name})


def grub_path(text: str, wanted: BootEntry) -> str:
    """Return what GRUB calls an entry of grub.cfg: its id, or its title, behind those of the submenu that it is in."""
    depth, above = 0, (0, "")
    for line in text.split("\n"):
        if found := _ITEM.match(line):
            identity = _ID.search(found[4])
            name = identity[1] if identity else found[2] or found[3] or ""
            if found[1] == "submenu":
                above = (depth + 1, name)
            elif (wanted.id and identity and identity[1] == wanted.id) or (
                found[2] or found[3]
            ) == wanted.title:
                return f"{above[1]}>{name}" if above[1] else name
        depth += line.rstrip().endswith("{") - (line.strip() == "}")
        if above[1] and depth < above[0]:
            above = (0, "")
    return wanted.id or wanted.title
