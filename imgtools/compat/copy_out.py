"""virt-copy-out: copy files of a guest to the host."""

from __future__ import annotations

from pathlib import Path

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.fish import OPTIONS
from imgtools.compat.sources import source
from imgtools.compat.words import Words
from imgtools.errors import UsageError

__all__ = ["OPTIONS", "run"]


def run(words: Words) -> int:
    """Copy; what is there under a name gives way to its copy."""
    from imgtools.workflows.copy_out import copy_out

    if len(words.rest) < 2:
        raise UsageError(
            "files of the guest and a folder of the host are wanted",
            hint="virt-copy-out -a IMAGE FILE FOLDER",
        )
    *paths, folder = words.rest
    report = copy_out(source(words), paths, Path(folder), overwrite=True)
    report_warnings(words, report.warnings)
    return int(report.incomplete)
