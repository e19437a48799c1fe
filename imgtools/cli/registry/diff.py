"""imgtools registry diff."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, Source
from imgtools.cli.command.naming import other_guest
from imgtools.cli.command.shared_options import OtherDomain
from imgtools.cli.output.views import Lines
from imgtools.cli.registry._options import Bare, User, read_reg_files
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.records.request import ImageRequest
    from imgtools.workflows.registry_diff import DiffReport

WAITS = True
EXAMPLES = (
    r"imgtools registry diff win.qcow2 'HKLM\SYSTEM\ControlSet001' 'HKLM\SYSTEM\ControlSet002'",
    r"imgtools registry diff win.qcow2 'HKLM\SOFTWARE\Policies' --other golden.qcow2",
    "imgtools registry diff win.qcow2 --other-snapshot before",
    "imgtools registry diff win.qcow2 policy.reg",
    "imgtools registry diff --hive NTUSER.DAT --other old/NTUSER.DAT",
)


def command(
    source: Source,
    out: Output,
    first: Annotated[
        str | None,
        typer.Argument(
            metavar="[KEY|FILE.reg]", help="A key, or a .reg file to compare with.", show_default=False
        ),
    ] = None,
    second: Annotated[
        str | None,
        typer.Argument(metavar="[KEY]", help="A second key of the same guest.", show_default=False),
    ] = None,
    other: Annotated[
        str | None,
        typer.Option(*names.OTHER_IMAGE.words, metavar="IMAGE", help="Compare with that of this image."),
    ] = None,
    other_format: Annotated[
        str | None,
        typer.Option(
            *names.OTHER_FORMAT.words, metavar="FORMAT", help="Its format; without it, it is found."
        ),
    ] = None,
    other_snapshot: Annotated[
        str | None,
        typer.Option(
            *names.OTHER_SNAPSHOT.words, metavar="NAME", help="Its snapshot; else one of IMAGE itself."
        ),
    ] = None,
    other_domain: OtherDomain = None,
    user: User = "",
    hive: Bare = False,
) -> None:
    """Compare two registries, or two keys of one.

    Two keys of a guest with everything below them, one key or all hives of two guests or of one at two times, or a
    guest with what a .reg file wants. Lines with - are of the first, lines with + of the second. Exit code 1 if they
    differ.
    """
    from imgtools.workflows.registry_diff import diff_lines

    if other_domain is not None:
        if other is not None or other_format is not None:
            raise UsageError("--other and --other-domain are two second images", hint="choose one")
        further: ImageRequest | None = other_guest(source, other_domain, other_snapshot)
    else:
        further = _other(source, other, other_format, other_snapshot)
    report = _compared(source, first, second, further, user, hive)
    out.show(report, schema="imgtools.registry.diff/1", view=lambda: Lines(diff_lines(report)))
    if report.differences:
        raise typer.Exit(1)


def _other(
    source: ImageRequest, other: str | None, image_format: str | None, snapshot: str | None
) -> ImageRequest | None:
    if other is None and snapshot is None:
        if image_format is not None:
            raise UsageError("--other-format is that of --other", hint="name the second image: --other IMAGE")
        return None
    from imgtools.records.image import disk_named

    like = source.disks[0]
    if other is None:
        disk = dataclasses.replace(like, snapshot=snapshot)
    else:
        disk = disk_named(other, image_format, snapshot, like.folders, like.remote, like.sector_size)
    return dataclasses.replace(source, disks=(disk,))


def _compared(
    source: ImageRequest,
    first: str | None,
    second: str | None,
    other: ImageRequest | None,
    user: str,
    hive: bool,
) -> DiffReport:
    from imgtools.workflows.registry_diff import diff_images, diff_keys, diff_reg

    if other is not None:
        if second is not None:
            raise UsageError("two keys and a second image", hint="compare one KEY of both")
        return diff_images(source, other, first or "", hive=hive)
    if first is None:
        raise UsageError(
            "compare with what?",
            hint="two keys, a .reg file, --other IMAGE, --other-domain NAME, or --other-snapshot NAME",
        )
    if second is not None:
        return diff_keys(source, first, second, hive=hive)
    if first == "-" or Path(first).is_file():
        ((name, content),) = read_reg_files([first])
        return diff_reg(source, name, content, user=user, hive=hive)
    raise UsageError(
        f"{first} is no file, and there is no second key",
        hint="a second KEY, or --other IMAGE, is compared with it",
    )
