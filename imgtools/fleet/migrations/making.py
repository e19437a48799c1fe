"""Tables of kinds and their views, said briefly: what migrations make them with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

TYPES: Mapping[str, Any] = {
    "text": sa.Text(),
    "int": sa.BigInteger(),
    "float": sa.Double(),
    "bool": sa.Boolean(),
    "time": sa.DateTime(timezone=True),
}


def make_table(name: str, columns: str) -> None:
    """Make the table of a kind and its view.

    :param columns: ``name:type`` with spaces between them, with a question mark where it may be empty.
    """
    found = [_column(one) for one in columns.split()]
    op.create_table(
        name,
        sa.Column(
            "answer_id",
            sa.BigInteger(),
            sa.ForeignKey("answers.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        *found,
    )
    make_view(name, [one.name for one in found])


def make_view(name: str, columns: list[str]) -> None:
    """Make the view ``latest_...`` of a table: what the newest good answer of each image says."""
    listed = ", ".join(f't."{one}"' for one in columns)
    op.execute(
        f'CREATE VIEW "latest_{name}" AS SELECT i.path AS image, a.answered AS answered, a.run_id AS run_id, {listed} '
        f'FROM "{name}" t JOIN latest_answers a ON a.id = t.answer_id JOIN images i ON i.id = a.image_id'
    )


def _column(text: str) -> sa.Column[Any]:
    name, _, kind = text.partition(":")
    return sa.Column(name, TYPES[kind.removesuffix("?")], nullable=kind.endswith("?"))
