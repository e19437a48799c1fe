"""What a session on a guest does on the host: commands of its user, and the list of what was typed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imgtools.engine.host_command import NOTHING, PIPE, HostCommand, host_command
from imgtools.engine.own_files import open_own, read_own, write_own
from imgtools.errors import HostError

__all__ = ["NOTHING", "PIPE", "HostCommand", "add_history", "history_path", "host_command", "read_history"]

MOST_LINES = 2000  # that are remembered
LIMIT = 4 << 20  # bytes of them


def history_path() -> Path:
    """Return where what was typed is kept: of this user alone."""
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "imgtools" / "shell-history"


def read_history() -> Sequence[str]:
    """Return what was typed before, the oldest first; nothing where there is none.

    :raises HostError: something that is not ours stands in its place.
    """
    try:
        lines = read_own(history_path(), LIMIT).decode("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ()
    if len(lines) > 2 * MOST_LINES:
        write_own(history_path(), _lines(lines[-MOST_LINES:]))
    return lines[-MOST_LINES:]


def add_history(line: str) -> None:
    """Keep a line that was typed, for its user alone.

    :raises HostError: it cannot be kept.
    """
    place = history_path()
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = open_own(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(_lines([line]))
    except OSError as error:
        raise HostError(f"what was typed is not kept: {place}: {error.strerror}") from None


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
