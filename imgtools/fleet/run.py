"""Ask a fleet one question: the story of a run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from imgtools.fleet.cluster import Cluster, Done, Task, open_cluster
from imgtools.fleet.database import place_of, shown, writable
from imgtools.fleet.identity import Identity, identify
from imgtools.fleet.kind import Kind, load_kind
from imgtools.fleet.reports import ImageAnswer, RunReport
from imgtools.fleet.store import Store
from imgtools.fleet.work import Answer, Failure, OddAnswer, Work, facts_of, failed, read_answer
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a fleet is asked, and how."""

    kind: str
    images: Sequence[Image]
    database: str
    scheduler: str = ""  # "": processes of this machine
    workers: int = 1
    time_limit: float | None = None  # seconds for each image
    memory: int = MEMORY
    retries: int = 0
    everything: bool = False  # also what is known and as it was


def run_fleet(wanted: Wanted, told: Callable[[ImageAnswer], None] | None = None) -> RunReport:
    """Ask each image that is new or not as it was, and write its answer as it comes.

    :param told: called for each image, with those that are kept.
    :raises NoImages: there are none.
    :raises UsageError: there is no such kind, or keys would go over a network that is not encrypted.
    :raises SchedulerUnreachable: see :func:`imgtools.fleet.cluster.open_cluster`, as for OtherVersions; ClusterLost
        in the middle.
    :raises FleetDatabaseUnfit: see :func:`imgtools.fleet.database.writable`, as for NewerDatabase and NoRoom.
    """
    kind = load_kind(wanted.kind)
    images = tuple({one.name: one for one in wanted.images}.values())
    if not images:
        raise NoImages("no image is named", hint="name images, folders or a list with --images-from")
    _refuse_open_keys(wanted)
    place = place_of(wanted.database)
    began = time.monotonic()
    with writable(place) as connection:
        store = Store(connection)
        run = _Run(wanted, kind, store, store.begin_run(wanted.kind, len(images)), told or (lambda one: None))
        state = "cut"
        try:
            run.ask(images)
            state = "done"
        finally:
            store.end_run(run.number, state)
    return RunReport(
        run.number, wanted.kind, shown(place), len(images), run.asked, run.kept, run.failed,
        round(time.monotonic() - began, 3), run.reasons(),
    )  # fmt: skip


def _refuse_open_keys(wanted: Wanted) -> None:
    if not wanted.scheduler or wanted.scheduler.startswith("tls://"):
        return
    if any(one.request is not None and one.request.keys for one in wanted.images):
        raise UsageError(
            f"keys would go to {wanted.scheduler} as they are",
            hint="a scheduler at tls://... gets them encrypted; without --scheduler they stay on this host",
        )


class _Item(NamedTuple):
    """An image that is to be asked."""

    name: str
    image: int
    identity: Identity


class _Run:
    """One run: counts, and writes."""

    def __init__(
        self, wanted: Wanted, kind: Kind, store: Store, number: int, told: Callable[[ImageAnswer], None]
    ) -> None:
        self.number = number
        self.asked = self.kept = self.failed = 0
        self._wanted, self._kind, self._store, self._told = wanted, kind, store, told
        self._reasons: Counter[tuple[str, int]] = Counter()

    def ask(self, images: Sequence[Image]) -> None:
        """Ask what has to be asked. Where that is nothing, no cluster is opened."""
        tasks = self._tasks(images)
        first = next(tasks, None)
        if first is None:
            return
        with open_cluster(self._wanted.scheduler, min(self._wanted.workers, len(images))) as cluster:
            self._ask(cluster, first, tasks)

    def _ask(self, cluster: Cluster, first: Task[_Item], rest: Iterator[Task[_Item]]) -> None:
        def tasks() -> Iterator[Task[_Item]]:
            yield first
            yield from rest

        for done in cluster.answers(tasks(), self._again):
            self._add(done.task.item, self._answer(done))

    def _tasks(self, images: Sequence[Image]) -> Iterator[Task[_Item]]:
        """Yield what is to be asked; what is known, and what cannot be asked, is settled on the way."""
        wanted = self._wanted
        for one in images:
            image = self._store.image(_full_name(one))
            if one.request is None:
                problem = one.problem or NoImages(f"{one.name} names nothing")
                self._add(_Item(one.name, image, Identity("")), failed(facts_of(problem)))
                continue
            identity = identify(one.request)
            known = None if wanted.everything else self._store.known(image, wanted.kind)
            if known is not None and known.ok and identity.text and known.identity == identity.text:
                self._store.keep(self.number, image, known.answer_id)
                self.kept += 1
                self._told(ImageAnswer(one.name, True, True, 0, "", "", "", 0.0))
                continue
            work = Work(wanted.kind, one.request, wanted.time_limit, wanted.memory)
            yield Task(_Item(one.name, image, identity), work)

    def _answer(self, done: Done[_Item]) -> Answer:
        if done.answered is None:
            failure = done.failure or Failure("EngineFailed", "it was not asked", "", EngineFailed.exit_code)
            return failed(failure)
        content, host = done.answered
        try:
            return read_answer(content, self._kind, host=host)
        except OddAnswer as odd:
            error = EngineFailed(f"its answer is odd: {odd}", hint="the image is damaged or hostile")
            return failed(facts_of(error), host=host)

    def _again(self, done: Done[_Item]) -> bool:
        if done.task.tries > self._wanted.retries:
            return False
        failure = self._answer(done).failure
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
        pairs: Mapping[tuple[str, int], int] = self._reasons
        ordered = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(Reason(name, code, count) for (name, code), count in ordered)


def _full_name(one: Image) -> str:
    """Return what an image is called in the database: the same from whatever folder it is named."""
    request = one.request
    if request is None or not request.disks:
        return one.name
    if request.domain:
        return f"domain:{request.domain}"
    first = request.disks[0]
    return first.name if first.uri else str(Path(first.host_path).absolute())
