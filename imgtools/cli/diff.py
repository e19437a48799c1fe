"""imgtools diff."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, Source
from imgtools.cli.command.naming import other_guest
from imgtools.cli.command.shared_options import OtherDomain
from imgtools.cli.output.report_files import ReportFiles, require_reports
from imgtools.cli.output.views import Cell, Column, Lines, Table, View
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.records.comparison import FileDifference
    from imgtools.records.request import ImageRequest
    from imgtools.workflows.diff import DiffWish, OpenDiff

SECTION = "Audit a guest"
WAITS = True
EXAMPLES = (
    "imgtools diff golden.qcow2 web1.qcow2",
    "imgtools diff web1.qcow2 --other-snapshot before-upgrade",
    "imgtools diff base.qcow2 overlay.qcow2 --path /etc --content",
    "imgtools diff web1.qcow2 /srv/unpacked-root --exclude '/var/log/*' --compare all",
    "imgtools diff -d golden --other-domain web1",
    "imgtools diff old.vmdk new.vmdk --only facts",
)
NOTES = """
virt-diff boots a machine for each image, and compares sizes and times of files, or the checksums of all of them. Here
nothing is booted; the content of what differs is compared, and what a difference means is told before it: a package and
its two versions, an account, a service, a node of a configuration file, a value of the registry.
"""


class Told(StrEnum):
    """What people may ask for with --compare."""

    TIMES = "times"
    CHANGED = "changed"
    ALL = "all"


class Half(StrEnum):
    """What people may ask for with --only."""

    FACTS = "facts"
    FILES = "files"


Other = Annotated[
    str | None,
    typer.Argument(
        metavar="[OTHER]", help="The image to compare with, or a folder with a root.", show_default=False
    ),
]
OtherFormat = Annotated[
    str | None,
    typer.Option(*names.OTHER_FORMAT.words, metavar="FORMAT", help="Its format; without it, it is found."),
]
OtherSnapshot = Annotated[
    str | None,
    typer.Option(*names.OTHER_SNAPSHOT.words, metavar="NAME", help="Its snapshot; else one of IMAGE itself."),
]
OtherDisks = Annotated[
    list[str] | None,
    typer.Option("--other-add", metavar="DISK", help="A further disk of the second guest; repeat it."),
]
Paths = Annotated[
    list[str] | None,
    typer.Option("--path", metavar="PATH", help="Only files here and below; repeat it."),
]
Excluded = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="Leave out files of this name or path; repeat it."),
]
Only = Annotated[Half | None, typer.Option("--only", help="Facts of the systems, or files.")]
Compare = Annotated[Told, typer.Option("--compare", help="Which contents are compared, and how.")]
Content = Annotated[bool, typer.Option("--content", help="Show how text files differ.")]
Checksum = Annotated[
    str, typer.Option("--checksum", metavar="ALGORITHM", help="Checksums of what differs: sha256 ... (JSON).")
]
Times = Annotated[bool, typer.Option("--times", help="A time of change that differs counts.")]


def command(
    source: Source,
    out: Output,
    other: Other = None,
    other_format: OtherFormat = None,
    other_snapshot: OtherSnapshot = None,
    other_add: OtherDisks = None,
    other_domain: OtherDomain = None,
    path: Paths = None,
    exclude: Excluded = None,
    only: Only = None,
    compare: Compare = Told.CHANGED,
    content: Content = False,
    checksum: Checksum = "",
    times: Times = False,
    report_files: ReportFiles = None,
) -> None:
    """Tell how two guests differ: their systems, and their files.

    Two images, one image at two times (--other-snapshot), an overlay and its backing file, or an image and a folder of
    this host. First what is known of the systems: release, mounts, packages, accounts, services, kernels, configuration
    node by node, the registry of Windows. Then files: content, kind, mode, owner, extended attributes, and with --times
    when they were written. With --path, only files.

    --compare changed reads the files of which the inode was changed, or is another one, and compares bytes; times
    compares sizes and times and reads nothing; all reads every file. Where both have a backing file in common, what
    lies in it is known to be the same. Of images that have nothing in common, times in whole seconds prove nothing.

    Secrets are not shown: of passwords, private keys and the like only that they differ. Exit code 1 if anything
    differs, or could not be compared.
    """
    from imgtools.reports.audit_files import TABLE_KINDS, page_writers
    from imgtools.reports.differences import page_of_diff
    from imgtools.workflows.diff import open_diff

    report_to = require_reports(report_files, TABLE_KINDS)
    second = _other(source, other, other_format, other_snapshot, other_add, other_domain)
    wish = _wish(path, exclude, only, compare.value, content, checksum, times)
    with open_diff(source, second, wish) as found:
        held: list[FileDifference] = []
        if report_files:
            found.files = _holding(found.files, held)

        def view() -> View:
            return Lines(_lines(found)) if content else _table(found)

        out.show_long(
            lambda: found.report(()), found.files, field="files", schema="imgtools.diff/1", view=view
        )
        report = found.report(())
    report_to(source, lambda: page_writers(page_of_diff(dataclasses.replace(report, files=tuple(held)))), out)
    if report.incomplete:
        out.note("not everything could be compared")
    elif report.same:
        out.note("no differences")
    if not report.same or report.incomplete:
        raise typer.Exit(1)


def _holding(files: Iterator[FileDifference], held: list[FileDifference]) -> Iterator[FileDifference]:
    for one in files:
        held.append(one)
        yield one


def _other(
    source: ImageRequest,
    other: str | None,
    image_format: str | None,
    snapshot: str | None,
    more: list[str] | None,
    domain: str | None,
) -> ImageRequest:
    from imgtools.records.image import disk_named

    if domain is not None:
        if other or image_format or more:
            raise UsageError(
                "OTHER, --other-format and --other-add are about files, and --other-domain names a guest",
                hint="leave the others away",
            )
        return other_guest(source, domain, snapshot)
    if other is None:
        if snapshot is None or image_format is not None or more:
            raise UsageError(
                "compare with what?",
                hint="a second image or a folder, --other-domain NAME, or --other-snapshot NAME for one of IMAGE",
            )
        return dataclasses.replace(
            source, disks=tuple(dataclasses.replace(disk, snapshot=snapshot) for disk in source.disks)
        )
    like = source.disks[0]
    disks = tuple(
        disk_named(one, image_format, snapshot, like.folders, like.remote, like.sector_size)
        for one in (other, *(more or ()))
    )
    return dataclasses.replace(source, disks=disks)


def _wish(
    path: list[str] | None,
    exclude: list[str] | None,
    only: Half | None,
    compare: str,
    content: bool,
    checksum: str,
    times: bool,
) -> DiffWish:
    from imgtools.records.comparison import ContentCheck
    from imgtools.workflows.diff import DiffWish
    from imgtools.workflows.diff_files import FileWish

    if path and only is Half.FACTS:
        raise UsageError("--path is about files, --only facts leaves them out", hint="choose one")
    files = FileWish(tuple(path or ()), tuple(exclude or ()), ContentCheck(compare), checksum, times, content)
    return DiffWish(files, meaning=not path and only is not Half.FILES, trees=only is not Half.FACTS)


# -- showing -------------------------------------------------------------------------------------------------------


def _table(found: OpenDiff) -> Table:
    from imgtools.reports.differences import format_fact, format_file

    columns = (Column("Change"), Column("About"), Column("Name", style="bold"), Column("What", prose=True))
    facts = ((one.became.value, one.about.value, one.name, format_fact(one)) for one in found.facts)
    files: Iterator[tuple[Cell, ...]] = (
        (one.became.value, "file", one.path, format_file(one)) for one in found.files
    )
    return Table(columns, chain(facts, files))


def _lines(found: OpenDiff) -> Iterator[str]:
    from imgtools.reports.differences import format_fact, format_file

    for fact in found.facts:
        yield f"{fact.became.value} {fact.about.value} {fact.name}: {format_fact(fact)}".rstrip(": ")
    for file in found.files:
        yield f"{file.became.value} file {file.path}: {format_file(file)}".rstrip(": ")
        yield from file.diff.split("\n")[:-1]
