"""imgtools cat."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source

SECTION = "Read files of a guest"
WAITS = True
EXAMPLES = (
    "imgtools cat disk.qcow2 /etc/fstab",
    r"imgtools cat win.vmdk 'C:\Windows\win.ini'",
    "imgtools cat disk.qcow2 /var/log/messages | grep -i oom",
    "imgtools cat disk.qcow2 '/etc/apt/sources.list.d/*.list'",
)


def command(
    source: Source,
    out: Output,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files in the guest.", show_default=False)
    ],
) -> None:
    """Print files of the guest.

    The bytes come out as they are; on a terminal, control characters are shown as escapes. Symbolic links are
    followed inside the guest. With --json each file has its path, size and content.

    A PATH may be a shell pattern; quote it. One that matches nothing is an error, and nothing is printed.
    """
    from imgtools.workflows.cat import read_contents, read_files

    if out.json:
        from imgtools.cli.output.views import Lines

        out.show(read_contents(source, paths), schema="imgtools.cat/1", view=lambda: Lines(()))
        return
    if out.on_terminal:
        report = read_contents(source, paths)
        for warning in report.warnings:
            out.warn(warning)
        for file in report.files:
            out.text(file.content)
        return
    for chunk in read_files(source, paths, warn=out.warn):
        out.raw(chunk)
