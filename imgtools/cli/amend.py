"""imgtools amend."""

from __future__ import annotations

from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import DiskFile, Output, Write
from imgtools.cli.command.option_names import old
from imgtools.cli.output.disk import SECRET_HELP, CreateOptions, secret_from, show_plan, words

SECTION = "Look after images"
EXAMPLES = (
    "imgtools amend -o compat=1.1 disk.qcow2",
    "imgtools amend -o lazy_refcounts=on --write disk.qcow2",
    "imgtools amend --key image:file:old.txt --new-key file:new.txt --write disk.luks",
)
NOTES = """
qemu-img amend -o size=50M on a disk of 100M cuts the second half off, says nothing and ends with 0, although
qemu-img resize refuses the same without --shrink. A cut in the middle leaves the image half amended. Here a smaller
size needs --shrink, every option is checked against what this QEMU can amend, and the change is made on a view of
the file, checked there, and written all or nothing; the plan is tried there too, so what QEMU refuses is known
before. The last passphrase of an image goes with --force only: that is the way to make it unreadable for good.
"""


def command(
    disk: DiskFile,
    write: Write,
    out: Output,
    option: CreateOptions = None,
    shrink: Annotated[
        bool, typer.Option("--shrink", help="Allow a smaller size; what lies behind is lost.")
    ] = False,
    new_key: Annotated[
        str | None,
        typer.Option(*names.NEW_KEY.words, metavar="SECRET", help=f"Add a LUKS passphrase: {SECRET_HELP}"),
        old("--new-secret"),
    ] = None,
    old_key: Annotated[
        str | None,
        typer.Option(
            *names.OLD_KEY.words, metavar="SECRET", help=f"Take this LUKS passphrase out: {SECRET_HELP}"
        ),
        old("--old-secret"),
    ] = None,
    force: Annotated[
        bool, typer.Option(*names.FORCE.words, help="Insist: take out the last passphrase, for instance.")
    ] = False,
) -> None:
    """Change what an image's header says of it.

    qcow2: version (compat), refcount_bits, lazy_refcounts, size, key slots. luks: key slots.
    """
    from imgtools.workflows.amend import AmendRequest, amend

    request = AmendRequest(
        source=disk,
        options=words(option),
        shrink=shrink,
        new_secret=secret_from(new_key, "New passphrase: "),
        old_secret=secret_from(old_key, "Passphrase to take out: ", new=False),
        force=force,
        write=write,
    )
    with out.progress("amend") as progress:
        report = amend(request, progress)
    show_plan(out, report, schema="imgtools.amend/2")
