"""imgtools sbom."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.command.shared_options import Overwrite
from imgtools.cli.output.views import Column, Facts, Lines, Table, View
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.workflows.sbom import SbomReport

SECTION = "Audit a guest"
EXAMPLES = (
    "imgtools sbom disk.qcow2",
    "imgtools sbom disk.qcow2 > disk.cdx.json",
    "imgtools sbom --as spdx --output-file disk.spdx.json disk.qcow2",
    "imgtools sbom --reproducible disk.qcow2 | sha256sum",
    "imgtools sbom --vulnerabilities /srv/osv/Debian/all.zip disk.qcow2",
    "imgtools sbom --json disk.qcow2 | jq -r '.data.components[] | select(.kind == \"npm\") | .purl'",
)
NOTES = """
On a terminal a table of what was found; in a pipe or a file the document: CycloneDX 1.6, with `--as spdx` SPDX 2.3,
both as JSON. `--as table` gives the lines of the table, `--json` the same facts in imgtools' own form.

Listed are the system, the packages of its distribution, kernels, boot loader, programs of Windows, and packages of
languages that are found on the disk: Python, npm, Ruby, Java, Go, Rust (built by cargo-auditable) and .NET. What a
package of the distribution brings names it as its owner. Layers of containers are not looked into, and named.

`--vulnerabilities` matches copies of advisories that are on this host; nothing is asked of the network. Versions are
compared by the rules of dpkg, rpm, apk or the language. [sbom.md](../sbom.md) says where to get the data.

Exit code 0; with `--vulnerabilities` 1, if anything is affected. 20 if a database of packages is damaged: the list
would be shorter than what is installed, and `--allow-partial` takes it all the same.
"""


class Form(StrEnum):
    """What comes out."""

    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"
    TABLE = "table"


As = Annotated[
    Form | None,
    typer.Option("--as", help="What comes out. Without it, a table on a terminal, else CycloneDX."),
]
OutputFile = Annotated[
    Path | None,
    typer.Option("--output-file", metavar="FILE", help="Write the document into this new file."),
]
WithFiles = Annotated[
    bool, typer.Option("--files", help="Also list every file with its hashes; reads all of them.")
]
AllowPartial = Annotated[
    bool, typer.Option("--allow-partial", help="List what can be read of a damaged database of packages.")
]
Reproducible = Annotated[
    bool,
    typer.Option(
        "--reproducible", help="Make the same bytes each time; the moment is SOURCE_DATE_EPOCH's, or none."
    ),
]
Vulnerabilities = Annotated[
    list[Path] | None,
    typer.Option(
        "--vulnerabilities",
        metavar="FILE|FOLDER",
        help="Say what these advisories are about: OSV's, or Debian's tracker's; repeat it.",
    ),
]


def command(
    source: Source,
    out: Output,
    form: As = None,
    output_file: OutputFile = None,
    overwrite: Overwrite = False,
    files: WithFiles = False,
    vulnerabilities: Vulnerabilities = None,
    allow_partial: AllowPartial = False,
    reproducible: Reproducible = False,
) -> None:
    """List what a guest is made of, as CycloneDX or SPDX.

    Nothing of the guest is run, and nothing is asked of the network. Exit code 1 if an advisory is about something.
    """
    from imgtools.workflows.sbom import Wanted, list_materials

    if out.json and (form is not None or output_file is not None):
        raise UsageError(
            "--json is imgtools' own form", hint="leave it away, or leave --as and --output-file"
        )
    if form is Form.TABLE and (output_file is not None or reproducible):
        raise UsageError("a table is no document", hint="say --as cyclonedx or --as spdx")
    if overwrite and output_file is None:
        raise UsageError("--overwrite is about a file of the host", hint="name it with --output-file FILE")
    wanted = Wanted(files, allow_partial, tuple(vulnerabilities or ()))
    with out.progress("Reading") as progress:
        report = list_materials(source, wanted, progress=progress)
    chosen = form or (Form.TABLE if out.on_terminal and output_file is None else Form.CYCLONEDX)
    if out.json or chosen is Form.TABLE:
        out.show(
            report, schema="imgtools.sbom/1", view=lambda: list(_views(report)), pipe=lambda: _rows(report)
        )
    else:
        _write(out, source, report, chosen, output_file, overwrite=overwrite, reproducible=reproducible)
    if report.affected:
        raise typer.Exit(1)


def _write(
    out: Output,
    source: Source,
    report: SbomReport,
    form: Form,
    target: Path | None,
    *,
    overwrite: bool,
    reproducible: bool,
) -> None:
    def make() -> Iterator[str]:
        if form is Form.SPDX:
            from imgtools.reports.spdx import make_spdx

            return make_spdx(report, reproducible=reproducible)
        from imgtools.reports.cyclonedx import make_cyclonedx

        return make_cyclonedx(report, reproducible=reproducible)

    for warning in report.warnings:
        out.warn(warning)
    if target is None:
        for piece in make():
            out.raw(piece.encode())
    else:
        from imgtools.workflows.text_file import write_text_file

        write_text_file(source, target, make, overwrite=overwrite)
    if report.affected:
        out.note(_verdict(report))


# -- tables ----------------------------------------------------------------------------------------------------


def _verdict(report: SbomReport) -> str:
    affected = report.affected or ()
    advisories = len({one.advisory for one in affected})
    components = len({(one.kind, one.component, one.version) for one in affected})
    return f"{advisories} advisories are about {components} of {len(report.components)} components"


def _views(report: SbomReport) -> Iterator[View]:
    counts: dict[str, int] = {}
    for one in report.components:
        counts[one.kind.value] = counts.get(one.kind.value, 0) + 1
    yield Facts([(f"  {kind:<14}", count) for kind, count in counts.items()], title=report.guest)
    columns = (
        "Kind",
        "Name",
        "Version",
        Column("Owner", spare=True),
        Column("Licences", prose=True, spare=True),
        Column("Found at", spare=True),
    )
    rows = (
        (one.kind.value, one.name, one.version, one.owner, ", ".join(one.licenses), _place(one.paths))
        for one in report.components
    )
    yield Table(columns, list(rows))
    if report.affected is not None:
        yield from _affected(report)


def _affected(report: SbomReport) -> Iterator[View]:
    if not report.affected:
        yield Lines(["", "No advisory is about what is installed."])
        return
    columns = (Column("Advisory", style="yellow"), "Component", "Installed", "Fixed in", "Severity",
               Column("About", prose=True))  # fmt: skip
    rows = [
        (one.advisory, one.component, one.version, one.fixed or "no version yet", one.severity, one.summary)
        for one in report.affected
    ]
    yield Lines(["", _verdict(report)])
    yield Table(columns, rows)


def _rows(report: SbomReport) -> Table:
    """A row a component; of advisories, a row each of what they are about."""
    if report.affected is not None:
        names = (
            "Advisory",
            "Aliases",
            "Kind",
            "Component",
            "Installed",
            "Fixed in",
            "Severity",
            "Purl",
            "Found at",
        )
        return Table(
            names,
            [
                (one.advisory, " ".join(one.aliases), one.kind.value, one.component, one.version, one.fixed,
                 one.severity, one.purl, _place(one.paths))
                for one in report.affected
            ],
        )  # fmt: skip
    return Table(
        ("Kind", "Name", "Version", "Purl", "Licences", "Owner", "Found at"),
        [
            (
                one.kind.value,
                one.name,
                one.version,
                one.purl,
                ", ".join(one.licenses),
                one.owner,
                _place(one.paths),
            )
            for one in report.components
        ],
    )


def _place(paths: tuple[str, ...]) -> str:
    return f"{paths[0]} and {len(paths) - 1} more" if len(paths) > 1 else "".join(paths)
