"""A person's terminal as a guest's serial console: keys go to the guest as they are, its bytes to the terminal.

What the guest writes is not cleaned here, because that is what a console is for; docs/boot.md says so.
"""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from imgtools.errors import UsageError

ESCAPE = b"\x1d"  # Ctrl-], as for virsh console and telnet
PIECE = 4096


class Person:
    """Whoever sits at the terminal."""

    def __init__(self, keys: int, screen: int) -> None:
        self._keys, self._screen = keys, screen

    def fileno(self) -> int:
        """The descriptor that keys come from."""
        return self._keys

    def read(self) -> bytes | None:
        """Return what was typed; None: the escape, or the end of the terminal."""
        typed = os.read(self._keys, PIECE)
        return None if not typed or ESCAPE in typed else typed

    def write(self, content: bytes) -> None:
        """Show what the guest has said."""
        while content:
            content = content[os.write(self._screen, content) :]


@contextmanager
def person_at_terminal() -> Iterator[Person]:
    """Yield the person at our terminal, whose keys are passed on as they are until the block ends.

    :raises UsageError: there is no terminal.
    """
    shown = sys.stdout if sys.stdout.isatty() else sys.stderr
    if not sys.stdin.isatty() or not shown.isatty():
        raise UsageError(
            "--interactive is for a person, and there is no terminal",
            hint="without it the console is watched; --console FILE keeps what it says",
        )
    keys, screen = sys.stdin.fileno(), shown.fileno()
    before = termios.tcgetattr(keys)
    try:
        tty.setraw(keys, termios.TCSADRAIN)  # what was typed already stays
        os.write(screen, b"The serial console of the guest; Ctrl-] ends the machine.\r\n")
        yield Person(keys, screen)
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
        os.write(screen, b"\r\n")
