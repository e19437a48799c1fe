"""imgtools fleet apply."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgtools.cli.command.groups import FleetImages, Output, Write
from imgtools.cli.command.shared_options import Check, Database
from imgtools.cli.fleet._operations import ApplyWords
from imgtools.cli.fleet._options import Scheduler, WorkMemory
from imgtools.cli.output.views import Cell, Column, Table
from imgtools.errors import ImgtoolsError, UsageError
from imgtools.units import parse_size

if TYPE_CHECKING:
    from imgtools.fleet.apply_reports import ApplyReport, ChangedImage
    from imgtools.fleet.changing import Changing
    from imgtools.fleet.run import Image
    from imgtools.workflows.writing import ReadyVerb

EXAMPLES = (
    "imgtools fleet apply plan.yaml -- /srv/images",
    "imgtools fleet apply plan.yaml --write --canary 3 --max-failures 10 -- /srv/images",
    "imgtools fleet apply sysprep --operations defaults,-ssh-userdir --write -- 'clones/*.qcow2'",
    "imgtools fleet apply edit -e 's/^#?Port .*/Port 2222/' /etc/ssh/sshd_config --write --undo undo -- /srv/images",
    "imgtools fleet apply config set /files/etc/ssh/sshd_config/PermitRootLogin no -- /srv/images",
    "imgtools fleet apply customize --commands-from-file web.txt --write -- web*.qcow2",
    "imgtools fleet apply repair --auto --write -- /srv/images",
)
NOTES = """
PLAN is a plan as [imgtools apply](apply.md) takes it. In its place stands an operation with the options and words of
the command of that name: `config set`, `config delete`, `customize`, `edit` (with `-e`), `repair`, `sysprep`;
`imgtools fleet apply sysprep --help` lists them. The images stand behind `--`.

Without `--write` the plan of each image is made and shown, and nothing is written. With it, each image is a transaction
of its own: changed as a whole, or as it was. The plan that is shown is made by what carries it out.

`--canary N` changes N images first, and the others only if all of these succeeded. When more than `--max-failures M`
have failed no more are begun; what runs comes to its end. Images that need no change are told so; so the same call
goes on where one was cut. `--go-on RUN` leaves out what that run has changed, for changes that cannot be made twice.

`--undo FOLDER` keeps the way back of each image before it is changed, as a plan in `FOLDER/run-N`.
`imgtools apply IMAGE WAY_BACK --write` gives the image the bytes that it had, if nothing has changed it since.

An image that is named by two names, or on which another one of them stands, is refused before anything is written.
"""
KIND = ApplyWords
SCHEMA = "imgtools.fleet.apply/1"
LINE_SCHEMA = "imgtools.fleet.changed/1"


def command(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN|OPERATION...", help="What to change.", show_default=False)
    ],
    images: FleetImages,
    write: Write,
    out: Output,
    canary: Annotated[
        int,
        typer.Option(
            "--canary", metavar="N", min=0, help="Change N images first; the others if all of them succeeded."
        ),
    ] = 0,
    max_failures: Annotated[
        int | None,
        typer.Option(
            "--max-failures", metavar="M", min=0, help="Begin no more images when more than M have failed."
        ),
    ] = None,
    undo: Annotated[
        Path | None,
        typer.Option("--undo", metavar="FOLDER", help="Keep the way back of each image in here, as a plan."),
    ] = None,
    go_on: Annotated[
        int | None,
        typer.Option("--go-on", metavar="RUN", help="Leave out what this run has changed already."),
    ] = None,
    check: Check = True,
    database: Database = "imgtools-fleet.sqlite",
    scheduler: Scheduler = "",
    memory: WorkMemory = "4G",
) -> None:
    """Make one change to many images, an image a transaction."""
    apply_to(
        _ready(Path(plan)),
        images=images,
        write=write,
        out=out,
        canary=canary,
        max_failures=max_failures,
        undo=undo,
        go_on=go_on,
        check=check,
        database=database,
        scheduler=scheduler,
        memory=memory,
    )


def _ready(plan: Path) -> ReadyVerb[Any]:
    from imgtools.workflows.apply import ready_plan

    return ready_plan(plan)


def apply_to(
    verb: ReadyVerb[Any],
    *,
    images: FleetImages,
    out: Output,
    memory: str,
    **how: Any,  # what the options of the command hold
) -> None:
    """Change the images, or make their plans, and say what became of them."""
    from imgtools.fleet.libraries import CLUSTER, DATABASE, require

    require(*DATABASE, *CLUSTER)
    from imgtools.fleet.changing import Changing

    if images.json_lines:
        if out.json:
            raise UsageError("--json and --json-lines are two ways to say it", hint="choose one")
        out = Output(json_lines=True, quiet=out.quiet, progress=out.progress_mode)
    wanted = Changing(
        verb=verb,
        images=tuple(map(_image, images.names, images.items)),
        workers=images.parallel or len(os.sched_getaffinity(0)),
        time_limit=images.time_limit,
        memory=parse_size(memory),
        **how,
    )
    report = _run(wanted, out)
    if not images.json_lines:
        out.show(report, schema=SCHEMA, view=lambda: _table(report))
    out.summary(_sentence(report))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _run(wanted: Changing, out: Output) -> ApplyReport:
    from imgtools.fleet.changing import change_fleet

    told = [0, 0]  # done, failed

    with ExitStack() as stack:
        stack.callback(_say_how_to_go_on, told, wanted, out)
        with out.counting(f"fleet {wanted.kind}", len(wanted.images)) as count:

            def tell(one: ChangedImage) -> None:
                told[0] += one.state != "not tried"
                told[1] += one.state == "failed"
                _say(one, out)
                count.tell(*told)

            report = change_fleet(wanted, tell)
        stack.pop_all()
    return report


def _say_how_to_go_on(told: list[int], wanted: Changing, out: Output) -> None:
    """Say what is left of a run that ends before its end."""
    if told[0] and wanted.write:
        out.note("each image is as it was, or changed; the same call goes on from there")


def _say(one: ChangedImage, out: Output) -> None:
    if out.json_lines:
        from imgtools.cli.output.documents import to_json

        facts = to_json(one)
        assert isinstance(facts, dict)
        out.document({"schema": LINE_SCHEMA, **facts})
        out.flush()
    if one.state == "failed":
        out.failure(one.message if one.image in one.message else f"{one.image}: {one.message}", one.hint)


def _image(name: str, item: Any) -> Image:  # Any: a request, or why there is none
    from imgtools.fleet.run import Image

    return Image(name, None, item) if isinstance(item, ImgtoolsError) else Image(name, item)


def _table(report: ApplyReport) -> Table:
    names = ("Image", "State", "Kind", "Path", "Change")
    return Table([Column(one, style="bold" if one == "Image" else "") for one in names], _rows(report))


def _rows(report: ApplyReport) -> Iterator[list[Cell]]:
    for one in report.answers:
        if not one.changes:
            yield [one.image, one.state, "", "", one.message]
        for step in one.changes:
            yield [one.image, one.state, step.kind, step.path, step.text]


def _sentence(report: ApplyReport) -> str:
    what = "changed" if report.write else "would change"
    text = f"run {report.run}: {report.images} image{'' if report.images == 1 else 's'}: {report.changing} {what}, "
    text += f"{report.unchanged} with nothing to do, {report.failed} failed"
    text += f", {report.kept} as before" if report.kept else ""
    reasons = ", ".join(f"{one.count} {one.error} (exit code {one.exit_code})" for one in report.reasons)
    text += f": {reasons}" if reasons else ""
    if report.untried:
        text += f"; {report.untried} not tried: {report.stopped}"
    if not report.write and report.changing:
        text += "; --write does it"
    return text
