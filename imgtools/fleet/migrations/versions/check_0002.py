"""The tables of ``check``."""

from __future__ import annotations

from imgtools.fleet.migrations.making import make_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make them."""
    make_table(
        "consistency",
        "disk:text format:text clean:bool corruptions:int leaks:int unchecked:int problem:text file_end:int "
        "total_clusters:int allocated_clusters:int fragmented_clusters:int compressed_clusters:int",
    )
    make_table("complaints", "disk:text text:text")
