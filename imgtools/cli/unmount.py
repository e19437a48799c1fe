"""imgtools unmount."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.output.views import Lines

SECTION = "Read files of a guest"
EXAMPLES = ("imgtools unmount /mnt/guest",)


def command(
    out: Output,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the image is mounted.", show_default=False)
    ],
) -> None:
    """Unmount a folder, and wait until the image is finished.

    What was changed in a folder mounted with --write is committed now; if that fails, the error says why and the
    image is as it was.
    """
    from imgtools.workflows.mount import unmount_image

    report = unmount_image(folder)
    count = f"{report.change_count} change{'' if report.change_count == 1 else 's'}"
    done = f"{count} made in {report.image}" if report.committed else "nothing was changed"
    out.show(report, schema="imgtools.unmount/1", view=lambda: Lines([f"{report.folder}: {done}"]))
