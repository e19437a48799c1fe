"""Change a fleet: the story of a run that makes plans, or carries them out, an image a transaction."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from imgtools.errors import EngineFailed, HostError, NoImages, NoSuchRun, UsageError
from imgtools.fleet.answering import answer_of, full_name, in_order, refuse_open_keys
from imgtools.fleet.apply_reports import ApplyReport, ChangedImage, PlannedStep
from imgtools.fleet.cluster import Cluster, Task, open_cluster
from imgtools.fleet.collisions import refuse_collisions
from imgtools.fleet.database import place_of, shown, writable
from imgtools.fleet.identity import Identity, identify
from imgtools.fleet.kind import load_kind
from imgtools.fleet.order import Order, has_secrets
from imgtools.fleet.run import MEMORY, Image
from imgtools.fleet.store import Store
from imgtools.fleet.work import Answer, Failure, Work, facts_of, failed
from imgtools.records.request import ImageRequest
from imgtools.records.system import Warned
from imgtools.workflows.writing import ReadyVerb

Told = Callable[[ChangedImage], None]


@dataclass(frozen=True, slots=True)
class Changing:
    """What is to be changed in a fleet, and how."""

    verb: ReadyVerb[Any]
    images: Sequence[Image]
    database: str
    write: bool = False  # else the plans are made, and nothing is written
    check: bool = True  # refuse what would lock people out of a guest or stop its boot
    canary: int = 0  # so many first, and the others if all of them succeeded
    max_failures: int | None = None  # no more are given out when more than these have failed
    undo: Path | None = None  # a folder for the ways back
    go_on: int | None = None  # a run before: what was changed in it, and is as it left it, is done
    scheduler: str = ""  # "": processes of this machine
    workers: int = 1
    time_limit: float | None = None  # seconds for each image
    memory: int = MEMORY

    @property
    def kind(self) -> str:
        """The kind of the answers."""
        return "apply" if self.write else "plan"


def change_fleet(wanted: Changing, told: Told | None = None) -> ApplyReport:
    """Make the plan of each image, or carry it out; write what became of it as it comes.

    :param told: called for each image.
    :raises NoImages: there are none.
    :raises ImagesCollide: one image would write into the files of another.
    :raises UsageError: what is asked for does not fit together, or secrets would go over a network in the open.
    :raises NoSuchRun: there is no run that could go on.
    :raises SchedulerUnreachable: see :func:`imgtools.fleet.cluster.open_cluster`, as for OtherVersions; ClusterLost
        in the middle.
    :raises FleetDatabaseUnfit: see :func:`imgtools.fleet.database.writable`, as for NewerDatabase and NoRoom.
    """
    images = tuple({one.name: one for one in wanted.images}.values())
    _refuse(wanted, images)
    place = place_of(wanted.database)
    began = time.monotonic()
    with writable(place) as connection:
        store = Store(connection)
        if wanted.go_on is not None and store.kind_of(wanted.go_on) != "apply":
            raise NoSuchRun(f"run {wanted.go_on} changed nothing", hint="name a run of fleet apply --write")
        run = _Run(wanted, store, store.begin_run(wanted.kind, len(images)), told or (lambda one: None))
        state = "cut"
        try:
            run.go(images)
            state = "done"
        finally:
            store.end_run(run.number, state)
    return run.report(shown(place), [one.name for one in images], round(time.monotonic() - began, 3))


def _refuse(wanted: Changing, images: Sequence[Image]) -> None:
    if not images:
        raise NoImages("no image is named", hint="name images, folders or a list with --images-from")
    given = {"--canary": wanted.canary, "--undo": wanted.undo, "--go-on": wanted.go_on is not None}
    for name in (name for name, value in given.items() if value and not wanted.write):
        raise UsageError(f"{name} is about what is written", hint="add --write, or leave it away")
    requests = [(one.name, one.request) for one in images if one.request is not None]
    refuse_open_keys(wanted.scheduler, [request for _, request in requests], secrets=has_secrets(wanted.verb))
    if wanted.write:
        refuse_collisions(requests)


class _Item(NamedTuple):
    """An image that is to be changed."""

    name: str
    image: int
    request: ImageRequest


class _Run:
    """One run: counts, and writes."""

    def __init__(self, wanted: Changing, store: Store, number: int, told: Told) -> None:
        self.number = number
        self.stopped = ""
        self._wanted, self._store, self._told = wanted, store, told
        self._kind = load_kind(wanted.kind)
        self._answers: dict[str, ChangedImage] = {}
        self._reasons: Counter[tuple[str, int]] = Counter()
        self._folder = None if wanted.undo is None else wanted.undo.absolute() / f"run-{number}"

    def go(self, images: Sequence[Image]) -> None:
        """Do what has to be done. Where that is nothing, no cluster is opened."""
        items = list(self._items(images))
        if items and not self._has_failed_enough():
            self._make_folder()
            with open_cluster(self._wanted.scheduler, min(self._wanted.workers, len(items))) as cluster:
                self._go(cluster, items)
        for one in images:
            if one.name not in self._answers:
                self._tell(ChangedImage(one.name, "not tried"))

    def _go(self, cluster: Cluster, items: Sequence[_Item]) -> None:
        count = self._wanted.canary
        if count:
            self._give_out(cluster, items[:count])
            if any(self._answers[one.name].state == "failed" for one in items[:count] if self._is_done(one)):
                self.stopped = self.stopped or "a canary failed"
                return
        self._give_out(cluster, items[count:])

    def _is_done(self, item: _Item) -> bool:
        return item.name in self._answers

    def _items(self, images: Sequence[Image]) -> Iterator[_Item]:
        """Yield what is to be changed; what cannot be, and what is done, is settled on the way."""
        for one in images:
            image = self._store.image(full_name(one))
            if one.request is None:
                problem = one.problem or NoImages(f"{one.name} names nothing")
                self._add(one.name, image, Identity(""), failed(facts_of(problem)))
            elif self._keeps(image, one.request):
                self._tell(ChangedImage(one.name, "as before"))
            else:
                yield _Item(one.name, image, one.request)

    def _keeps(self, image: int, request: ImageRequest) -> bool:
        """Whether an image was changed in the run that goes on, and is as it was then."""
        if self._wanted.go_on is None:
            return False
        known = self._store.counted(self._wanted.go_on, image)
        if known is None or not known.ok or not known.identity or known.identity != identify(request).text:
            return False
        self._store.keep(self.number, image, known.answer_id)
        return True

    def _make_folder(self) -> None:
        if self._folder is None:
            return
        try:
            self._folder.parent.mkdir(exist_ok=True)
            self._folder.mkdir(mode=0o700)  # what guests hold is for its owner
        except OSError as error:
            raise HostError(
                f"{self._folder}: {error.strerror}", hint="--undo names a folder that you may write to"
            ) from None

    # -- the images -----------------------------------------------------------------------------------------

    def _give_out(self, cluster: Cluster, items: Sequence[_Item]) -> None:
        """Have images changed, as many at a time as there are workers: what was not given out is not begun."""

        def tasks() -> Iterator[Task[_Item]]:
            for item in items:
                if self._has_failed_enough():
                    return
                yield Task(item, self._work(item))

        for done in cluster.answers({"": tasks()}, lambda done: False, ahead=1):
            item = done.task.item
            # As it is now: an image that is written by somebody else after this is another.
            answer = _whole(answer_of(done, self._kind), write=self._wanted.write)
            self._add(item.name, item.image, identify(item.request), answer)

    def _work(self, item: _Item) -> Work:
        wanted = self._wanted
        place = "" if self._folder is None else str(self._folder / f"{item.image}-{_base(item.name)}.json")
        order = Order(wanted.verb, wanted.write, wanted.check, place)
        return Work(wanted.kind, item.request, wanted.time_limit, wanted.memory, order)

    def _has_failed_enough(self) -> bool:
        most, count = self._wanted.max_failures, sum(self._reasons.values())
        if most is None or count <= most:
            return False
        self.stopped = self.stopped or f"{count} failed, and at most {most} may"
        return True

    def _add(self, name: str, image: int, identity: Identity, answer: Answer) -> None:
        self._store.add(self.number, image, self._wanted.kind, self._kind, identity, answer)
        if answer.failure is not None:
            self._reasons[answer.failure.error, answer.failure.exit_code] += 1
        self._tell(_changed_image(name, answer, write=self._wanted.write))

    def _tell(self, one: ChangedImage) -> None:
        self._answers[one.image] = one
        self._told(one)

    def report(self, database: str, names: Sequence[str], seconds: float) -> ApplyReport:
        """Say how it went with images of these names."""
        states = Counter(one.state for one in self._answers.values())
        return ApplyReport(
            run=self.number,
            database=database,
            write=self._wanted.write,
            images=len(names),
            changing=states["changed"] + states["would change"],
            unchanged=states["nothing to do"],
            kept=states["as before"],
            failed=states["failed"],
            untried=states["not tried"],
            stopped=self.stopped,
            undo=self._folder,
            seconds=seconds,
            reasons=in_order(self._reasons),
            answers=tuple(self._answers[one] for one in names),
        )


def _whole(answer: Answer, *, write: bool) -> Answer:
    """Return an answer that says what became of the image; one that does not is none."""
    if answer.failure is None and len(answer.rows.get("applied" if write else "plans", ())) != 1:
        error = EngineFailed("its answer is odd", hint="the image is damaged or hostile")
        return failed(facts_of(error), host=answer.host)
    return answer


def _changed_image(name: str, answer: Answer, *, write: bool) -> ChangedImage:
    warnings = tuple(Warned(text, path) for text, path in answer.warnings)
    failure: Failure | None = answer.failure
    if failure is not None:
        return ChangedImage(
            name, "failed", (), "", warnings, failure.exit_code, failure.error, failure.message, failure.hint,
            answer.seconds,
        )  # fmt: skip
    ((_, is_changed, _, way_back),) = answer.rows["applied" if write else "plans"]
    rows = answer.rows.get("changes" if write else "planned_changes", ())
    changes = tuple(PlannedStep(*map(str, row)) for row in rows)
    state = "nothing to do" if not is_changed else "changed" if write else "would change"
    return ChangedImage(name, state, changes, str(way_back), warnings, seconds=answer.seconds)


def _base(name: str) -> str:
    """Return the last part of an image's name, of letters that any filesystem takes."""
    return re.sub(r"[^\w.+-]", "_", Path(name).name, flags=re.ASCII)[-100:]
