"""virt-tar-in: unpack an archive into a guest."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.fish import OPTIONS
from imgtools.compat.sources import source, writing
from imgtools.compat.words import Words
from imgtools.errors import UsageError
from imgtools.records.request import Target

__all__ = ["OPTIONS", "run"]


def run(words: Words) -> int:
    """Unpack; ``-`` is standard input."""
    from imgtools.workflows.tar_in import tar_in

    if len(words.rest) != 2:
        raise UsageError(
            "an archive and a directory of the guest are wanted",
            hint="virt-tar-in -a IMAGE FILE.tar DIRECTORY",
        )
    archive, folder = words.rest
    place = None if archive == "-" else Path(archive)
    stream = sys.stdin.buffer if place is None else BytesIO()
    report = tar_in(writing(source(words)), Target(write=True), place, stream, folder)
    report_warnings(words, report.warnings)
    return 0
