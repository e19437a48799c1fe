"""Write a report into a file of the host: its name says as what.

An earlier report gives way to a new one, so that a nightly audit needs no other name; every other file stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from imgtools.errors import HostError, TargetExists, UsageError
from imgtools.records.request import ImageRequest
from imgtools.workflows.picture import write_picture

# What stands in the beginning of every report, by which an earlier one is known.
MARKS = (
    b'<meta name="generator" content="imgtools">',
    b'"name": "imgtools"',
    b'name="imgtools ',
    b"imgtools section,",
    b'"schema": "imgtools.',
)
HEAD = 4096
Writer = Callable[[], str]


def check_report_files(paths: Sequence[Path], kinds: Mapping[str, Writer] | Sequence[str]) -> None:
    """Refuse reports that cannot be written, before any work is done.

    :param kinds: the ends of names that are known: ``.html``.
    :raises UsageError: a name does not say what kind of report it is.
    :raises TargetExists: there is a file that is no earlier report.
    """
    refuse_other_names(paths, kinds)
    for path in paths:
        if path.exists() and not _is_report(path):
            raise TargetExists(
                f"{path} exists, and is no report", hint="choose another name, or remove it first"
            )


def refuse_other_names(paths: Sequence[Path], kinds: Collection[str]) -> None:
    """Refuse a name that does not say what kind of report it is.

    :raises UsageError: there is one.
    """
    for path in paths:
        if path.suffix.lower() not in kinds:
            raise UsageError(f"not a kind of report: {path}", hint=f"its name ends with {', '.join(kinds)}")


def write_reports(request: ImageRequest, paths: Sequence[Path], kinds: Mapping[str, Writer]) -> None:
    """Write reports: each whole, or not at all.

    :param request: the image that they are of; none of its files is replaced.
    :raises ImgtoolsError: as :func:`check_report_files`, and what keeps a file from being written.
    """
    check_report_files(paths, kinds)
    for path in paths:
        write_picture(request, path, kinds[path.suffix.lower()], overwrite=path.exists())


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}") from None
    return any(mark in head for mark in MARKS)
