"""imgtools map."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import DiskFile, Output
from imgtools.cli.command.shared_options import Overwrite, Share
from imgtools.cli.output.documents import to_json
from imgtools.cli.output.map_svg import MapPicture, kind_of
from imgtools.cli.output.picture import DiskBar, SvgFile, require_svg, terminal_cells

if TYPE_CHECKING:
    from imgtools.disk.image_file import Extent
    from imgtools.workflows.map import DiskMap

SECTION = "See what an image holds"
EXAMPLES = (
    "imgtools map disk.qcow2",
    "imgtools map --start 10G --length 1G disk.qcow2",
    "imgtools map --svg disk.svg disk.qcow2",
    "imgtools map --json disk.qcow2 | jq '[.data.extents[] | select(.data) | .length] | add'",
)
NOTES = """
The human output of qemu-img map leaves out what is zero, and a file name with a line break in it makes lines of its
own. Its JSON names the layer by a number and never says which file that is. Here every stretch of the disk has a
line, and the files of the chain are named once. Extents are shown while they are read, so that millions of them
take no memory; in JSON they come last, each with the keys that qemu-img gives it: start, length, depth, present,
zero, data, offset. On a terminal a bar of the whole disk comes after the lines, and for a chain a second one that
tells which file holds what; neither is in a pipe.

With `--svg FILE` a picture takes the place of the lines, with a legend of the sums: what each stretch of the disk is,
and for a chain which of its files holds it. Its bars have 1200 cells however many extents there are; a cell that holds
several kinds is filled in proportion. With `--start` and `--length` it shows that part alone. The file is written
whole or not at all, and an existing one only gives way with `--overwrite`.
"""
SCHEMA = "imgtools.map/1"
COLUMNS = ("Start", "Length", "Kind", "Depth", "Offset")
SIGNS = {"data": "#", "compressed": "%", "zero": "0", "hole": "."}
AT_ONCE = 4096  # extents in one write


def command(
    disk: DiskFile,
    out: Output,
    start: Annotated[
        str, typer.Option("--start", metavar="SIZE", help="Begin at this byte of the disk.")
    ] = "",
    length: Annotated[str, typer.Option("--length", metavar="SIZE", help="Look at so many bytes.")] = "",
    svg: SvgFile = None,
    overwrite: Overwrite = False,
    share: Share = False,
) -> None:
    """Show where the bytes of a disk lie.

    Each extent is data, zero (reads as zeros, and the image says so), compressed, or a hole (nothing is stored for it
    anywhere in the chain). Depth counts the files of the chain: 0 is the image, 1 its backing file. Offset is where in
    that file the bytes are, as they are.
    """
    from imgtools.workflows.map import map_disk

    require_svg(svg, overwrite=overwrite)
    with map_disk(replace(disk, share=share), start=start, length=length) as found:
        if svg is not None:
            _draw(out, disk, found, svg, overwrite=overwrite)
        _show(out, found, shown=svg is None or out.json)


def _show(out: Output, found: DiskMap, *, shown: bool) -> None:
    for warning in found.head.warnings:
        out.warn(warning)
    if out.json:
        _write_json(out, found)
        return
    if not shown:
        return
    if out.on_terminal:
        _write_lines(out, found)
    else:
        for piece in _tsv(found.extents()):
            out.raw(piece)


def _draw(out: Output, disk: DiskFile, found: DiskMap, target: Path, *, overwrite: bool) -> None:
    from imgtools.workflows.picture import write_picture

    def draw() -> str:
        picture = MapPicture(found.head, found.window)
        picture.add(found.extents())
        return picture.text()

    write_picture(disk, target, draw, overwrite=overwrite)
    out.note(f"The picture is in {target}.")


def _write_json(out: Output, found: DiskMap) -> None:
    """Write the document around qemu-img's own list, which passes through in pieces."""
    head = to_json(found.head)
    assert isinstance(head, dict)
    outer = {"schema": SCHEMA, "ok": True, "image": head.pop("image"), "warnings": head.pop("warnings")}
    before = json.dumps({**outer, "data": {**head, "extents": []}}, indent=2, ensure_ascii=False)
    start, _, end = before.rpartition("[]")
    with found.stream() as pieces:
        out.raw(start.encode("utf-8", "replace"))
        for piece in pieces:
            out.raw(piece)
    out.raw(end.encode() + b"\n")


def _tsv(extents: Iterator[Extent]) -> Iterator[bytes]:
    lines = ["\t".join(COLUMNS)]
    for one in extents:
        offset = "" if one.offset is None else one.offset
        lines.append(
            f"{one.start}\t{one.length}\t{kind_of(one)}\t{one.depth if one.present else ''}\t{offset}"
        )
        if len(lines) >= AT_ONCE:
            yield ("\n".join(lines) + "\n").encode()
            lines.clear()
    yield ("\n".join(lines) + "\n").encode() if lines else b""


def _write_lines(out: Output, found: DiskMap) -> None:
    cells = terminal_cells()
    kinds, layers = (DiskBar(found.head.virtual_size, cells) for _ in range(2))
    for layer in found.head.layers:
        out.line(f"{layer.depth}: {layer.host_path!s} ({layer.format})")
    width = len(str(found.head.virtual_size))
    out.line(f"{'start':>{width}}  {'length':>{width}}  {'kind':10}  depth  offset")
    for one in found.extents():
        depth, offset = (one.depth if one.present else "-"), ("-" if one.offset is None else one.offset)
        out.line(f"{one.start:>{width}}  {one.length:>{width}}  {kind_of(one):10}  {depth:>5}  {offset}")
        kinds.add(one.start, one.length, SIGNS[kind_of(one)])
        layers.add(one.start, one.length, layer_sign(one))
    out.line(f"[{kinds.text()}]")
    out.line("  ".join(f"{sign} {kind}" for kind, sign in SIGNS.items()))
    if len(found.head.layers) > 1:
        out.line(f"[{layers.text()}]")
        out.line("digit: the depth of the file  + 10 or deeper  . no file")


def layer_sign(extent: Extent) -> str:
    """The file of the chain that holds an extent, in one character."""
    if not extent.present:
        return "."
    return str(extent.depth) if extent.depth < 10 else "+"
