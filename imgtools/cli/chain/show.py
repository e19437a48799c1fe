"""imgtools chain show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.cli.command.groups import DiskFile, Output
from imgtools.cli.output.views import Cell, Column, Table, Tree
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.workflows.chain import ChainLayer, ChainReport

WAITS = True
EXAMPLES = (
    "imgtools chain show overlay.qcow2",
    "imgtools chain show --json overlay.qcow2 | jq '.data.layers[].host_path'",
)
NOTES = """
qemu-img info --backing-chain opens every file that the chain names, wherever it is, and does not say what each
layer holds. Here the names are judged first; beside the sizes stands how much of what the guest sees comes from
each file, and which other images in the folder stand on it: those that a commit or a removal would destroy.
"""


def command(disk: DiskFile, out: Output) -> None:
    """Show a backing chain as a tree.

    Holds is what the guest sees of a layer: the data in it that no layer above covers.
    """
    from imgtools.workflows.chain import show_chain

    report = show_chain(disk)
    out.show(
        report, schema="imgtools.chain/1", view=lambda: _tree(report.layers), pipe=lambda: _table(report)
    )


def _tree(layers: tuple[ChainLayer, ...]) -> Tree:
    layer = layers[0]
    label = (
        f"{layer.host_path}  {layer.format}  {format_size(layer.virtual_size)}"
        f"  {format_size(layer.actual_size)} on host  holds {format_size(layer.holds)}"
    )
    branches = [Tree(f"+ {extent}") for extent in layer.extents]
    branches += [Tree(f"also below {other}") for other in layer.others]
    return Tree(label, [*branches, *([_tree(layers[1:])] if len(layers) > 1 else [])])


def _table(report: ChainReport) -> Table:
    numbers = [Column(name, right=True) for name in ("Virtual size", "On host", "Holds")]
    rows: list[list[Cell]] = [
        [
            layer.depth,
            str(layer.host_path),
            layer.format,
            layer.virtual_size,
            layer.actual_size,
            layer.holds,
            len(layer.others),
        ]
        for layer in report.layers
    ]
    return Table(
        [Column("Depth", right=True), "File", "Format", *numbers, Column("Others", right=True)], rows
    )
