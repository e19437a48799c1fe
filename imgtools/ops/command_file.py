"""Orders from a file: one a line, an option's name and its value, as virt-customize's --commands-from-file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imgtools.errors import HostError, UsageError
from imgtools.ops.customize_plan import read_order, told_where
from imgtools.ops.operation import HostSide
from imgtools.records.orders import Named

LIMIT = 4 << 20  # bytes


def read_command_file(host_path: Path, host: HostSide) -> list[Named]:
    """Return the orders of a file, in their order.

    Empty lines and lines that begin with ``#`` say nothing; a line that ends in a backslash goes on in the next one.

    :raises HostError: the file cannot be read.
    :raises UsageError: a line is no order; the message has file and line.
    """
    orders = []
    for number, line in command_lines(host_path):
        where = f"{host_path}, line {number}"
        with told_where(where):
            orders.append(read_order_line(line, host)._replace(where=where))
    return orders


def command_lines(host_path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file that say something, each with its number.

    :raises HostError: the file cannot be read.
    :raises UsageError: it is too large.
    """
    try:
        with host_path.open("rb") as stream:
            content = stream.read(LIMIT + 1)
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None
    if len(content) > LIMIT:
        raise UsageError(f"{host_path}: larger than {LIMIT} bytes")
    yield from _logical_lines(content.decode("utf-8", "surrogateescape"))


def read_order_line(line: str, host: HostSide) -> Named:
    """Return the order of one line: ``hostname web1``; hyphens before the name, and ``=`` after it, may be there.

    :raises UsageError: it is none.
    """
    return read_order(*split_order_line(line), host)


def split_order_line(line: str) -> tuple[str, str]:
    """Return the name and the text of an order."""
    word, _, text = line.strip().partition(" ")
    if word.startswith("--") and "=" in word:
        word, _, text = line.strip().partition("=")
    return word.removeprefix("--"), text.strip()


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines joined where they end in a backslash, with the number of the first."""
    held, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not held and (not line.strip() or line.lstrip().startswith("#")):
            continue
        first = first if held else number
        if line.endswith("\\"):
            held += line[:-1]
            continue
        yield first, held + line
        held = ""
    if held:
        yield first, held
