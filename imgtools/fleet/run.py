"""Ask a fleet one question: the story of a run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from imgtools.errors import (
    ApplianceFailed,
    EngineFailed,
    EngineTimeout,
    ImgtoolsError,
    NoImages,
    ToolMissing,
    UsageError,
)
from imgtools.fleet.answering import answer_of, full_name, in_order, refuse_open_keys
from imgtools.fleet.cluster import Cluster, Done, Task, open_cluster, parse_dashboard
from imgtools.fleet.database import place_of, shown, writable
from imgtools.fleet.identity import Identity, identify
from imgtools.fleet.kind import Kind, load_question
from imgtools.fleet.libraries import DASHBOARD, PARQUET, require
from imgtools.fleet.places import Place, find_placed
from imgtools.fleet.reports import ExportedTable, ImageAnswer, RunReport
from imgtools.fleet.store import Store
from imgtools.fleet.work import Answer, Failure, Work, facts_of, failed
from imgtools.records.many import Reason
from imgtools.records.request import ImageRequest

# What may go better the next time: the fault is the host's, or the limit's.
DOUBTFUL = frozenset(kind.exit_code for kind in (EngineFailed, ToolMissing, ApplianceFailed, EngineTimeout))
MEMORY = 4 << 30  # bytes that the process of an image may have


class Image(NamedTuple):
    """One image of a fleet; ``problem`` is why it cannot even be asked."""

    name: str
    request: ImageRequest | None
    problem: ImgtoolsError | None = None
    place: str = ""  # whose workers see it; "": all do
    identity: Identity | None = None  # where it is known already


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a fleet is asked, and how."""

    kind: str
    images: Sequence[Image]
    database: str
    scheduler: str = ""  # "": processes of this machine
    places: Sequence[Place] = ()  # whose images are asked where they are, besides the others
    dashboard: str = ""  # [HOST:]PORT where Dask shows what processes of this machine do
    workers: int = 1
    time_limit: float | None = None  # seconds for each image
    memory: int = MEMORY
    retries: int = 0
    everything: bool = False  # also what is known and as it was
    parquet: Path | None = None  # a folder that gets the tables as files when the run has ended
    overwrite: bool = False  # files that are there may be replaced


def _ignore(fact: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Heard:
    """What is called while a run goes on."""

    answer: Callable[[ImageAnswer], None] = _ignore  # for each image, also for those that are kept
    images: Callable[[int], None] = _ignore  # how many there are
    dashboard: Callable[[str], None] = _ignore  # where Dask shows what goes on, if it does


def run_fleet(wanted: Wanted, heard: Heard = Heard()) -> RunReport:
    """Ask each image that is new or not as it was, and write its answer as it comes.

    :raises NoImages: there are none.
    :raises NoSuchPlace: no worker announces a place.
    :raises UsageError: there is no such kind, or keys would go over a network that is not encrypted.
    :raises FleetLibraryMissing: a dashboard is wanted, and what draws it is not installed.
    :raises SchedulerUnreachable: see :func:`imgtools.fleet.cluster.open_cluster`, as for OtherVersions; ClusterLost
        in the middle.
    :raises FleetDatabaseUnfit: see :func:`imgtools.fleet.database.writable`, as for NewerDatabase and NoRoom.
    :raises TargetExists: a file of Parquet is there, and may not be replaced; told before anything is asked.
    """
    kind = load_question(wanted.kind)
    if not wanted.images and not wanted.places:
        raise NoImages("no image is named", hint="name images, folders or a list with --images-from")
    _refuse_unclear(wanted)
    export = _exporter(wanted)
    place = place_of(wanted.database)
    began = time.monotonic()
    with writable(place) as connection, ExitStack() as stack:
        opened = _Opened(wanted, stack, heard)
        images = _all_images(wanted, opened)
        heard.images(len(images))
        store = Store(connection)
        run = _Run(wanted, kind, store, store.begin_run(wanted.kind, len(images)), heard)
        state = "cut"
        try:
            run.ask(images, opened)
            state = "done"
        finally:
            store.end_run(run.number, state)
    return RunReport(
        run.number, wanted.kind, shown(place), len(images), run.asked, run.kept, run.failed,
        round(time.monotonic() - began, 3), run.reasons(), opened.dashboard, export(),
    )  # fmt: skip


def _exporter(wanted: Wanted) -> Callable[[], tuple[ExportedTable, ...]]:
    """Return what writes the tables as Parquet, if that is wanted; what it needs is looked for now."""
    folder = wanted.parquet
    if folder is None:
        return tuple
    require(*PARQUET)
    from imgtools.fleet.export import export, refuse_taken

    if not wanted.overwrite:
        refuse_taken(folder)
    return lambda: export(wanted.database, folder, overwrite=wanted.overwrite).tables


class _Opened:
    """The cluster of a run, which is opened when there is something to do for it."""

    def __init__(self, wanted: Wanted, stack: ExitStack, heard: Heard) -> None:
        self._wanted, self._stack, self._heard = wanted, stack, heard
        self._cluster: Cluster | None = None
        self.dashboard = ""

    def cluster(self) -> Cluster:
        """Return it."""
        if self._cluster is None:
            wanted = self._wanted
            workers = min(wanted.workers, len(wanted.images))
            self._cluster = self._stack.enter_context(
                open_cluster(wanted.scheduler, workers, wanted.dashboard)
            )
            self.dashboard = self._cluster.dashboard
            if self.dashboard:
                self._heard.dashboard(self.dashboard)
        return self._cluster


def _all_images(wanted: Wanted, opened: _Opened) -> tuple[Image, ...]:
    """Return the images that are named, and those of places, each once."""
    images = {one.name: one for one in wanted.images}
    if wanted.places:
        for one in find_placed(opened.cluster(), wanted.places):
            images[one.name] = Image(one.name, one.request, None, one.place, one.identity)
    return tuple(images.values())


def _refuse_unclear(wanted: Wanted) -> None:
    if wanted.places and not wanted.scheduler:
        raise UsageError("--place is about workers of a cluster", hint="--scheduler names its scheduler")
    if wanted.dashboard and wanted.scheduler:
        raise UsageError(
            "a scheduler that runs has a dashboard of its own, or none", hint="leave --dashboard away"
        )
    if wanted.dashboard:
        parse_dashboard(wanted.dashboard)
        require(*DASHBOARD, extra="dashboard")
    requests = (*(one.request for one in wanted.images), *(one.request for one in wanted.places))
    refuse_open_keys(wanted.scheduler, [one for one in requests if one is not None])


class _Item(NamedTuple):
    """An image that is to be asked."""

    name: str
    image: int
    identity: Identity


class _Run:
    """One run: counts, and writes."""

    def __init__(self, wanted: Wanted, kind: Kind, store: Store, number: int, heard: Heard) -> None:
        self.number = number
        self.asked = self.kept = self.failed = 0
        self._wanted, self._kind, self._store, self._told = wanted, kind, store, heard.answer
        self._reasons: Counter[tuple[str, int]] = Counter()

    def ask(self, images: Sequence[Image], opened: _Opened) -> None:
        """Ask what has to be asked. Where that is nothing, no cluster is opened."""
        queues = {
            place: self._tasks([one for one in images if one.place == place])
            for place in dict.fromkeys(one.place for one in images)
        }
        for place, tasks in queues.items():
            if (first := next(tasks, None)) is not None:
                queues[place] = chain([first], tasks)
                break
        else:
            return
        for done in opened.cluster().answers(queues, self._again):
            self._add(done.task.item, answer_of(done, self._kind))

    def _tasks(self, images: Sequence[Image]) -> Iterator[Task[_Item]]:
        """Yield what is to be asked; what is known, and what cannot be asked, is settled on the way."""
        wanted = self._wanted
        for one in images:
            image = self._store.image(full_name(one))
            if one.request is None:
                problem = one.problem or NoImages(f"{one.name} names nothing")
                self._add(_Item(one.name, image, Identity("")), failed(facts_of(problem)))
                continue
            identity = one.identity or identify(one.request)
            known = None if wanted.everything else self._store.known(image, wanted.kind)
            if known is not None and known.ok and identity.text and known.identity == identity.text:
                self._store.keep(self.number, image, known.answer_id)
                self.kept += 1
                self._told(ImageAnswer(one.name, True, True, 0, "", "", "", 0.0))
                continue
            work = Work(wanted.kind, one.request, wanted.time_limit, wanted.memory)
            yield Task(_Item(one.name, image, identity), work, one.place)

    def _again(self, done: Done[_Item]) -> bool:
        if done.task.tries > self._wanted.retries:
            return False
        failure = answer_of(done, self._kind).failure
        return failure is not None and failure.exit_code in DOUBTFUL

    def _add(self, item: _Item, answer: Answer) -> None:
        self._store.add(self.number, item.image, self._wanted.kind, self._kind, item.identity, answer)
        self.asked += 1
        failure = answer.failure or Failure("", "", "", answer.exit_code)
        if answer.failure is not None:
            self.failed += 1
            self._reasons[failure.error, failure.exit_code] += 1
        self._told(
            ImageAnswer(
                item.name,
                answer.failure is None,
                False,
                failure.exit_code,
                failure.error,
                failure.message,
                failure.hint,
                answer.seconds,
            )
        )

    def reasons(self) -> tuple[Reason, ...]:
        """Why images have no answer, the most frequent first."""
        return in_order(self._reasons)
