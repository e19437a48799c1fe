"""Somebody who logs in on the serial console, runs one command and leaves."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass

PATIENCE = 900.0  # seconds until nobody waits any longer; a boot takes some 60 without KVM


@dataclass(frozen=True, slots=True)
class Login:
    """Who, and what they want to do. ``command`` has to succeed."""

    user: str
    password: str
    command: str


class Visitor:
    """Does what a :class:`Login` says; implements the talk of ``imgtools.workflows.boot``."""

    def __init__(self, login: Login) -> None:
        self._read, self._write = os.pipe()
        done = f"{login.command}; echo rc=$?=\n"
        # What is waited for, and what is typed then; None: that is all.
        self._steps: list[tuple[str, str | None]] = [
            (r"login: ?$", f"{login.user}\n"),
            (r"[Pp]assword: ?$", f"{login.password}\n"),
            (r"[#$] ?$", done),
            (r"rc=\d+=", None),
        ]
        self.text = ""
        self.has_failed = False
        self._from = 0
        self._timer = threading.Timer(PATIENCE, self._leave)
        self._timer.daemon = True
        self._timer.start()

    @property
    def succeeded(self) -> bool:
        """Whether the command ended with 0."""
        return "rc=0=" in self.text

    def fileno(self) -> int:
        """Readable when something was typed."""
        return self._read

    def read(self) -> bytes | None:
        """Return what was typed; None when the visitor has left."""
        return os.read(self._read, 4096) or None

    def write(self, content: bytes) -> None:
        """Read what the guest says, and go on when it says what was waited for."""
        self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", content.decode("utf-8", "replace"))
        said = self.text[self._from :]
        if re.search(r"Login incorrect|not available|System is going down|\(initramfs\)|Kernel panic", said):
            self._leave()
        elif self._steps and re.search(self._steps[0][0], said):
            self._from = len(self.text)
            typed = self._steps.pop(0)[1]
            if typed is None:
                self._leave()
            else:
                os.write(self._write, typed.encode())

    def _leave(self) -> None:
        if self._write >= 0:
            os.close(self._write)
            self._write = -1
        self._timer.cancel()
