"""The table of ``sbom``."""

from __future__ import annotations

from imgtools.fleet.migrations.making import make_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make it."""
    make_table(
        "components",
        "root:text type:text name:text version:text purl:text license:text arch:text supplier:text url:text "
        "source:text source_version:text paths:text owner:text cpe:text",
    )
