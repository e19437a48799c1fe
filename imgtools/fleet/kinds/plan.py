"""What an order would change in an image: the plan alone is made."""

from __future__ import annotations

from imgtools.fleet.kind import Kind, Table
from imgtools.fleet.order import Applied, Carried, Change, carry_out

KIND = Kind(
    ask=carry_out,
    rows=Carried.rows,
    tables={"plans": Table(Applied, ()), "planned_changes": Table(Change, ("kind", "path", "text"))},
    takes_order=True,
)
