"""The tables of ``verify``."""

from __future__ import annotations

from imgtools.fleet.migrations.making import make_table

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make them."""
    make_table(
        "verified",
        "root:text guest:text package_format:text intact:bool packages:int files:int hashed:int unknown:int",
    )
    make_table(
        "altered_files",
        "root:text package:text path:text what:text expected:text found:text is_config:bool",
    )
