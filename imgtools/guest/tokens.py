"""Tokens of services in a guest's texts: what kind, and on which lines. The tokens themselves are never kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST = 20  # that are told of one file


def tokens_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and kind of each token in a text, the first of each line."""
    from imgtools.engine.secrets import find_secrets  # half a second of imports, for the few who ask

    last = count = 0
    for line, kind in find_secrets(text):
        if line != last:
            yield line, kind
            count += 1
        if count == MOST:
            return
        last = line


# A word that says a secret, and the one that is it: --password=x, -p x is too short to tell, /pass:x, TOKEN=x.
_SAID = re.compile(
    r"(?i)([\w-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|credential)[\w-]*\s*[=:\s]\s*)(\"[^\"]*\"|'[^']*'|\S+)"
)
_IN_URL = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^/\s:@]*:)[^/\s@]+@")
HIDDEN = "***"
LONGEST = 400  # characters of a command that are shown


def without_secrets(command: str) -> str:
    """Return a command line as it may be shown: what follows a word such as ``--password`` is hidden, the end cut."""
    shown = _IN_URL.sub(rf"\1{HIDDEN}@", _SAID.sub(rf"\1{HIDDEN}", command[: 4 * LONGEST]))
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."
