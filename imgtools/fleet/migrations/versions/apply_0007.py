"""The tables of ``apply`` and ``plan``."""

from __future__ import annotations

from imgtools.fleet.migrations.making import make_table

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make them."""
    for image, change in (("applied", "changes"), ("plans", "planned_changes")):
        make_table(image, "engine:text changed:bool written:bool way_back:text")
        make_table(change, "kind:text path:text text:text")
