"""imgtools fleet run."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgtools.cli.command.groups import Output, PlacedImages
from imgtools.cli.command.shared_options import Database, Overwrite
from imgtools.cli.fleet._options import Scheduler, WorkMemory
from imgtools.cli.output.views import Facts
from imgtools.errors import ImgtoolsError, UsageError
from imgtools.units import parse_size

if TYPE_CHECKING:
    from imgtools.fleet.places import Place
    from imgtools.fleet.reports import ImageAnswer, RunReport
    from imgtools.fleet.run import Image, Wanted
    from imgtools.records.request import ImageRequest

EXAMPLES = (
    "imgtools fleet run df -- /var/lib/libvirt/images",
    "imgtools fleet run inspect --recursive --time-limit 600 -- /srv/images",
    "find /images -name '*.qcow2' -print0 | imgtools fleet run audit --images0-from -",
    "imgtools fleet run df --scheduler tls://10.0.0.1:8786 -- '/nfs/images/*.qcow2'",
    "imgtools fleet run df --scheduler tcp://10.0.0.1:8786 --place 'store1:/srv/images/*.qcow2'",
    "imgtools fleet run inspect --parquet tables --overwrite -- /srv/images",
    "imgtools fleet run info --database postgresql://db.example.com/fleet -- /nfs/images",
)
NOTES = """
What is asked is one of `audit`, `check`, `df`, `diagnose`, `filesystems`, `info`, `inspect`, `sbom`, `verify`: the same
as the commands of these names; or `sysprep`: the same as `sysprep --verify`. Nothing is changed by any. The answers go
into tables ([which](../fleet.md)); `imgtools fleet query` asks them.

A folder stands for the disk images in it, which are known by their content, not by their names; `--recursive` takes
those of the folders in it, too. A pattern in quotes is expanded here.

An image that was answered before, and whose files are as they were (path, size, time of change and inode of each file
of its chain), is not asked again; `--all` asks all. One that failed is asked again. So a run that was cut goes on where
it was.

With `--place PLACE:PATTERN` the pattern is expanded and its images are asked by the workers that announce this place
(`dask worker --resources PLACE=1`); this host need not see them.

Each image is asked in a process of its own. What kills it, or takes more memory or time than it may have, is the
failure of that image; the others go on. The exit code is 1 if an image has no answer.
"""
SCHEMA = "imgtools.fleet.run/1"
LINE_SCHEMA = "imgtools.fleet.answer/1"


def command(
    kind: Annotated[str, typer.Argument(metavar="COMMAND", help="What to ask.", show_default=False)],
    images: PlacedImages,
    out: Output,
    database: Database = "imgtools-fleet.sqlite",
    scheduler: Scheduler = "",
    dashboard: Annotated[
        str,
        typer.Option(
            "--dashboard", metavar="[HOST:]PORT", help="Show what this host's processes do, for a browser."
        ),
    ] = "",
    memory: WorkMemory = "4G",
    retries: Annotated[
        int,
        typer.Option(
            "--retries", metavar="N", min=0, help="How often an image is asked again that failed by chance."
        ),
    ] = 0,
    everything: Annotated[
        bool, typer.Option("--all", help="Ask all images, also those that are as they were.")
    ] = False,
    parquet: Annotated[
        Path | None,
        typer.Option("--parquet", metavar="FOLDER", help="Then write a Parquet file for each table in here."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Ask many images one question, and keep the answers."""
    from imgtools.fleet.libraries import CLUSTER, DATABASE, require

    require(*DATABASE, *CLUSTER)
    from imgtools.fleet.run import Wanted

    out = _by_lines(out) if images.json_lines else out
    wanted = Wanted(
        kind=kind,
        images=tuple(map(_image, images.names, images.items)),
        database=database,
        scheduler=scheduler,
        places=tuple(_place(word, request, images.recursive) for word, request in images.places),
        dashboard=dashboard,
        workers=images.parallel or len(os.sched_getaffinity(0)),
        time_limit=images.time_limit,
        memory=parse_size(memory),
        retries=retries,
        everything=everything,
        parquet=parquet,
        overwrite=overwrite,
    )
    report = _run(wanted, out)
    if not images.json_lines:
        out.show(report, schema=SCHEMA, view=lambda: _facts(report))
    out.summary(_sentence(report))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _by_lines(out: Output) -> Output:
    if out.json:
        raise UsageError("--json and --json-lines are two ways to say it", hint="choose one")
    return Output(json_lines=True, quiet=out.quiet, progress=out.progress_mode)


def _run(wanted: Wanted, out: Output) -> RunReport:
    from imgtools.fleet.run import Heard, run_fleet

    tally = _Tally(out)
    with ExitStack() as stack:
        stack.callback(_say_how_to_go_on, tally, wanted, out)
        with out.counting(f"fleet {wanted.kind}", len(wanted.images)) as count:

            def tell(one: ImageAnswer) -> None:
                tally.add(one)
                count.tell(tally.done, tally.failed, tally.kept)

            def expect(images: int) -> None:
                count.total = images

            def name(link: str) -> None:
                out.summary(f"Dask's dashboard: {link}")

            report = run_fleet(wanted, Heard(tell, expect, name))
        stack.pop_all()
    return report


def _say_how_to_go_on(tally: _Tally, wanted: Wanted, out: Output) -> None:
    """Say what is left of a run that ends before its end."""
    if tally.done:
        out.note(f"what was answered is kept in {wanted.database}; the same call goes on from there")


def _place(word: str, request: ImageRequest, recursive: bool) -> Place:
    from imgtools.fleet.places import Place, parse_place

    return Place(*parse_place(word), request, recursive)


def _image(name: str, item: Any) -> Image:  # Any: a request, or why there is none
    from imgtools.fleet.run import Image

    return Image(name, None, item) if isinstance(item, ImgtoolsError) else Image(name, item)


class _Tally:
    """Counts answers, and says which failed."""

    def __init__(self, out: Output) -> None:
        self.done = self.failed = self.kept = 0
        self._out = out

    def add(self, one: ImageAnswer) -> None:
        """Count one."""
        self.done += 1
        self.failed += not one.ok
        self.kept += one.kept
        if self._out.json_lines:
            from imgtools.cli.output.documents import to_json

            facts = to_json(one)
            assert isinstance(facts, dict)
            self._out.document({"schema": LINE_SCHEMA, **facts})
            self._out.flush()
        if not one.ok:
            said = one.message if one.image in one.message else f"{one.image}: {one.message}"
            self._out.failure(said, one.hint)


def _facts(report: RunReport) -> Facts:
    return Facts(
        [
            ("Run", report.run),
            ("Command", report.kind),
            ("Images", report.images),
            ("Asked", report.asked),
            ("As before", report.kept),
            ("Failed", report.failed),
            ("Seconds", f"{report.seconds:.1f}"),
            ("Database", report.database),
        ]
    )


def _sentence(report: RunReport) -> str:
    text = f"run {report.run}: {report.images} image{'' if report.images == 1 else 's'}"
    text += f": {report.asked - report.failed} answered, {report.kept} as before, {report.failed} failed"
    reasons = ", ".join(f"{one.count} {one.error} (exit code {one.exit_code})" for one in report.reasons)
    return f"{text}: {reasons}" if reasons else text
