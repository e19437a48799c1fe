"""A new image that is linked to a template: a qcow2 overlay with the template as its backing file."""

from __future__ import annotations

from pathlib import Path

from imgtools.engine.overlay import create_overlay
from imgtools.errors import UsageError
from imgtools.records import ImageInfo


def make_linked(host_path: Path, template: ImageInfo) -> None:
    """Make the overlay; the template's format is recorded in it, and its absolute path.

    :raises UsageError: the template is an internal snapshot, which an overlay cannot be linked to.
    """
    if template.source.snapshot:
        raise UsageError("a linked clone cannot be based on an internal snapshot", hint="leave --linked away")
    create_overlay(host_path, template.chain[0])
