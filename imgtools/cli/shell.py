"""imgtools shell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Write
from imgtools.errors import HostError, UsageError

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools shell disk.qcow2",
    "imgtools shell disk.qcow2 --write",
    "imgtools shell disk.qcow2 --write -f harden.imgtools",
    "printf 'ls /etc\\ncat /etc/hostname\\n' | imgtools shell disk.qcow2 --json",
)
NOTES = """
The page [One session on a guest](../shell.md) has the whole of it.
"""
STANDARD_INPUT = Path("-")


def command(
    source: Source,
    write: Write,
    out: Output,
    script: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", metavar="FILE", help="Take the commands from a file; - is standard input."
        ),
    ] = None,
) -> None:
    """Work on a guest with many commands, one after the other.

    Every command that is about a guest is one here, without the image: `ls /etc`, `edit /etc/fstab`, `rm -r /srv/x`.
    The image is opened once. With --write, changes gather in one plan, which reading sees already; `plan` shows it,
    `undo` takes the last back, `commit` writes all of it or nothing, `rollback` forgets it.

    Commands come from the terminal, from a file, or from standard input. A script ends at the first error, with the
    exit code of the command that failed; a - in front of a line goes on. With --json, each command answers with one
    document, on a line.
    """
    from imgtools.cli.session.scripts import run_script
    from imgtools.workflows.shell import GuestSession

    is_typed = script is None and sys.stdin.isatty()
    session = GuestSession(source, writable=write)
    spoken = Output(json_lines=out.json, quiet=out.quiet, progress=out.progress_mode, verbose=out.verbose)
    try:
        session.image()  # what is wrong with it is told before anything is typed
        if is_typed:
            from imgtools.cli.session.prompt import run_typed

            code = run_typed(session, spoken)
        else:
            code = run_script(session, spoken, _lines(script), _name(script), takes_stdin=_is_file(script))
    finally:
        session.close()
    if code:
        raise typer.Exit(code)


def _is_file(script: Path | None) -> bool:
    return script is not None and script != STANDARD_INPUT


def _name(script: Path | None) -> str:
    return str(script) if script is not None and _is_file(script) else "standard input"


def _lines(script: Path | None) -> Iterator[str]:
    """Yield the lines of a script, as they come.

    :raises HostError: it cannot be read.
    :raises UsageError: it is no text.
    """
    try:
        if script is None or not _is_file(script):
            yield from sys.stdin
            return
        with script.open(encoding="utf-8", errors="surrogateescape") as stream:
            yield from stream
    except OSError as error:
        raise HostError(
            f"cannot read {script}: {error.strerror}", hint="-f names a script of commands"
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{_name(script)} is not UTF-8 text", hint="-f names a script of commands") from None
