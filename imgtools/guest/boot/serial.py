"""A serial console: what GRUB, extlinux, init and login have to be told, beside the kernel's arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import EXTLINUX, GRUB2, GRUB2_ESP
from imgtools.guest.boot.cmdline import rewrite
from imgtools.guest.boot.default_grub import set_default_grub
from imgtools.guest.services.started import Init, find_init

MENU = r"(?m)^\s*(menuentry|blscfg)\b"


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A port by its kernel name, and its speed in bits a second."""

    name: str
    speed: int

    @property
    def unit(self) -> str:
        """The number of a PC's port, as GRUB counts; "" for others."""
        return self.name.removeprefix("ttyS") if self.name.startswith("ttyS") else ""


def serial_changes(files: GuestReader, port: SerialPort) -> Iterator[Change]:
    """Yield what makes boot loaders show their menu on the port, and init ask for a login there."""
    if port.unit:
        yield from _grub(files, port)
        yield from _extlinux(files, port)
    yield from _getty(files, port)
    if files.is_file("/etc/securetty"):
        yield EditLines("/etc/securetty", (LineEdit(append=port.name),))


def _grub(files: GuestReader, port: SerialPort) -> Iterator[Change]:
    command = f"serial --unit={port.unit} --speed={port.speed}"
    values = {"GRUB_TERMINAL": "console serial", "GRUB_SERIAL_COMMAND": command}
    yield from set_default_grub(files, values)
    seen: set[str] = set()
    for pattern in (*GRUB2, *GRUB2_ESP):
        for found in files.glob(pattern):
            path = files.resolve(found) if files.is_file(found) else ""
            # One that has no menu only leads to another file.
            if path and path not in seen and re.search(MENU, files.read_text(path)):
                seen.add(path)
                yield from rewrite(files, path, lambda text: _with_terminal(text, command))


def _with_terminal(text: str, command: str) -> str:
    """grub.cfg with the port among its terminals: it is opened first, then added to those that are named."""
    kept = re.sub(r"(?m)^serial\s.*\n", "", text)
    for kind in ("input", "output"):
        line = rf"(?m)^([ \t]*)terminal_{kind}[ \t]+(.+?)[ \t]*$"
        if re.search(line, kept):
            kept = re.sub(line, lambda found, kind=kind: _terminals(found, kind), kept)  # type: ignore[misc]
        else:
            kept = f"terminal_{kind} console serial\n{kept}"
    return f"{command}\n{kept}"


def _terminals(found: re.Match[str], kind: str) -> str:
    names = found[2].split()
    return f"{found[1]}terminal_{kind} {' '.join([*names, *([] if 'serial' in names else ['serial'])])}"


def _extlinux(files: GuestReader, port: SerialPort) -> Iterator[Change]:
    """syslinux wants SERIAL to be the first line of its file."""
    for path in EXTLINUX:
        if files.is_file(path):
            line = f"SERIAL {port.unit} {port.speed}\n"
            yield from rewrite(
                files,
                path,
                lambda text, line=line: line + re.sub(r"(?mi)^serial\s.*\n", "", text),  # type: ignore[misc]
            )


def _getty(files: GuestReader, port: SerialPort) -> Iterator[Change]:
    """systemd and Red Hat's upstart find the console themselves; others have it in /etc/inittab."""
    if find_init(files) in (Init.SYSTEMD, Init.UPSTART) or not files.is_file("/etc/inittab"):
        return
    text = files.read_text("/etc/inittab")
    if re.search(r"(?m)^#?\w*::", text) or find_init(files) is Init.OPENRC:
        line = f"{port.name}::respawn:/sbin/getty -L {port.speed} {port.name} vt100"  # busybox: no run levels
    else:
        line = f"{port.name[-2:]}:2345:respawn:/sbin/getty -L {port.speed} {port.name} vt100"
    old = rf"^(?!#).*\bgetty\b.*\b{port.name}\b"
    yield EditLines("/etc/inittab", (LineEdit(old), LineEdit(append=line)))
