"""imgtools recover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output
from imgtools.cli.command.shared_options import BackingPolicy, ImageArgument
from imgtools.cli.output.views import Lines
from imgtools.records.request import Backing

SECTION = "Look after images"
WAITS = True
EXAMPLES = ("imgtools recover disk.qcow2", "imgtools recover --discard disk.qcow2")


def command(
    image: ImageArgument,
    out: Output,
    discard: Annotated[
        bool, typer.Option("--discard", help="Take the edit back, if nothing of it was written yet.")
    ] = False,
    backing: BackingPolicy = Backing.SAME_DIR,
) -> None:
    """Finish an edit that was cut while it was being committed.

    An image with such an edit is not opened by any command (exit code 13). Finishing it writes what is left of it,
    on all disks of the guest, and may itself be cut and run again. What an edit that never came so far has
    left beside the image is removed.
    """
    from imgtools.workflows.recover import recover

    report = recover(Path(image), discard=discard, backing=backing)
    words = {
        "finished": "the edit was finished",
        "discarded": "the edit was taken back: the image is as it was before it",
        "cleaned": "there was no unfinished edit; files that one had left were removed",
        "nothing": "there is no unfinished edit",
    }
    out.show(
        report,
        schema="imgtools.recover/1",
        view=lambda: Lines([f"{disk}: {words[report.outcome]}" for disk in report.disks]),
    )
