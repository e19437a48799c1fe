"""Questions to thousands of images, and to the database of their answers, as functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from imgtools.door.opening import GuestOptions, HostPath, Size, make_request, maybe_path, size_text
from imgtools.fleet.libraries import CLUSTER, DATABASE, require
from imgtools.records.domain import Domain
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.units import parse_size

if TYPE_CHECKING:
    from imgtools.change.change import Change
    from imgtools.fleet.apply_reports import ApplyReport, ChangedImage
    from imgtools.fleet.places import Place
    from imgtools.fleet.reports import (
        ChangesReport,
        FleetExport,
        FleetReport,
        ImageAnswer,
        QueryReport,
        RunReport,
    )
    from imgtools.fleet.run import Image
    from imgtools.workflows.writing import ReadyVerb

_FILE = "imgtools-fleet.sqlite"


def fleet_run(
    command: str,
    images: Iterable[HostPath | Domain],
    *,
    database: str = _FILE,
    scheduler: str = "",
    places: Iterable[str] = (),
    dashboard: str = "",
    parallel: int | None = None,
    time_limit: float | None = None,
    memory: Size = "4G",
    retries: int = 0,
    everything: bool = False,
    recursive: bool = False,
    parquet: HostPath | None = None,
    overwrite: bool = False,
    told: Callable[[ImageAnswer], None] | None = None,
    **options: Unpack[GuestOptions],
) -> RunReport:
    """Ask many images one question, and keep the answers in a database.

    A program that calls it is started again by those that ask: what it does is below ``if __name__ == "__main__":``.

    :param command: what to ask: audit, check, df, diagnose, filesystems, info, inspect, sbom, sysprep (whether a guest
        is fit to be cloned), verify.
    :param images: a folder stands for the images in it; with ``recursive`` also for those in the folders of a folder.
    :param database: an SQLite file, or ``postgresql://HOST/NAME``.
    :param scheduler: of a Dask cluster that runs; "": processes of this host.
    :param places: PLACE:PATTERN each: images that only the workers see that announce this place.
    :param dashboard: PORT of the loopback, or HOST:PORT, where Dask shows what the processes of this host do.
    :param parallel: how many of them; None: as many as there are processors.
    :param time_limit: seconds for each image.
    :param memory: what the process of an image may have.
    :param retries: how often an image is asked again that failed by chance.
    :param everything: also images that are as they were when they were asked before.
    :param parquet: a folder that gets each table as a file at the end; ``overwrite`` replaces those that are there.
    :param told: called for each image as its answer comes.
    :raises NoImages: there are none. NoSuchPlace: no worker announces a place.
    :raises FleetLibraryMissing: ``imgtools[fleet]`` is not installed.
    :raises ImgtoolsError: the scheduler cannot be used, the database cannot be written.
    """
    require(*DATABASE, *CLUSTER)
    from imgtools.fleet.run import Heard, Wanted, run_fleet

    wanted = Wanted(
        kind=command,
        images=_images(images, recursive, **options),
        database=database,
        scheduler=scheduler,
        places=[_place(word, recursive, **options) for word in places],
        dashboard=dashboard,
        workers=parallel or len(os.sched_getaffinity(0)),
        time_limit=time_limit,
        memory=parse_size(size_text(memory)),
        retries=retries,
        everything=everything,
        parquet=maybe_path(parquet),
        overwrite=overwrite,
    )
    return run_fleet(wanted, Heard(told) if told else Heard())


def _images(
    images: Iterable[HostPath | Domain], recursive: bool, **options: Unpack[GuestOptions]
) -> list[Image]:
    from imgtools.fleet.folders import find_images
    from imgtools.fleet.run import Image

    found: list[Image] = []
    for one in images:
        if isinstance(one, Domain):
            request = None if one.problem else make_request(one, **options)
            found.append(Image(one.name, request, one.problem))
        else:
            paths = find_images([os.fspath(one)], recursive=recursive)
            found += [Image(path, make_request(path, **options)) for path in paths]
    return found


def _place(word: str, recursive: bool, **options: Unpack[GuestOptions]) -> Place:
    from imgtools.fleet.places import Place, parse_place

    name, pattern = parse_place(word)
    return Place(name, pattern, make_request(pattern, **options), recursive)


def fleet_query(sql: str, *, database: str = _FILE) -> QueryReport:
    """Put a question in SQL to the answers of a fleet; nothing can be changed by it.

    :raises BadQuery: the database does not understand it, or it would change something.
    :raises FleetDatabaseUnfit: the database cannot be read.
    """
    require(*DATABASE)
    from imgtools.fleet.query import query

    return query(database, sql)


def fleet_changes(first: int, second: int, *, database: str = _FILE) -> ChangesReport:
    """Return what changed in a fleet from one run to another of the same question.

    :raises NoSuchRun: there is none of a number, or they asked different questions.
    """
    require(*DATABASE)
    from imgtools.fleet.changes import changes

    return changes(database, first, second)


def fleet_export(
    parquet: HostPath | None = None,
    *,
    prometheus: HostPath | None = None,
    database: str = _FILE,
    overwrite: bool = False,
) -> FleetExport:
    """Write the answers of a fleet as Parquet, a file for each table; or metrics of them for Prometheus.

    :param parquet: the folder, which is made if it is not there.
    :param prometheus: a file whose name ends in ``.prom``, which takes its place whole.
    :raises UsageError: neither is asked for, or the file has another name.
    :raises TargetExists: a file is there, and ``overwrite`` was not said.
    :raises HostError: the folder cannot be written.
    """
    from imgtools.fleet.exporting import export_as

    return export_as(
        database,
        parquet=None if parquet is None else Path(parquet),
        prometheus=None if prometheus is None else Path(prometheus),
        overwrite=overwrite,
    )


def fleet_report(
    file: HostPath, *, database: str = _FILE, overwrite: bool = False, today: date | None = None
) -> FleetReport:
    """Write a fleet at a glance as one HTML page.

    :param file: its name ends in ``.html``.
    :param today: the day by which releases are past their end; without it, today.
    :raises TargetExists: the file is there, and ``overwrite`` was not said.
    :raises NoSuchRun: no question was ever answered. FleetDatabaseUnfit: the database cannot be read.
    """
    require(*DATABASE)
    from imgtools.fleet.report_file import write_report

    return write_report(database, Path(file), overwrite=overwrite, today=today)


def fleet_apply(
    plan: HostPath | Sequence[Change] | Callable[..., Any],  # Any: the report of whatever writes
    images: Iterable[HostPath | Domain],
    *,
    write: bool = False,
    check: bool = True,
    canary: int = 0,
    max_failures: int | None = None,
    undo: HostPath | None = None,
    go_on: int | None = None,
    database: str = _FILE,
    scheduler: str = "",
    parallel: int | None = None,
    time_limit: float | None = None,
    memory: Size = "4G",
    recursive: bool = False,
    told: Callable[[ChangedImage], None] | None = None,
    **options: Unpack[GuestOptions],
) -> ApplyReport:
    """Make one change to many images, an image a transaction; without ``write``, make the plan of each.

    A program that calls it is started again by the processes that work: what it does stands below
    ``if __name__ == "__main__":``.

    :param plan: a plan in a file, changes, or a function that writes with all that it needs but the image, such as
        ``functools.partial(imgtools.sysprep, operations="defaults")``; no lambda.
    :param images: a folder stands for the images in it.
    :param check: refuse what would lock people out of a guest or stop its boot.
    :param canary: so many images first, and the others if all of them succeeded.
    :param max_failures: no more images are begun when more than these have failed; None: all are.
    :param undo: a folder that gets the way back of each image, a plan for :func:`apply`.
    :param go_on: a run before: what it has changed is left out.
    :param told: called for each image as it is done; the others as for :func:`fleet_run`.
    :raises NoImages: there are none.
    :raises ImagesCollide: one image would write into the files of another.
    :raises UsageError: it is no plan, or secrets would go over a network as they are.
    :raises NoSuchRun: there is no run that could go on.
    :raises FleetLibraryMissing: ``imgtools[fleet]`` is not installed.
    :raises ImgtoolsError: the scheduler cannot be used, the database cannot be written.
    """
    require(*DATABASE, *CLUSTER)
    from imgtools.fleet.changing import Changing, change_fleet

    wanted = Changing(
        verb=_ready(plan),
        images=_images(images, recursive, **options),
        database=database,
        write=write,
        check=check,
        canary=canary,
        max_failures=max_failures,
        undo=None if undo is None else Path(undo),
        go_on=go_on,
        scheduler=scheduler,
        workers=parallel or len(os.sched_getaffinity(0)),
        time_limit=time_limit,
        memory=parse_size(size_text(memory)),
    )
    return change_fleet(wanted, told)


def _ready(plan: HostPath | Sequence[Change] | Callable[..., Any]) -> ReadyVerb[Any]:
    from imgtools.workflows.apply import carry_changes, ready_plan

    if callable(plan):
        return partial(_call, plan)
    if isinstance(plan, str | os.PathLike):
        return ready_plan(Path(plan))
    return partial(carry_changes, changes=tuple(plan))


def _call(
    verb: Callable[..., Any], request: ImageRequest, target: Target, *, progress: Progress | None = None
) -> Any:
    """Call a function of this door for one image, in the process of that."""
    return verb(request, write=target.write, check=target.check, progress=progress)
