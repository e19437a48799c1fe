"""Internal snapshots of qcow2: list, create, apply, delete."""

SECTION = "Look after images"
