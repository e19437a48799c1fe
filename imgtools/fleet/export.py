"""Write the tables of a fleet's database as Parquet, for DuckDB, pandas and Spark."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from sqlalchemy import BigInteger, Boolean, Connection, DateTime, Double, Integer, Table, Text, select

from imgtools.errors import HostError, TargetExists, host_fault
from imgtools.fleet.database import place_of, read_only, shown
from imgtools.fleet.reports import ExportedTable, FleetExport
from imgtools.fleet.schema import METADATA

PIECE = 20_000  # rows that are held at a time: a row group
_TYPES: Mapping[type, Any] = {
    Text: pyarrow.string(),
    BigInteger: pyarrow.int64(),
    Integer: pyarrow.int32(),
    Double: pyarrow.float64(),
    Boolean: pyarrow.bool_(),
    DateTime: pyarrow.timestamp("us", tz="UTC"),
}


def export(database: str, folder: Path, *, overwrite: bool = False) -> FleetExport:
    """Write each table into ``TABLE.parquet`` of a folder, which is made if it is not there.

    All tables are of one moment, whatever is written meanwhile.

    :param overwrite: files that are there may be replaced.
    :raises TargetExists: one is there.
    :raises HostError: the folder cannot be written. NoRoom: it is full.
    """
    place = place_of(database)
    with read_only(place) as connection:
        if not overwrite:
            refuse_taken(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            written = tuple(_write(connection, table, target) for table, target in _targets(folder))
        except OSError as error:
            raise host_fault(error) or HostError(f"{folder}: {error.strerror or error}") from None
    return FleetExport(shown(place), folder, written)


def refuse_taken(folder: Path) -> None:
    """Refuse a folder in which a file of a table's name is.

    :raises TargetExists: one is there.
    """
    if there := [path for _, path in _targets(folder) if path.exists()]:
        raise TargetExists(f"{there[0]} is there already", hint="--overwrite replaces it")


def _targets(folder: Path) -> list[tuple[Table, Path]]:
    return [(table, folder / f"{table.name}.parquet") for table in METADATA.sorted_tables]


def _write(connection: Connection, table: Table, target: Path) -> ExportedTable:
    """Write one table beside its place, and put it there whole."""
    columns = [(one.name, _TYPES[_kind(one.type)], bool(one.nullable)) for one in table.columns]
    schema = pyarrow.schema([pyarrow.field(name, kind, nullable=empty) for name, kind, empty in columns])
    partial, count = target.with_name(f".{target.name}.partial"), 0
    try:
        with pyarrow.parquet.ParquetWriter(partial, schema, compression="zstd") as writer:
            found = connection.execute(
                select(table).order_by(*table.primary_key).execution_options(yield_per=PIECE)
            )
            for rows in found.partitions():
                cells = [[_cell(row[number]) for row in rows] for number in range(len(columns))]
                arrays = [pyarrow.array(one, kind) for one, (_, kind, _) in zip(cells, columns, strict=True)]
                writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
                count += len(rows)
        partial.replace(target)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    return ExportedTable(table.name, target, count)


def _kind(kind: Any) -> type:  # Any: a type of sqlalchemy
    return next(
        one for one in (BigInteger, Integer, Text, Double, Boolean, DateTime) if isinstance(kind, one)
    )


def _cell(value: Any) -> Any:  # Any: what a database holds
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
