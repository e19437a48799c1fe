"""imgtools get-kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.command.shared_options import OverwriteNew
from imgtools.cli.output.views import Table

if TYPE_CHECKING:
    from imgtools.workflows.get_kernel import GetKernelReport

SECTION = "Read files of a guest"
EXAMPLES = (
    "imgtools get-kernel disk.qcow2 -o boot",
    "imgtools get-kernel disk.qcow2 --which newest --unversioned-names --prefix web1",
    "imgtools get-kernel disk.qcow2 --which 6.1.0-18-amd64 -o boot --overwrite",
    "imgtools get-kernel -d fedora --which all -o kernels",
)
NOTES = """
The names are those that the files have in the guest, as with virt-get-kernel. A name that says nothing by itself
(`linux`, `initrd`, as the Boot Loader Specification has them) gets the version behind it. With `--unversioned-names`
what stands before the first hyphen is left.

A unified kernel image is taken apart: `vmlinuz-VERSION`, `initrd-VERSION`, `cmdline-VERSION` and `osrel-VERSION`, as
far as they are in it.
"""


def command(
    source: Source,
    out: Output,
    which: Annotated[
        str, typer.Option("--which", metavar="WHICH", help="default, newest, all, or a version.")
    ] = "default",
    folder: Annotated[
        Path, typer.Option("--output-dir", "-o", metavar="DIR", help="A folder of the host.")
    ] = Path(),
    unversioned_names: Annotated[
        bool, typer.Option("--unversioned-names", help="Names without versions: vmlinuz.")
    ] = False,
    prefix: Annotated[
        str, typer.Option("--prefix", metavar="TEXT", help="Before each name, and a hyphen.")
    ] = "",
    overwrite: OverwriteNew = False,
) -> None:
    """Copy the guest's kernel and initial RAM disk to the host.

    What is started by default is what the boot loader's menu says: GRUB, the Boot Loader Specification's entries,
    systemd-boot, extlinux. Nothing is written if one of the files is there already.
    """
    from imgtools.workflows.get_kernel import get_kernel

    with out.progress("Copying") as progress:
        report = get_kernel(
            source,
            folder,
            which=which,
            unversioned=unversioned_names,
            prefix=prefix,
            overwrite=overwrite,
            progress=progress,
        )
    out.show(
        report, schema="imgtools.get-kernel/1", view=lambda: Table(("Version", "From", "To"), _rows(report))
    )


def _rows(report: GetKernelReport) -> Iterator[tuple[str, str, str]]:
    for kernel in report.kernels:
        for path, copy in zip(kernel.sources, kernel.files, strict=True):
            yield kernel.version, path, copy
