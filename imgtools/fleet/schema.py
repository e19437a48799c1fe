"""The tables of a fleet's database: runs, images, their answers, and those of the kinds.

An answer belongs to the run that asked for it; ``run_images`` says which answer of which image counts in a run, asked
then or before. So a run is whole although it asked only what was new. For each table of a kind there is a view
``latest_...``: of every image what its newest good answer says.

This is how the database is today; :mod:`imgtools.fleet.migrations` makes it so, step by step. A test holds them
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from imgtools.fleet.kind import Moment, all_tables

METADATA = MetaData()
# SQLite counts rows in INTEGER only.
_ID = BigInteger().with_variant(Integer(), "sqlite")
_TIME = DateTime(timezone=True)


def _points_at(column: str, **more: Any) -> Column[int]:  # Any: as sqlalchemy has it
    name = {"runs.id": "run_id", "images.id": "image_id", "answers.id": "answer_id"}[column]
    return Column(name, BigInteger, ForeignKey(column, ondelete="CASCADE"), nullable=False, **more)


RUNS = Table(
    "runs",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # running, done, cut
    Column("started", _TIME, nullable=False),
    Column("ended", _TIME),
    Column("images", BigInteger, nullable=False),  # how many were named
    Column("version", Text, nullable=False),  # of imgtools
)
IMAGES = Table(
    "images",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("path", Text, nullable=False),
    Column("path_b64", Text, nullable=False),  # its bytes in base64, where they are not UTF-8
    UniqueConstraint("path", "path_b64", name="uq_images_path"),
)
ANSWERS = Table(
    "answers",
    METADATA,
    Column("id", _ID, primary_key=True),
    _points_at("runs.id"),
    _points_at("images.id"),
    Column("kind", Text, nullable=False),
    Column("identity", Text, nullable=False),  # of its files, when it was asked
    Column("size", BigInteger),  # bytes of the image's own file
    Column("modified", _TIME),
    Column("answered", _TIME, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("host", Text, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("error", Text, nullable=False),  # the class; empty if ok
    Column("message", Text, nullable=False),
    Column("hint", Text, nullable=False),
    UniqueConstraint("run_id", "image_id", name="uq_answers_run_image"),
    Index("ix_answers_image_kind", "image_id", "kind"),
)
RUN_IMAGES = Table(
    "run_images",
    METADATA,
    _points_at("runs.id", primary_key=True),
    _points_at("images.id", primary_key=True),
    _points_at("answers.id", index=True),
)
WARNINGS = Table(
    "warnings",
    METADATA,
    _points_at("answers.id", primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("path", Text, nullable=False),
)


def _column(name: str, kind: Any) -> Column[Any]:  # Any: a type
    is_optional = NoneType in get_args(kind)
    (plain,) = [one for one in get_args(kind) if one is not NoneType] or [kind]
    types: Mapping[Any, Any] = {str: Text, int: BigInteger, float: Double, bool: Boolean, Moment: _TIME}
    return Column(name, types[plain], nullable=is_optional)


def _of_kinds() -> Mapping[str, Table]:
    return {
        name: Table(
            name,
            METADATA,
            _points_at("answers.id", primary_key=True),
            Column("position", Integer, primary_key=True),
            *(_column(*pair) for pair in table.columns().items()),
        )
        for _, name, table in all_tables()
    }


KIND_TABLES = _of_kinds()
