"""What was changed in an image: an order is carried out."""

from __future__ import annotations

from imgtools.fleet.kind import Kind, Table
from imgtools.fleet.order import Applied, Carried, Change, carry_out

KIND = Kind(
    ask=carry_out,
    rows=Carried.rows,
    tables={"applied": Table(Applied, ()), "changes": Table(Change, ("kind", "path", "text"))},
    takes_order=True,
)
