"""What a fleet is like, as metrics for Prometheus: a file that the node exporter's textfile collector reads.

Of each question its newest run counts (:mod:`imgtools.fleet.newest`). Two series of the same labels would make the
collector refuse the whole file, and labels come from guests: of those that would be the same, the first is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from sqlalchemy import Connection, func

from imgtools.errors import UsageError, shorten
from imgtools.fleet.database import place_of, read_only, refuse_own_file
from imgtools.fleet.newest import Runs, in_utc, newest_runs, of_run
from imgtools.fleet.reports import ExportedMetrics
from imgtools.fleet.schema import ANSWERS, IMAGES, KIND_TABLES
from imgtools.records.request import ImageRequest
from imgtools.workflows.text_file import write_text_file

SUFFIX = ".prom"  # what the collector reads: https://github.com/prometheus/node_exporter#textfile-collector
LONGEST = 1024  # characters of a label's value; a path of Linux has at most 4096 bytes
_PREFIX = "imgtools_fleet"


class Metric(NamedTuple):
    """A metric: what it is, the names of its labels, and its series."""

    name: str
    help: str
    labels: tuple[str, ...]
    series: Iterable[tuple[tuple[str, ...], float]]


def export_metrics(database: str, target: Path, *, overwrite: bool = False) -> ExportedMetrics:
    """Write metrics into a file, which takes its place whole.

    :param target: its name ends in ``.prom``.
    :param overwrite: take the place of a file that is there.
    :raises UsageError: the collector does not read files of such a name, or it is the database itself.
    :raises TargetExists: there is such a file. HostError: it cannot be written. NoRoom: the disk is full.
    """
    if target.suffix != SUFFIX:
        raise UsageError(
            f"the textfile collector reads only files whose names end in {SUFFIX}: {target.name} does not",
            hint=f"--prometheus {target.with_suffix(SUFFIX)}",
        )
    place = place_of(database)
    refuse_own_file(place, target)
    with read_only(place) as connection:
        families = [_family(one) for one in _metrics(connection)]
    text = generate_latest(_Families(families)).decode("utf-8")  # type: ignore[arg-type]  # all it does is collect
    write_text_file(ImageRequest(()), target, lambda: text, overwrite=overwrite)
    return ExportedMetrics(target, len(families), sum(len(one.samples) for one in families))


class _Families:
    """Families of metrics, as the library collects them."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        """Return them."""
        return self._families


def _family(metric: Metric) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{_PREFIX}_{metric.name}", metric.help, labels=metric.labels)
    series: dict[tuple[str, ...], float] = {}
    for labels, value in metric.series:
        series.setdefault(tuple(map(_label, labels)), value)
    for labels, value in series.items():
        family.add_metric(labels, value)
    return family


def _label(text: str) -> str:
    """Return a value as a label has it: the library escapes what the format does, this is for whoever looks at it."""
    return shorten(
        "".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text),
        LONGEST,
    )


# -- what is in the database ----------------------------------------------------------------------------------


def _metrics(connection: Connection) -> Iterator[Metric]:
    runs = newest_runs(connection)
    yield from _of_runs(connection, runs)
    yield from _of_filesystems(connection, runs)
    yield Metric(
        "findings",
        "Findings, by severity.",
        ("command", "severity"),
        [*_findings(connection, runs, "audit"), *_findings(connection, runs, "diagnose")],
    )
    yield Metric(
        "guests", "Operating systems, by release.", ("distro", "release", "name"), _guests(connection, runs)
    )


def _of_runs(connection: Connection, runs: Runs) -> Iterator[Metric]:
    counts: list[tuple[tuple[str, ...], float]] = []
    for kind, run in runs.items():
        wanted = (
            of_run(run, ANSWERS, ANSWERS.c.ok, ANSWERS.c.error, func.count())
            .group_by(ANSWERS.c.ok, ANSWERS.c.error)
            .order_by(ANSWERS.c.error)
        )
        found = {("ok" if ok else str(error)): count for ok, error, count in connection.execute(wanted)}
        counts += [((kind, answer), count) for answer, count in {"ok": 0, **found}.items()]
    yield Metric(
        "images",
        "Images of the newest run, by answer: ok, or the error's name.",
        ("command", "answer"),
        counts,
    )
    ended = [
        (kind, in_utc(run.started).timestamp(), in_utc(run.ended).timestamp()) for kind, run in runs.items()
    ]
    yield Metric(
        "run_duration_seconds",
        "How long the newest run took.",
        ("command",),
        [((kind,), end - start) for kind, start, end in ended],
    )
    yield Metric(
        "run_end_timestamp_seconds",
        "When the newest run ended, in seconds since 1970.",
        ("command",),
        [((kind,), end) for kind, _, end in ended],
    )


def _of_filesystems(connection: Connection, runs: Runs) -> Iterator[Metric]:
    usage = KIND_TABLES["usage"]
    rows: list[tuple[tuple[str, ...], Any]] = []  # Any: a row of sqlalchemy
    if (run := runs.get("df")) is not None:
        wanted = (
            of_run(
                run,
                usage,
                IMAGES.c.path,
                usage.c.device,
                usage.c.content,
                usage.c.size,
                usage.c.used,
                usage.c.use_percent,
            )
            .where(usage.c.size.is_not(None))
            .where(usage.c.used.is_not(None), usage.c.use_percent.is_not(None))
            .order_by(IMAGES.c.path, IMAGES.c.id, usage.c.position)
        )
        rows = [((one.path, one.device, one.content), one) for one in connection.execute(wanted)]
    labels = ("image", "device", "content")
    yield Metric(
        "filesystem_size_bytes", "Size of a filesystem.", labels, [(names, row.size) for names, row in rows]
    )
    yield Metric(
        "filesystem_used_bytes",
        "Used bytes of a filesystem.",
        labels,
        [(names, row.used) for names, row in rows],
    )
    yield Metric(
        "filesystem_used_percent",
        "Used percent of what is not reserved of a filesystem, as df has it.",
        labels,
        [(names, row.use_percent) for names, row in rows],
    )


def _findings(connection: Connection, runs: Runs, kind: str) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield how many findings of a kind there are; those that a policy lets be do not count."""
    if (run := runs.get(kind)) is None:
        return
    table = KIND_TABLES["findings" if kind == "audit" else "boot_findings"]
    wanted = (
        of_run(run, table, table.c.severity, func.count())
        .group_by(table.c.severity)
        .order_by(table.c.severity)
    )
    if kind == "audit":
        wanted = wanted.where(table.c.waived == "")
    for severity, count in connection.execute(wanted):
        yield (kind, severity), count


def _guests(connection: Connection, runs: Runs) -> Iterator[tuple[tuple[str, ...], float]]:
    if (run := runs.get("inspect")) is None:
        return
    table = KIND_TABLES["guests"]
    names = (table.c.distro, table.c.major, table.c.minor, table.c.product_name)
    wanted = of_run(run, table, *names, func.count()).group_by(*names).order_by(*names)
    for distro, major, minor, name, count in connection.execute(wanted):
        yield (distro, f"{major}.{minor}", name), count
