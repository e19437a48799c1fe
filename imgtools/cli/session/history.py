"""What was typed in sessions before: kept in a file of its user alone, without what may be a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from prompt_toolkit.history import History

from imgtools.errors import ImgtoolsError
from imgtools.image.session_host import add_history, read_history

# A word that a secret stands behind: root:password:x, key:XXXXX, a line `password=x` of a file. Orders take secrets
# from files and by asking as well, and such a line is kept.
_SECRET = re.compile(r"(password|passwd|passphrase|key|secret|token|credentials?)\s*[:=]", re.IGNORECASE)


def may_be_kept(line: str) -> bool:
    """Whether a line may be written down: not one that begins with a space, nor one that may hold a secret."""
    return bool(line.strip()) and not line.startswith((" ", "\t")) and not _SECRET.search(line)


class PrivateHistory(History):
    """The lines of earlier sessions, and of this one. Where they cannot be kept, that is said once.

    :param warn: is told of it.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__()
        self._warn = warn
        self._works = True

    def load_history_strings(self) -> Iterable[str]:
        """Return what was typed before, the newest first."""
        try:
            return list(reversed(read_history()))
        except ImgtoolsError as error:
            self._fails(error)
            return ()

    def store_string(self, string: str) -> None:
        """Keep a line."""
        if not self._works or not may_be_kept(string):
            return
        try:
            add_history(string.replace("\n", " "))
        except ImgtoolsError as error:
            self._fails(error)

    def _fails(self, error: ImgtoolsError) -> None:
        self._works = False
        self._warn(error.message)
