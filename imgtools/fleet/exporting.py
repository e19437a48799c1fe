"""Write what a fleet has answered for other programs: Parquet, metrics for Prometheus, or both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imgtools.errors import UsageError
from imgtools.fleet.libraries import DATABASE, PARQUET, PROMETHEUS, require
from imgtools.fleet.reports import FleetExport


def export_as(
    database: str, *, parquet: Path | None = None, prometheus: Path | None = None, overwrite: bool = False
) -> FleetExport:
    """Write what is asked for; whatever it needs is looked for first.

    :raises UsageError: nothing is asked for, or a file is of no use where it is.
    :raises FleetLibraryMissing: what writes it is not installed.
    :raises TargetExists: a file is there, and ``overwrite`` was not said. HostError: it cannot be written.
    """
    if parquet is None and prometheus is None:
        raise UsageError("nothing is to be written", hint="--parquet FOLDER, or --prometheus FILE.prom")
    require(*DATABASE, *(PARQUET if parquet else ()), *(PROMETHEUS if prometheus else ()))
    from imgtools.fleet.database import place_of, shown

    report = FleetExport(shown(place_of(database)), None, ())
    if prometheus is not None:
        from imgtools.fleet.metrics import export_metrics

        report = replace(report, metrics=export_metrics(database, prometheus, overwrite=overwrite))
    if parquet is not None:
        from imgtools.fleet.export import export

        written = export(database, parquet, overwrite=overwrite)
        report = replace(report, folder=written.folder, tables=written.tables)
    return report
