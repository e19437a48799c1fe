"""imgtools mount."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.views import Facts

SECTION = "Read files of a guest"
EXAMPLES = (
    "imgtools mount disk.qcow2 /mnt/guest && grep -r error /mnt/guest/var/log; imgtools unmount /mnt/guest",
    "imgtools mount disk.qcow2 /mnt/guest --write",
)
NOTES = """
With `--write` the folder is a transaction: the image is not touched while it is mounted. `imgtools unmount` makes
all the changes at once, checks the filesystems, and returns when the image is finished; if it cannot, the image is
as it was. A server that is killed or gets a signal (Ctrl-C with --foreground) leaves it as it was.

Files and directories are renamed as on any filesystem, with all that they have; between two volumes of the guest `mv`
copies. Hard links of regular files can be made. Access control lists cannot be changed.

NTFS and FAT have no owners and modes: setting them says nothing and does nothing there. Links, devices and names that
Windows does not take are refused.
"""


def command(
    source: Source,
    target: Target,
    out: Output,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An empty folder.", show_default=False)],
    foreground: Annotated[
        bool, typer.Option("--foreground", "-f", help="Serve until it is unmounted.")
    ] = False,
    allow_other: Annotated[bool, typer.Option("--allow-other", help="Other users may look too.")] = False,
) -> None:
    """Show the guest's files as a folder of the host.

    Read only, and nothing boots where the direct engine can read. imgtools unmount takes it away again.
    """
    from imgtools.workflows.mount import mount_image

    report = mount_image(source, target, folder, foreground=foreground, allow_other=allow_other)
    facts = Facts(
        (("folder", report.folder), ("image", report.image), ("write", "yes" if report.write else "no"))
    )
    out.show(report, schema="imgtools.mount/1", view=lambda: facts)
