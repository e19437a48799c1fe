"""The tables of ``diagnose``."""

from __future__ import annotations

from imgtools.fleet.migrations.making import make_table

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make them."""
    make_table("diagnoses", "root:text guest:text sound:bool likely_cause:text")
    make_table("stations", "station:text state:text reason:text findings:int")
    make_table(
        "boot_findings",
        "station:text finding:text severity:text confidence:text text:text path:text line:int evidence:text "
        "repair:text settings:text advice:text",
    )
