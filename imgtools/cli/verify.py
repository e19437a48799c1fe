"""imgtools verify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.operations import operation_table, operations_view, say_closing
from imgtools.cli.output.report_files import ReportFiles, require_reports
from imgtools.cli.output.views import Column, Lines, Table, View
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.records.packages import FileFinding
    from imgtools.workflows.verify import PackagesVerified

SECTION = "Audit a guest"
WAITS = True
EXAMPLES = (
    "imgtools verify disk.qcow2 --report verify.html",
    "imgtools verify disk.qcow2",
    "imgtools verify disk.qcow2 --package openssh-server --package sudo",
    "imgtools verify disk.qcow2 --extra",
    "imgtools verify disk.qcow2 --extra-in /etc --extra-in /usr/local",
    "imgtools verify disk.qcow2 --config --json",
    "imgtools verify disk.qcow2 --restore --package-file coreutils_9.1-1_amd64.deb",
    "imgtools verify disk.qcow2 --restore --package-file coreutils_9.1-1_amd64.deb --write",
)
NOTES = """
What `debsums`, `rpm -Va` and `pacman -Qkk` do from within is done from outside, with none of the guest's programs:
every file of every package is held against the package database.

| Format | What is compared |
|---|---|
| dpkg | content (MD5), kind; mode and owners where `dpkg-statoverride` was told; diversions are followed |
| rpm: SQLite, Berkeley DB, ndb | content, kind, mode, owners, links, capabilities, as the package says that rpm shall |
| apk | content (SHA-1, of a link its target), mode, owners |
| pacman | content (SHA-256), kind, mode, owners, links |

Times are not compared: everything that touches a file sets them. What the package manager was told not to unpack
(`path-exclude`, `NoExtract`, `--excludedocs`) may be missing, and so may what is only there while the system runs. A
digest that a database keeps is as good as the database: whoever can change a file can change it too.

Configuration that was changed is listed apart and is no finding, as `debsums` has it; with `--config` it is one. The
exit code is 0 if nothing was found, 1 if something was, 20 if the package database is damaged (what, is named). A file
that cannot be read is a finding.

`--extra` looks for files in /usr, /bin, /sbin and /lib* that no package owns, but not in /usr/local and /usr/src, which
are the administrator's; `--extra-in` adds a folder. What programs make from what packages own (Python's bytecode beside
an owned source, alternatives, indexes of modules, fonts and the like) is counted, not listed. A package manager's own
copies (`.dpkg-old`, `.rpmsave`) are counted too.

`--restore` puts back what differs from a package file, as `imgtools repair --only package-files` does: first the plan;
`--write` makes it in one transaction. The package should be of the version that is installed.

The files of a Windows are not covered, and refused with 24: [why](../decisions/windows-signatures.md).
"""

PackageNames = Annotated[
    list[str] | None, typer.Option("--package", metavar="NAME", help="Only this package; may be repeated.")
]
Extra = Annotated[
    bool, typer.Option("--extra", help="Also files in the system's folders that no package owns.")
]
ExtraIn = Annotated[
    list[str] | None,
    typer.Option("--extra-in", metavar="FOLDER", help="As --extra, and in this folder too; may be repeated."),
]
Config = Annotated[bool, typer.Option("--config", help="Changed configuration is a finding too.")]
Restore = Annotated[
    bool, typer.Option("--restore", help="Put back what differs from --package-file; shows the plan.")
]
PackageFile = Annotated[
    Path | None,
    typer.Option("--package-file", metavar="FILE", help="With --restore: a .deb or .rpm of the host."),
]


def command(
    source: Source,
    target: Target,
    out: Output,
    package: PackageNames = None,
    extra: Extra = False,
    extra_in: ExtraIn = None,
    config: Config = False,
    restore: Restore = False,
    package_file: PackageFile = None,
    report_files: ReportFiles = None,
) -> None:
    """Say which files are not as their packages have them.

    Nothing is started, and nothing is written without --restore. Exit code 1 if something was found.
    """
    from imgtools.reports.audit_files import TABLE_KINDS, page_writers
    from imgtools.reports.page import page_of_packages
    from imgtools.workflows.verify import verify

    if restore or package_file is not None:
        if not restore or package_file is None or package or extra or extra_in:
            raise UsageError(
                "--restore takes --package-file FILE, and --config at most",
                hint="imgtools verify IMAGE --restore --package-file FILE",
            )
        _restore(source, target, out, package_file, config=config)
        return
    if not target.is_dry_run:
        raise UsageError("--write and --output are of --restore", hint="leave them away")
    report_to = require_reports(report_files, TABLE_KINDS)
    report = verify(source, tuple(package or ()), extra=extra, extra_in=tuple(extra_in or ()), config=config)
    out.show(
        report,
        schema="imgtools.verify/1",
        view=lambda: list(_views(report)),
        pipe=lambda: _rows(report),
    )
    report_to(source, lambda: page_writers(page_of_packages(report)), out)
    if not report.intact:
        raise typer.Exit(1)


def _restore(source: Source, target: Target, out: Output, package_file: Path, *, config: bool) -> None:
    from imgtools.workflows.verify_restore import restore_files

    report = restore_files(source, target, package_file, config=config)
    out.show(
        report,
        schema="imgtools.repair/1",
        view=lambda: [operations_view(f"{report.guest} on {report.root}", report.repairs)],
        pipe=lambda: operation_table(report.repairs, "Repair"),
    )
    say_closing(out, len(report.changes), report.written, report.output or report.image)


def _rows(report: PackagesVerified) -> Table:
    """A row a finding, for a pipe."""
    rows = [
        (one.package, one.what, "configuration" if one.is_config else "", one.path, one.expected, one.found)
        for one in report.findings
    ]
    return Table(("Package", "Difference", "Kind", "Path", "Expected", "Found"), rows)


def _views(report: PackagesVerified) -> Iterator[View]:
    yield Lines([f"{report.guest} on {report.root}: {report.packages} packages, {report.files} files", ""])
    if report.code:
        yield _grouped(report.code, "")
    if report.configuration:
        yield _grouped(report.configuration, "Configuration")
    if report.generated:
        made = (f"{one.files} by {one.by}" for one in report.generated)
        yield Lines([f"Made from what packages own: {', '.join(made)}"])
    yield Lines([_verdict(report)])


def _grouped(findings: Iterable[FileFinding], title: str) -> Table:
    """The findings below their packages, each named once."""
    rows, last = [], None
    for one in sorted(findings, key=lambda one: (one.package, one.path)):
        rows.append(("" if one.package == last else one.package, one.what, one.path, _how(one)))
        last = one.package
    columns = (
        Column("Package", style="bold"),
        Column("Difference", style="red"),
        "Path",
        Column("", spare=True),
    )
    return Table(columns, rows, title)


def _how(one: FileFinding) -> str:
    """In what a file differs, without digests, which tell nobody anything."""
    if one.expected.partition(" ")[2].isalnum() and one.what == "changed" and "bytes" not in one.expected:
        return ""
    return f"{one.found} instead of {one.expected}" if one.expected else one.found


def _verdict(report: PackagesVerified) -> str:
    unknown = f" Of {report.unknown} files the database has no content." if report.unknown else ""
    if report.intact:
        others = " but configuration" if report.configuration else ""
        return f"Nothing{others} differs; the content of {report.hashed} files was compared.{unknown}"
    return f"{len(report.findings)} differ; the content of {report.hashed} files was compared.{unknown}"
