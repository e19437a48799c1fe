"""imgtools virt."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.command.typer_adapter import HouseCommand
from imgtools.cli.output.views import Column, Lines, Table
from imgtools.errors import UsageError

SECTION = "Look after this host"
EXAMPLES = (
    "imgtools virt virt-cat -a disk.qcow2 /etc/fstab",
    "imgtools virt virt-filesystems -a disk.qcow2 --all --long --uuid",
    "imgtools virt --install ~/virt && PATH=~/virt:$PATH ./old-script.sh",
)

NOTES = """
[Old scripts](../virt.md) tells what differs, which options are passed over, and which are refused.
"""


class OthersWords(HouseCommand):
    """What stands behind the name of a program is that program's."""

    def arranged(self, words: list[str]) -> list[str]:
        """Return the words as the parser should see them."""
        return ["--", *words] if words and not words[0].startswith("-") else words


KIND = OthersWords


def command(
    out: Output,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROGRAM [WORD...]]", help="A program, and its own options.", show_default=False
        ),
    ] = None,
    install: Annotated[
        Path | None,
        typer.Option(
            "--install",
            metavar="FOLDER",
            help="Make a link for each program in this folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Stand in for a program of guestfs-tools, for old scripts.

    Its options are taken, what it prints on standard output is printed, and the exit code is 0 or 1, as there. An
    option that there is nothing for is refused. Without a program, lists those that there are. A link to imgtools under
    the name of a program is that program.
    """
    from imgtools.compat.dispatch import call, program_of
    from imgtools.compat.links import VirtReport, make_links
    from imgtools.compat.programs import PROGRAMS

    if words:
        if install is not None:
            raise UsageError(
                "--install takes no program: it makes links for all", hint="leave the program away"
            )
        code = call(program_of(words[0]), words[1:])
        if code:
            raise typer.Exit(code)
        return
    links = () if install is None else make_links(install, sys.argv[0])
    report = VirtReport(tuple(PROGRAMS), links)
    if install is not None:
        out.show(report, schema="imgtools.virt/1", view=lambda: Lines(links))
        return
    rows = [[name, one.summary, f"imgtools {one.command}"] for name, one in PROGRAMS.items()]
    columns = [Column("Program", style="bold"), Column("What it does"), Column("Here")]
    out.show(report, schema="imgtools.virt/1", view=lambda: Table(columns, rows))
