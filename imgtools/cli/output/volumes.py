"""What the commands on partitions, groups and volumes share: what may be destroyed, and how a plan is shown."""

from __future__ import annotations

from typing import Annotated, Protocol

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.output.disk import Planned, show_plan

Holds = Annotated[
    list[str] | None,
    typer.Option(
        "--holds",
        metavar="WHAT",
        help="This may be destroyed: a filesystem's type, label or UUID, gpt, mbr, a group; repeat it.",
    ),
]


class Made(Planned, Protocol):
    """A report of a change that may have gone to a new image."""

    @property
    def output(self) -> str:
        """The host path of the new image; empty: there is none."""


def show_made(out: Output, report: Made, schema: str) -> None:
    """Show what was done, or what would be."""
    show_plan(out, report, schema=schema, how="--write does it, --output does it in a new image")
    if report.output:
        out.note(f"The new image is {report.output}.")
    elif not report.changes:
        out.note("There is nothing to change.")
