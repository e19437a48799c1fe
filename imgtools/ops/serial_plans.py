"""A serial console as orders and repairs ask for it: the port as people write it, and all the files that say it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.change.sequence import ChangeSequence
from imgtools.errors import UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.cmdline import Arguments, edit_arguments
from imgtools.guest.boot.serial import SerialPort, serial_changes

SPEEDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


def parse_port(text: str) -> SerialPort:
    """Read ``ttyS0[:115200]``.

    :raises UsageError: it is no port, or a speed that none has.
    """
    name, _, speed = (text or "ttyS0").partition(":")
    if not re.fullmatch(r"tty(S|AMA)\d{1,2}", name) or (speed and speed not in map(str, SPEEDS)):
        raise UsageError(f"not a serial port: {text!r}", hint="ttyS0, or ttyS0:115200 with its speed")
    return SerialPort(name, int(speed or 115200))


def use_serial_port(files: GuestReader, port: SerialPort) -> Iterator[Change]:
    """Yield the files of boot loader and init.

    :raises UnsupportedGuest: the guest has no boot loader that is known.
    """
    # The last one is /dev/console, where init writes; tty0 keeps the screen alive. What is said of the two goes, at
    # whatever speed, so that they come last and in this order.
    add = ("console=tty0", f"console={port.name},{port.speed}")
    speeds = tuple(f"console={port.name},{speed}{tail}" for speed in SPEEDS for tail in ("", "n8"))
    both = ChangeSequence(files)
    both.add(edit_arguments(files, Arguments(add, ("console=tty0", f"console={port.name}", *speeds))))
    both.add(serial_changes(both.files, port))
    yield from both.changes
