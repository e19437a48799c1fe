"""Looks that checks for secrets share: where they are kept, and which lines give one away. None shows a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from imgtools.files.tree import GuestReader
from imgtools.ops.check import Flaw, Seen
from imgtools.ops.common_plans import homes
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.files import FileKind

LARGEST = 1 << 20  # bytes of a file that are searched; where secrets are kept by hand, files are small
MOST = 2000  # files that one check searches
Look = Callable[[Examined, NoParams], Iterator[Seen]]


def in_homes(examined: Examined, *patterns: str) -> Iterator[str]:
    """Yield the regular files that match, relative to every home, root's included, each once."""
    tops = examined.once(_homes)
    yield from matching_files(examined.files, *(f"{home}/{one}" for home in tops for one in patterns))


def _homes(examined: Examined) -> tuple[str, ...]:
    return homes(examined.files)


def matching_files(files: GuestReader, *patterns: str) -> Iterator[str]:
    """Yield the regular files that match, each once, sorted; not through symbolic links."""
    found = {path for pattern in patterns for path in files.glob(pattern)}
    for path in sorted(found):
        facts = files.lstat(path)
        if facts is not None and facts.kind is FileKind.FILE and facts.size:
            yield path


def text_of(files: GuestReader, path: str) -> str:
    """Return the beginning of a file as text; "" of what is binary."""
    with files.open(path) as stream:
        content = stream.read(LARGEST)
    return "" if b"\0" in content[:8192] else content.decode("utf-8", "replace")


def lines_that_match(files: GuestReader, path: str, expression: re.Pattern[str]) -> Iterator[int]:
    """Yield the numbers of the lines in which an expression is found."""
    for number, line in enumerate(text_of(files, path).splitlines(), 1):
        if expression.search(line[:4096]):
            yield number


def kept_in_homes(
    what: str, expression: str, *patterns: str, advice: str, level: Level | None = None
) -> Look:
    """Return a look that finds files of homes with a line that matches; one finding a file, at its first such line."""
    wanted = re.compile(expression)

    def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
        yield from secret_lines(examined.files, in_homes(examined, *patterns), wanted, what, advice, level)

    return look


def secret_lines(
    files: GuestReader,
    paths: Iterable[str],
    wanted: re.Pattern[str],
    what: str,
    advice: str,
    level: Level | None = None,
) -> Iterator[Flaw]:
    """Yield a flaw for each file that has such a line, and says on how many."""
    for path in paths:
        lines = list(lines_that_match(files, path, wanted))
        if lines:
            more = f"; {len(lines)} such lines" if len(lines) > 1 else ""
            yield Flaw(f"{what}{more}", path, lines[0], severity=level, advice=advice)
