"""Internal snapshots of qcow2 images: list, create, apply, delete."""
