"""What guests are made of: packages, kernels, programs, and the parts of programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imgtools.fleet.kind import Kind, Table, row_of
from imgtools.workflows.sbom import SbomReport, list_materials


class ComponentRow(NamedTuple):
    """A component, as a bill of materials lists it; ``type``: system, package, kernel, python, jar and so on.

    ``license`` and ``paths`` are several with commas between them; ``owner`` is the package that brings it.
    """

    root: str
    type: str
    name: str
    version: str
    purl: str
    license: str
    arch: str
    supplier: str
    url: str
    source: str
    source_version: str
    paths: str
    owner: str
    cpe: str


def _rows(report: SbomReport) -> Iterator[ComponentRow]:
    for one in report.components:
        yield row_of(
            ComponentRow,
            one,
            root=report.root,
            type=one.kind.value,
            license=",".join(one.licenses),
            paths=",".join(one.paths),
        )


KIND = Kind(
    ask=list_materials,
    rows=_rows,
    tables={"components": Table(ComponentRow, ("root", "type", "name", "arch"))},
)
