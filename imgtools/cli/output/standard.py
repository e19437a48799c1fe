"""Standard output as it may be: full, closed, or a pipe that nobody reads any more."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from imgtools.errors import HostError

STANDARD = 3  # descriptors: input, output, errors


class OutputLost(HostError):
    """Standard output takes no more: the disk that it goes to is full, or it was closed."""


class _Checked(io.FileIO):
    """Standard output that says what failed in our words; that its reader has gone stays Python's own error."""

    def write(self, data: object) -> int:  # bytes of any kind
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputLost(f"cannot write to standard output: {error.strerror}") from None


def prepare() -> None:
    """Make sure that there are three standard streams, and that writing to ours fails with a named error.

    A closed one is replaced by one that cannot be written: else the next file that is opened, which may be an image,
    would get its number, and everything that is printed.
    """
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) < STANDARD:
        pass
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = io.TextIOWrapper(io.BytesIO())
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        encoding = "utf-8" if sys.stdout is None else sys.stdout.encoding
        errors = "strict" if sys.stdout is None else sys.stdout.errors
        checked = _Checked(1, "w", closefd=False)
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(checked), encoding=encoding, errors=errors, line_buffering=checked.isatty()
        )


def let_go() -> None:
    """Send the rest of what is printed nowhere: nobody can have it."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def already_done() -> Iterator[None]:
    """Print the report of what was done: if nobody takes it, it is done all the same, and that is no failure."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        let_go()
    except OutputLost as error:
        let_go()
        sys.stderr.write(f"imgtools: warning: it is done, but there is no report: {error.message}\n")
