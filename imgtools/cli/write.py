"""imgtools write."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.errors import HostError, UsageError
from imgtools.units import parse_mode

SECTION = "Change a guest"
EXAMPLES = (
    "echo 'no logins today' | imgtools write disk.qcow2 /etc/nologin --write",
    "imgtools write --content 'server 10.0.0.1' --append disk.qcow2 /etc/chrony.conf --write",
    "imgtools write --from hosts disk.qcow2 /etc/hosts --output new.qcow2",
)


def command(
    source: Source,
    target: Target,
    out: Output,
    path: Annotated[str, typer.Argument(metavar="PATH", help="The file in the guest.", show_default=False)],
    content: Annotated[
        str | None, typer.Option("--content", metavar="TEXT", help="The content; a line end is added.")
    ] = None,
    host_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A file of the host.")
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to what is there.")] = False,
    mode: Annotated[str, typer.Option("--mode", metavar="MODE", help="Permissions, octal.")] = "",
    owner: Annotated[
        str, typer.Option("--owner", metavar="USER[:GROUP]", help="The guest's names, or numbers.")
    ] = "",
    parents: Annotated[
        bool, typer.Option("--parents", "-p", help="Make missing directories above it.")
    ] = False,
) -> None:
    """Write a file of the guest.

    The content is that of --content, of the host file --from, or what comes on standard input. A file that is
    there keeps its mode, owner and labels; a new one is 0644 root:root.
    """
    from imgtools.workflows.write import write_file

    with out.progress("Writing") as progress:
        report = write_file(
            source,
            target,
            path,
            _content(content, host_file),
            append=append,
            mode=parse_mode(mode) if mode else None,
            owner=owner,
            parents=parents,
            progress=progress,
        )
    show_plan(out, report)


def _content(text: str | None, host_file: Path | None) -> bytes:
    """The bytes to write, from the one place that was named."""
    if text is not None and host_file is not None:
        raise UsageError("--content and --from do not go together")
    if text is not None:
        return f"{text}\n".encode("utf-8", "surrogateescape")
    if host_file is None:
        return sys.stdin.buffer.read()
    try:
        return host_file.read_bytes()
    except OSError as error:
        raise HostError(f"cannot read {host_file}: {error.strerror}") from None
