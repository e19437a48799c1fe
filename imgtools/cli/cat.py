"""imgtools cat."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command import Output, Source

EXAMPLES = (
    "imgtools cat disk.qcow2 /etc/fstab",
    r"imgtools cat win.vmdk 'C:\Windows\win.ini'",
    "imgtools cat disk.qcow2 /var/log/messages | grep -i oom",
)


def command(
    source: Source,
    out: Output,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files in the guest.", show_default=False)
    ],
) -> None:
    """Print files of the guest.

    The bytes come out as they are. Symbolic links are followed inside the guest.
    """
    from imgtools.workflows.cat import read_files

    for chunk in read_files(source, paths):
        out.raw(chunk)
