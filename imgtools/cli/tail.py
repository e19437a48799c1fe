"""imgtools tail."""

from __future__ import annotations

import codecs
from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Lines
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.workflows.tail import TailPart

SECTION = "Read files of a guest"
EXAMPLES = (
    "imgtools tail disk.qcow2 /var/log/syslog",
    "imgtools tail disk.qcow2 /var/log/auth.log -n 100",
    "imgtools tail disk.qcow2 /etc/fstab -n +3",
    "imgtools tail -d web1 /var/log/nginx/access.log -f",
)
NOTES = """
With `--follow` the image is looked at again and again, and opened only if one of its files was written to meanwhile. A
guest that runs has its newest lines in memory for a while: they are seen when it has written them to its disk. A log
that is rotated is followed by its name, and what was added to the old one first is printed, too. Ctrl-C ends it.

The filesystem of a guest that runs is in use, and its journal is not empty: where that is so, each look needs the
appliance, and takes as long as that does.
"""


def command(
    source: Source,
    out: Output,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file of the guest.", show_default=False)],
    lines: Annotated[
        str, typer.Option("--lines", "-n", metavar="[+]N", help="The last N lines; +N: from line N on.")
    ] = "10",
    size: Annotated[
        str, typer.Option("--bytes", "-c", metavar="[+]SIZE", help="The last SIZE bytes; +N: from byte N on.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.1, help="Between two looks.")
    ] = 1.0,
) -> None:
    """Print the end of a guest's file, and with -f what is added.

    A file of any size is read from its end. On a terminal, control characters are shown as escapes.
    """
    from imgtools.workflows.tail import follow_tail, read_tail

    if follow and out.json:
        raise UsageError("--follow does not end, and a JSON document does", hint="leave one away")
    part = parse_part(lines, size)
    if not follow:
        report = read_tail(source, path, part)
        out.show(report, schema="imgtools.tail/1", view=lambda: Lines(()))
        if not out.json and out.on_terminal:
            out.text(report.content)
        elif not out.json:
            out.raw(report.content.encode("utf-8", "surrogateescape"))
        return
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    pieces = follow_tail(source, path, part, pause=lambda: sleep(interval), warn=out.warn)
    for piece in pieces:
        if out.on_terminal:
            out.text(decoder.decode(piece))
        else:
            out.raw(piece)
        out.flush()


def parse_part(lines: str, size: str) -> TailPart:
    """Return which part of a file is meant by ``--lines`` and ``--bytes``; the second counts.

    :raises UsageError: it is no number.
    """
    from imgtools.units import parse_count, parse_size
    from imgtools.workflows.tail import TailPart

    text = size or lines
    number = text.removeprefix("+")
    if size:
        return TailPart(parse_size(number), in_bytes=True, from_start=text.startswith("+"))
    count = parse_count(number)
    if count is None:
        raise UsageError(f"not a number of lines: {text!r}", hint="10, or +10 for all from the tenth on")
    return TailPart(count, from_start=text.startswith("+"))
