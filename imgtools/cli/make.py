"""imgtools make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output
from imgtools.cli.command.shared_options import Overwrite
from imgtools.cli.output.views import Cell, Table
from imgtools.units import format_both

if TYPE_CHECKING:
    from imgtools.workflows.make import MakeReport

SECTION = "Make images"
EXAMPLES = (
    "imgtools make data.img --from folder --type ext4",
    "imgtools make disk.qcow2 --from root.tar.gz --partition gpt --size +2G",
    "imgtools make disk.qcow2 --from oci:image:latest --platform linux/arm64",
    "imgtools make drivers.iso --from folder --type iso9660 --label DRIVERS",
    "imgtools make disk.img --size 512M --layout bootroot",
    "imgtools make disk.qcow2 --from root.tar --layout disk.yaml",
    "imgtools make disk.qcow2 --from root.tar --bootable bios,uefi --size 8G",
)
NOTES = """
virt-make-fs boots an appliance, puts the files into a tar archive first, and makes one filesystem. guestfish -N makes
empty disks. Here nothing boots for ext2, ext3, ext4, vfat, ntfs, iso9660, squashfs and swap; xfs, btrfs, exfat, udf
and LVM are filled by the appliance, all of them in one boot. What a filesystem cannot hold is refused before anything
is made, and the image appears under its name when it is complete. With SOURCE_DATE_EPOCH two runs make the same
bytes of all that is made without a boot; of other types a warning says that they do not.
"""

From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="SOURCE",
        help="Folder, tar archive, -, OCI layout, docker archive; dir:, tar:, oci:, docker: insist.",
    ),
]
Size = Annotated[
    str, typer.Option("--size", metavar="SIZE", help="Of the disk: 2G; +500M of free room; auto.")
]
Kind = Annotated[
    str,
    typer.Option(
        "--type",
        metavar="TYPE",
        help="ext2, ext3, ext4, xfs, btrfs, vfat, exfat, ntfs, iso9660, udf, squashfs or swap.",
    ),
]
Partition = Annotated[str, typer.Option("--partition", metavar="TABLE", help="gpt, mbr or none.")]
Esp = Annotated[
    str, typer.Option("--esp", metavar="SIZE", help="Put an EFI system partition of this size first.")
]
Layout = Annotated[
    str,
    typer.Option(
        "--layout", metavar="LAYOUT", help="disk, part, fs, lv, lvfs, bootroot, bootrootlv, or a YAML file."
    ),
]
Label = Annotated[str, typer.Option("--label", help="Label of the filesystem.")]
Uuid = Annotated[str, typer.Option("--uuid", help="UUID of the filesystem, as blkid writes it.")]
Owner = Annotated[
    str,
    typer.Option(
        "--owner",
        metavar="OWNER",
        help="root, keep, or a map: 1000:0, u:100000:0:65536. Default: root of folders, keep of archives.",
    ),
]
BlockSize = Annotated[
    str, typer.Option("--blocksize", metavar="SIZE", help="Of a block or cluster of the filesystem.")
]
Floppy = Annotated[bool, typer.Option("--floppy", help="A floppy disk of 1440 KiB, with FAT.")]
Platform = Annotated[
    str,
    typer.Option("--platform", metavar="OS/ARCH", help="Which image of several: linux/amd64, linux/arm/v7."),
]
Bootable = Annotated[
    str,
    typer.Option(
        "--bootable", metavar="FIRMWARE", help="Install the files' own GRUB for bios, uefi, or bios,uefi."
    ),
]
OutputFormat = Annotated[
    str | None,
    typer.Option(
        *names.OUTPUT_FORMAT.words,
        metavar="FORMAT",
        help="Format; default: by the file's suffix, else qcow2.",
    ),
    names.old("--format"),  # as virt-make-fs; nothing is read here that has a format
]


def command(
    out: Output,
    target: Annotated[Path, typer.Argument(metavar="IMAGE", help="The new image.", show_default=False)],
    source: From = "",
    size: Size = "",
    kind: Kind = "",
    partition: Partition = "",
    esp: Esp = "",
    layout: Layout = "",
    label: Label = "",
    uuid: Uuid = "",
    owner: Owner = "",
    block_size: BlockSize = "",
    floppy: Floppy = False,
    platform: Platform = "",
    bootable: Bootable = "",
    output_format: OutputFormat = None,
    overwrite: Overwrite = False,
) -> None:
    """Make a disk image with partitions, filesystems and files in it.

    The files come from a folder, an archive or a container's image; owners, modes, times, extended attributes, hard
    links and holes are kept where the filesystem has them. Without --partition the filesystem is the disk.
    """
    from imgtools.workflows.make import MakeRequest, make

    request = MakeRequest(
        target=target,
        source=source,
        size=size,
        kind=kind,
        partition=partition,
        esp=esp,
        label=label,
        uuid=uuid,
        owner=owner,
        format=output_format,
        block_size=block_size,
        floppy=floppy,
        layout=layout,
        platform=platform,
        bootable=bootable,
        overwrite=overwrite,
    )
    with out.progress("make") as progress:
        report = make(request, progress)
    out.show(report, schema="imgtools.make/1", view=lambda: _table(report))


def _table(report: MakeReport) -> Table:
    rows: list[list[Cell]] = [
        [
            str(one.number) if one.number else report.table, one.type, one.filesystem, one.label,
            one.mount, format_both(one.size), one.files,
        ]
        for one in report.parts
    ]  # fmt: skip
    return Table(("number", "type", "filesystem", "label", "mount", "size", "files"), rows)
