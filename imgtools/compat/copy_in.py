"""virt-copy-in: copy files of the host into a guest."""

from __future__ import annotations

from pathlib import Path

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.fish import OPTIONS
from imgtools.compat.sources import source, writing
from imgtools.compat.words import Words
from imgtools.errors import NotADirectory, UsageError
from imgtools.records.request import Target

__all__ = ["OPTIONS", "run"]


def run(words: Words) -> int:
    """Copy with the owners of the host; the last word is a directory that is there."""
    from imgtools.compat.guest_files import opened
    from imgtools.workflows.copy_in import copy_in

    if len(words.rest) < 2:
        raise UsageError(
            "files of the host and a directory of the guest are wanted",
            hint="virt-copy-in -a IMAGE FILE DIRECTORY",
        )
    request = writing(source(words))
    *sources, folder = words.rest
    with opened(words, request, quiet=True) as view:
        if not view.files.is_dir(view.path(folder)):
            raise NotADirectory(
                f"target '{folder}' is not a directory", path=folder, hint="imgtools mkdir makes one"
            )
    report = copy_in(request, Target(write=True), [Path(one) for one in sources], folder, keep_owners=True)
    report_warnings(words, report.warnings)
    return 0
