"""virt-tar-out: pack files of a guest into an archive."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.fish import OPTIONS
from imgtools.compat.sources import source
from imgtools.compat.words import Words
from imgtools.errors import UsageError

__all__ = ["OPTIONS", "run"]


def run(words: Words) -> int:
    """Pack without compression, whatever the name says; ``-`` is standard output."""
    from imgtools.workflows.tar_out import tar_out

    if len(words.rest) != 2:
        raise UsageError(
            "a directory of the guest and an archive are wanted",
            hint="virt-tar-out -a IMAGE DIRECTORY FILE.tar",
        )
    folder, archive = words.rest
    place = None if archive == "-" else Path(archive)
    stream = sys.stdout.buffer if place is None else BytesIO()
    report = tar_out(source(words), folder, place, stream, compression="none", overwrite=True)
    report_warnings(words, report.warnings)
    return int(report.incomplete)
