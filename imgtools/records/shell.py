"""A shell that runs beside a guest: what it is to run, the terminal that it is joined with, and how it ended."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Window(NamedTuple):
    """The terminal of whoever types."""

    rows: int = 24
    columns: int = 80
    term: str = "dumb"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to run: ``command`` is shell text, ``script`` the bytes of a program; neither: a shell for people."""

    command: str = ""
    script: bytes = b""
    chroot: bool = False  # in the guest's own tree, with its own programs
    network: bool = False
    window: Window = field(default_factory=Window)

    @property
    def interactive(self) -> bool:
        """Whether somebody types."""
        return not self.command and not self.script


@dataclass(frozen=True, slots=True)
class Ended:
    """How a shell ended. ``code`` is None where it was ended from here."""

    code: int | None
    busy: tuple[str, ...] = ()  # what is still mounted, because something uses it
    remounted: bool = False  # some filesystem was unmounted meanwhile, or another mounted


class Console(Protocol):
    """The terminal that a shell runs on, from outside."""

    @property
    def ports(self) -> tuple[socket.socket, socket.socket]:
        """What is readable when something was shown, and when something became of the shell."""

    def receive(self) -> bytes:
        """Return what the shell shows, as far as it is there."""

    def send(self, typed: bytes) -> None:
        """Pass on what was typed."""

    def resize(self, rows: int, columns: int) -> None:
        """Tell the size of the window."""

    def has_ended(self) -> bool:
        """Take in what became of the shell; whether it has ended, and all it has left was put away."""


class Shell(Protocol):
    """Where a shell can run."""

    def run(self, order: Order, out: Callable[[bytes], None], err: Callable[[bytes], None]) -> Ended:
        """Run a command or a script to its end; its output is passed on as it comes."""

    def open(self, order: Order, talk: Callable[[Console], None]) -> Ended:
        """Open a shell for ``talk``, which passes on what is typed and shown until it returns."""
