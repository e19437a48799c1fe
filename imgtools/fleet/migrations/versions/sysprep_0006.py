"""The tables of ``sysprep``."""

from __future__ import annotations

from imgtools.fleet.migrations.making import make_table

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make them."""
    make_table(
        "templates",
        "root:text guest:text fit:bool operations_left:int traces:int identities:int files:int bytes_read:int "
        "passed_over:int complete:bool?",
    )
    make_table("leftovers", "root:text operation:text change:text path:text text:text")
    make_table(
        "machine_traces", "root:text kind:text text:text path:text in_name:bool stays:bool reason:text"
    )
