"""Which files of a guest are not as their packages have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Table, row_of
from imgtools.workflows.verify import PackagesVerified, verify


class VerifiedRow(NamedTuple):
    """A guest whose packages were looked at, and how many files were. ``unknown``: no package says their content."""

    root: str
    guest: str
    package_format: str
    intact: bool
    packages: int
    files: int
    hashed: int
    unknown: int


class AlteredRow(NamedTuple):
    """A file that is not as its package has it. ``is_config``: people may change it."""

    root: str
    package: str
    path: str
    what: str
    expected: str
    found: str
    is_config: bool


def _rows(report: PackagesVerified) -> Iterator[tuple[Any, ...]]:
    yield row_of(VerifiedRow, report)
    for one in report.findings:
        yield row_of(AlteredRow, one, root=report.root, what=one.what.value)


KIND = Kind(
    ask=verify,
    rows=_rows,
    code=lambda report: int(not report.intact),
    tables={
        "verified": Table(VerifiedRow, ("root",)),
        "altered_files": Table(AlteredRow, ("root", "path", "what")),
    },
)
