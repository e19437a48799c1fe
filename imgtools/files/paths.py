"""Paths inside a guest: absolute, with ``/``; the host's rules have no say in them."""

from __future__ import annotations

import re
from collections.abc import Iterator


def join(directory: str, name: str) -> str:
    """Return the path of ``name`` in ``directory``."""
    return f"/{name}" if directory == "/" else f"{directory}/{name}"


def parent_of(path: str) -> str:
    """Return the directory that holds ``path``; the parent of ``/`` is ``/``."""
    return path.rpartition("/")[0] or "/"


def normalise_keeping_dots(path: str) -> str:
    """Return ``path`` absolute and without doubled or trailing slashes; ``..`` stays, links may precede it."""
    return "/" + "/".join(part for part in path.split("/") if part)


def normalise(path: str) -> str:
    """Return ``path`` absolute, without doubled slashes, ``.`` and ``..``; only for paths without links."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part and part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def expand_braces(pattern: str) -> Iterator[str]:
    """Yield the patterns that ``a{b,c}d`` stands for, as a shell does; without braces, the pattern itself."""
    match = re.search(r"\{([^{}]*,[^{}]*)\}", pattern)
    if match is None:
        yield pattern
        return
    for choice in match[1].split(","):
        yield from expand_braces(pattern[: match.start()] + choice + pattern[match.end() :])
