"""The files of the guest that the words name, open for reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imgtools.compat.dispatch import report_warnings

if TYPE_CHECKING:
    from imgtools.compat.words import Words
    from imgtools.guest.find.tree import FileView
    from imgtools.records.request import ImageRequest


@contextmanager
def opened(words: Words, request: ImageRequest, *, quiet: bool = False) -> Iterator[FileView]:
    """Open the guest's files; what there is to know of the image goes to standard error, unless ``quiet``."""
    from imgtools.guest.find.tree import view_files
    from imgtools.image.handle import open_request

    with open_request(request) as image:
        view = view_files(image, request)
        report_warnings(words, () if quiet else view.warnings)
        yield view
