"""The cluster that answers: processes of this machine, or the workers of a scheduler that runs already."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import count, islice
from typing import Any, Generic, TypeVar

import distributed
from dask import config as dask_config
from distributed import Client, LocalCluster, Security, as_completed

from imgtools import __version__
from imgtools.errors import (
    ClusterLost,
    EngineFailed,
    HostError,
    OtherVersions,
    SchedulerUnreachable,
    UsageError,
)
from imgtools.fleet.plugin import Answered, Forkers, answer_image
from imgtools.fleet.work import Failure, Work, facts_of

AHEAD = 8  # works that a worker's thread has waiting, at most; more would be the client's memory
CONNECT = 10.0  # seconds for a scheduler to answer
START = "60s"  # for a worker of this machine to start on a busy one
_QUIET = logging.CRITICAL
_NO_DASHBOARD = "127.0.0.1:0"  # where Dask listens also without one; then it has no pages

Item = TypeVar("Item")
Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Task(Generic[Item]):
    """A work, and what its answer is about."""

    item: Item
    work: Work
    place: str = ""  # whose workers do it; "": any
    tries: int = 1  # with this one


@dataclass(frozen=True, slots=True)
class Done(Generic[Item]):
    """A task and its answer; or why there is none, where not even its worker could say."""

    task: Task[Item]
    answered: Answered | None
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """An open cluster."""

    client: Client
    threads: int  # images at a time
    dashboard: str

    def places(self) -> dict[str, int]:
        """Return how many threads each place has that workers announce."""
        found: Counter[str] = Counter()
        for facts in self.client.scheduler_info(n_workers=-1)["workers"].values():
            found.update(dict.fromkeys(facts["resources"], facts["nthreads"]))
        return dict(found)

    def call(self, place: str, function: Callable[[Given], Result], each: Sequence[Given]) -> list[Result]:
        """Call a function on workers of a place, once for each argument.

        :raises ClusterLost: the scheduler went away, or the workers.
        """
        futures = self.client.map(function, each, resources=_only_at(place), pure=False)
        try:
            return list(self.client.gather(futures))
        except (CancelledError, OSError, TimeoutError, distributed.KilledWorker) as error:
            raise ClusterLost(
                f"the workers of {place} do not answer: {type(error).__name__}", hint="run it again"
            ) from None

    def answers(
        self,
        queues: Mapping[str, Iterator[Task[Item]]],
        again: Callable[[Done[Item]], bool],
        *,
        ahead: int = AHEAD,
    ) -> Iterator[Done[Item]]:
        """Have tasks done, a bounded number at a time, and yield each as it is done.

        :param queues: by place, each of which has its own workers to keep at work.
        :param again: whether a task is tried once more; then it is not yielded.
        :param ahead: tasks that a worker's thread has; with 1 none waits there.
        :raises ClusterLost: the scheduler went away.
        """
        running: dict[str, Task[Item]] = {}
        done = as_completed([], loop=self.client.loop, with_results=True, raise_errors=False)
        threads = {"": self.threads, **(self.places() if any(queues) else {})}
        numbers = count(1)

        def submit(place: str, tasks: Sequence[Task[Item]]) -> None:
            if tasks:
                keys = [f"imgtools-{os.getpid()}-{next(numbers)}" for _ in tasks]
                running.update(zip(keys, tasks, strict=True))
                works = [task.work for task in tasks]
                where = _only_at(place)
                done.update(self.client.map(answer_image, works, key=keys, resources=where, pure=False))

        def refill(place: str) -> None:
            """Submit what a place has room for, some at a time: each call of the scheduler has its price."""
            most = threads.get(place, 1) * ahead
            room = most - sum(task.place == place for task in running.values())
            if room >= (most // 2 if ahead > 1 else 1):
                submit(place, list(islice(queues[place], room)))

        for place in queues:
            refill(place)
        while running:
            future, result = next(done)
            one = _done(running.pop(future.key), future.status, result)
            future.release()
            if again(one):
                submit(one.task.place, [replace(one.task, tries=one.task.tries + 1)])
                continue
            yield one  # what becomes of it may say that no more are to be done
            refill(one.task.place)


def _only_at(place: str) -> dict[str, float] | None:
    """Return what binds a task to a place: that its worker has this resource. Nothing is taken of it."""
    return {place: 0} if place else None


def _done(task: Task[Item], status: str, result: Any) -> Done[Item]:  # Any: what Dask has
    if isinstance(result, Answered):
        return Done(task, result, None)
    error = result[1] if isinstance(result, tuple) and len(result) == 3 else None
    if isinstance(error, distributed.KilledWorker):
        message = "each worker that asked it was killed"
        failed = EngineFailed(message, hint="the workers' host has no memory left, or somebody killed them")
        return Done(task, None, facts_of(failed))
    if status in ("cancelled", "lost") or error is None:
        raise ClusterLost(
            "the scheduler went away",
            hint="what was answered is kept; run it again, and it goes on from there",
        )
    return Done(task, None, facts_of(EngineFailed(f"its worker failed: {type(error).__name__}: {error}")))


@contextmanager
def open_cluster(scheduler: str, workers: int, dashboard: str = "") -> Iterator[Cluster]:
    """Open a cluster.

    :param scheduler: the address of one that runs; "": processes of this machine, which end with it.
    :param workers: how many processes of this machine.
    :param dashboard: [HOST:]PORT where Dask shows what they do; "": nowhere.
    :raises SchedulerUnreachable: nobody answers, or there are no workers.
    :raises OtherVersions: it is not of our versions.
    """
    with _quiet(), _remote(scheduler) if scheduler else _local(workers, dashboard) as client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise SchedulerUnreachable(
                f"{scheduler} has no workers", hint=f"dask worker {scheduler} starts one on each host"
            )
        client.register_plugin(Forkers())
        yield Cluster(client, threads, _dashboard(client) if scheduler or dashboard else "")


def _dashboard(client: Client) -> str:
    with suppress(KeyError):  # a scheduler without one
        return client.dashboard_link or ""
    return ""


def parse_dashboard(word: str) -> str:
    """Return HOST:PORT of a port, on the loopback, or of a host and a port.

    :raises UsageError: it is neither.
    """
    host, _, port = word.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{word!r} is no address of a dashboard", hint="PORT or HOST:PORT, such as 8787")
    return f"{host or '127.0.0.1'}:{port}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Let Dask say nothing by itself: what becomes of workers is in the answers."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(_QUIET)
    settings = {
        "distributed.comm.timeouts.connect": f"{CONNECT:g}s",
        "distributed.worker.daemon": True,
        "distributed.worker.http.routes": [],
        "distributed.nanny.pre-spawn-environ": {},
        "distributed.scheduler.worker-ttl": None,  # a worker that waits for a boot is busy, not gone
    }
    try:
        with dask_config.set(settings):
            yield
    finally:
        log.setLevel(before)


@contextmanager
def _local(workers: int, dashboard: str) -> Iterator[Client]:
    """Start processes of this machine. Nobody else of this machine can talk to them: the way is encrypted."""
    host_port = parse_dashboard(dashboard) if dashboard else _NO_DASHBOARD
    nothing: dict[str, list[str]] = {} if dashboard else {"distributed.scheduler.http.routes": []}
    try:
        with warnings.catch_warnings(), dask_config.set(nothing):
            warnings.simplefilter("ignore")  # of a port that is in use: see below
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                security=Security.temporary(),
                scheduler_kwargs={"dashboard": bool(dashboard), "dashboard_address": host_port},
                memory_limit=0,  # each image's process has its own
                silence_logs=_QUIET,
                worker_dashboard_address=None,
                preload=["imgtools.fleet.signals"],
                timeout=START,
            )
    except (OSError, RuntimeError, TimeoutError) as error:
        raise HostError(
            f"no workers on this host: {error}", hint="--parallel with a smaller number"
        ) from None
    with cluster, Client(cluster, timeout=CONNECT, set_as_default=False) as client:
        server: Any = cluster.scheduler  # Dask has no type for it
        if dashboard and host_port.rpartition(":")[2] not in ("0", str(server.http_server.port)):
            raise HostError(
                f"the dashboard cannot listen at {host_port}: somebody does",
                hint="--dashboard 0 takes a free port",
            )
        yield client


@contextmanager
def _remote(scheduler: str) -> Iterator[Client]:
    try:
        client = Client(scheduler, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        said = " ".join(str(error).split())[:300]
        raise SchedulerUnreachable(
            f"no scheduler answers at {scheduler}: {said}",
            hint="dask scheduler starts one, and says its address",
        ) from None
    with client:
        _require_our_versions(client, scheduler)
        yield client


def versions() -> dict[str, str]:
    """Return the versions that have to be the same on all hosts of a cluster."""
    return {
        "dask": version("dask"),
        "distributed": version("distributed"),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "imgtools": __version__,
    }


def _require_our_versions(client: Client, scheduler: str) -> None:
    ours = versions()
    theirs: Any = client.get_versions(packages=["imgtools"])  # JSON of Dask
    for who, facts in [(f"the scheduler {scheduler}", theirs["scheduler"]), *_named(theirs["workers"])]:
        packages = {**facts["packages"], "python": ".".join(str(facts["packages"]["python"]).split(".")[:2])}
        checked = [name for name in ours if name != "imgtools" or not who.startswith("the scheduler")]
        for name in checked:
            if packages.get(name) != ours[name]:
                raise OtherVersions(
                    f"{who} has {name} {packages.get(name) or 'not at all'}, and this host has {ours[name]}",
                    hint="install the same versions on all hosts of the cluster",
                )


def _named(workers: dict[str, Any]) -> list[tuple[str, Any]]:  # Any: JSON of Dask
    return [(f"the worker {address}", facts) for address, facts in sorted(workers.items())]
