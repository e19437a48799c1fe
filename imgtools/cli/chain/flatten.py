"""imgtools chain flatten."""

from __future__ import annotations

from imgtools.cli.command.groups import DiskFile, InPlaceOrCopy, Output
from imgtools.cli.output.disk import show_plan

EXAMPLES = (
    "imgtools chain flatten overlay.qcow2",
    "imgtools chain flatten --write overlay.qcow2",
    "imgtools chain flatten --output alone.qcow2 overlay.qcow2",
)
NOTES = """
A guest that runs can have its chain pulled into one image by libvirt's blockpull; this is the same for a guest that
is off. The data is copied first, then the link in the header is dropped: cut at any time, the image reads as
before. Internal snapshots stay, which a conversion loses.
"""


def command(
    disk: DiskFile,
    work: InPlaceOrCopy,
    out: Output,
) -> None:
    """Pull everything into the image, so that it stands alone.

    With --output a new image stands alone, and the chain is left as it is.
    """
    from imgtools.workflows.chain import flatten

    with out.progress("flatten") as progress:
        report = flatten(
            disk, write=work.write, output=work.output, overwrite=work.overwrite, progress=progress
        )
    show_plan(
        out, report, schema="imgtools.chain.flatten/2", how="--write does it, --output makes a new image"
    )
