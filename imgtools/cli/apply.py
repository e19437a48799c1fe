"""imgtools apply."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools apply disk.qcow2 plan.yaml",
    "imgtools apply disk.qcow2 plan.yaml --write",
    "imgtools apply disk.qcow2 plan.yaml --output new.qcow2 --compress",
    "imgtools sysprep disk.qcow2 --json > plan.json; imgtools apply other.qcow2 plan.json --write",
)
NOTES = """
virt-customize and guestfish take their commands one after the other, and what went before a failure stays done.
A plan is a list of changes that is checked as a whole, carried out as a whole, or not at all. What each kind takes is
on the [page on plans](../plan.md); a field that is wrong or missing is named.
"""


def command(
    source: Source,
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN", help="The plan, YAML or JSON; - reads it from standard input.")
    ],
    target: Target,
    out: Output,
) -> None:
    """Carry out a list of changes, all of them or none.

    A plan is a list in YAML or JSON, as [{kind: write-file, path: /etc/motd, content: Hello}]; what any writing command
    prints with --json is one too. Without --write or --output, it is checked against the guest and shown.

    The kinds: write-file, upload, truncate, remove, make-directory, make-link, make-hard-link, make-special, move,
    set-mode, set-owner, set-times, set-xattr, edit-lines, edit-config, registry-set, registry-remove-value,
    registry-make-key, registry-remove-key, registry-apply-log, set-uuid, new-lvm-uuids, discard-hibernation,
    write-disk, check-filesystem, run-in-guest, relabel.
    """
    from imgtools.workflows.apply import apply_plan

    with out.progress("Applying") as progress:
        report = apply_plan(source, target, plan, progress=progress)
    show_plan(out, report)
