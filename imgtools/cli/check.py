"""imgtools check."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import EachDisk, InPlaceOrCopy, Output
from imgtools.cli.command.several import Rules
from imgtools.cli.command.shared_options import Share
from imgtools.cli.output.views import Cell, Facts, Lines, View
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.workflows.check import CheckReport

SECTION = "Look after images"
EXAMPLES = (
    "imgtools check disk.qcow2",
    "imgtools check -P 4 --time-limit 600 /var/lib/libvirt/images/*.qcow2",
    "imgtools check --repair leaks --write disk.qcow2",
    "imgtools check --repair all --output repaired.qcow2 disk.qcow2",
)
SEVERAL = Rules(one_image=("--write", "--output", "--overwrite"))
NOTES = """
qemu-img check -r repairs in place and at once: it may pick the wrong side of a contradiction, and cut in the middle
it leaves a third state. Here a repair is made on a view of the file that only remembers what changes, checked
there, and written when it is clean, all or nothing; without --write you only see what would be done. A repair that
leaves corruptions is thrown away. What a repair cannot know is whether the right data ended up in the right place:
keep a copy (--output) until the guest's own filesystem check has spoken.

A file that is shorter than its tables say counts as damage, also in formats where qemu-img does not look for it.
"""
SHOWN = 20  # complaints on a terminal


class Repair(StrEnum):
    """What is repaired."""

    LEAKS = "leaks"
    ALL = "all"


def command(
    disk: EachDisk,
    work: InPlaceOrCopy,
    out: Output,
    repair: Annotated[
        Repair | None,
        typer.Option("--repair", "-r", help="leaks: free what nothing uses, harmless; all: corruptions too."),
    ] = None,
    share: Share = False,
) -> None:
    """Check an image's tables, and repair them.

    Exit code 1 if there are leaks or corruptions (and they were not repaired). A leak wastes room and harms nothing;
    a corruption means that the guest's data may be wrong.
    """
    from imgtools.workflows.check import check

    if share and repair:
        raise UsageError(
            "an image that another program writes to is not repaired", hint="leave -U or -r away"
        )
    with out.progress("copy") as progress:
        report = check(
            replace(disk, share=share),
            repair=repair.value if repair else "",
            write=work.write,
            output=work.output,
            overwrite=work.overwrite,
            progress=progress,
        )
    out.show(
        report,
        schema="imgtools.check/2",
        view=lambda: _views(report),
        pipe=lambda: Facts(_pairs(report)),
    )
    if report.changes and not report.written:
        out.note("Nothing was changed; --write does it, --output FILE makes a repaired copy.")
    if not report.clean:
        raise typer.Exit(1)


def _pairs(report: CheckReport) -> list[tuple[str, Cell]]:
    found, after = report.found, report.after
    pairs: list[tuple[str, Cell]] = [("corruptions", found.corruptions), ("leaks", found.leaks)]
    pairs += [("not checked", found.errors)] if found.errors else []
    pairs += [("clusters", f"{found.allocated_clusters} of {found.total_clusters} in use")]
    if found.compressed_clusters:
        pairs.append(("compressed", found.compressed_clusters))
    if found.fragmented_clusters:
        pairs.append(("fragmented", found.fragmented_clusters))
    if after is not None:
        pairs += [("corruptions after repair", after.corruptions), ("leaks after repair", after.leaks)]
    return pairs


def _views(report: CheckReport) -> list[View]:
    complaints = report.found.complaints
    lines = [
        *complaints[:SHOWN],
        *([f"... and {len(complaints) - SHOWN} more"] if len(complaints) > SHOWN else []),
    ]
    lines += [report.problem] if report.problem else []
    damaged = report.found.corruptions or report.found.errors or report.problem
    if report.written and report.remaining:
        lines.append(f"still: {report.remaining}")
    verdict = "clean" if report.clean else "damaged" if damaged else "clusters leaked"
    did = "done: " if report.written else "would: "
    return [
        Lines([*lines, verdict]),
        Facts(_pairs(report)),
        Lines([did + step.summary for step in report.changes]),
    ]
