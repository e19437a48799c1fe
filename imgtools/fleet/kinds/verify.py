"""Which files of a guest are not as their packages have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Table
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
    yield VerifiedRow(
        report.root, report.guest, report.package_format, report.intact, report.packages, report.files,
        report.hashed, report.unknown,
    )  # fmt: skip
    for one in report.findings:
        yield AlteredRow(
            report.root, one.package, one.path, one.what.value, one.expected, one.found, one.is_config
        )


KIND = Kind(
    ask=verify,
    rows=_rows,
    code=lambda report: int(not report.intact),
    tables={
        "verified": Table(VerifiedRow, ("root",)),
        "altered_files": Table(AlteredRow, ("root", "path", "what")),
    },
)
