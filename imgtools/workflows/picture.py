"""Write a picture of a disk into a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imgtools.records.request import ImageRequest
from imgtools.workflows.text_file import write_text_file


def write_picture(request: ImageRequest, target: Path, draw: Callable[[], str], *, overwrite: bool) -> None:
    """Write what ``draw`` returns to a new file, as :func:`write_text_file` does."""
    write_text_file(request, target, draw, overwrite=overwrite)
