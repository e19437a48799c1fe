"""imgtools tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Lines
from imgtools.records.files import FileKind
from imgtools.units import format_mode, format_size

if TYPE_CHECKING:
    from imgtools.workflows.tree import OpenTree, TreeEntry

SECTION = "Read files of a guest"
WAITS = True
EXAMPLES = (
    "imgtools tree disk.qcow2 /etc/systemd",
    "imgtools tree disk.qcow2 / --max-depth 2 --only-directories",
    "imgtools tree disk.qcow2 /boot --sizes",
    r"imgtools tree win.vmdk 'C:\Users' --max-depth 2",
)
WIDEST = 10  # characters of a size: 1023.9M and its brackets


def command(
    source: Source,
    out: Output,
    path: Annotated[str, typer.Argument(metavar="[PATH]", help="A folder of the guest.")] = "/",
    max_depth: Annotated[int | None, typer.Option("--max-depth", min=0, help="Levels below PATH.")] = None,
    only_directories: Annotated[
        bool, typer.Option("--only-directories", help="Leave out what is no directory.")
    ] = False,
    sizes: Annotated[bool, typer.Option("--sizes", help="The size of each, as 1.5G.")] = False,
    modes: Annotated[bool, typer.Option("--modes", help="The mode of each, as ls -l writes it.")] = False,
) -> None:
    """Draw the files of the guest as a tree.

    Links are not followed, mount points are crossed. In a pipe, and with --json, any number of files takes the same
    memory. If a folder cannot be read, the others are drawn, a warning says which, and the exit code is 1.
    """
    from imgtools.workflows.tree import open_tree

    with open_tree(source, path, max_depth=max_depth, only_directories=only_directories) as tree:
        out.show_long(
            lambda: tree.report(()),
            tree.entries,
            field="entries",
            schema="imgtools.tree/1",
            view=lambda: Lines(_lines(tree, only_directories, sizes=sizes, modes=modes)),
        )
        incomplete = bool(tree.refused)
    if incomplete:
        raise typer.Exit(1)


def _lines(tree: OpenTree, only_directories: bool, *, sizes: bool, modes: bool) -> Iterator[str]:
    open_levels: list[bool] = []  # of the folders that we are in: whether something comes behind them
    for entry in tree.entries:
        if not entry.depth:
            yield _label(entry, sizes=sizes, modes=modes)
            continue
        del open_levels[entry.depth - 1 :]
        stems = "".join("│   " if more else "    " for more in open_levels)
        yield f"{stems}{'└── ' if entry.last else '├── '}{_label(entry, sizes=sizes, modes=modes)}"
        open_levels.append(not entry.last)
    counted = f"{tree.directories} directories"
    yield ""
    yield counted if only_directories else f"{counted}, {tree.files} files"


def _label(entry: TreeEntry, *, sizes: bool, modes: bool) -> str:
    facts = [format_mode(entry.kind, entry.mode)] if modes else []
    facts += [format_size(entry.size).rjust(WIDEST - 2)] if sizes else []
    name = f"{entry.name} -> {entry.target}" if entry.kind is FileKind.LINK else entry.name
    return f"[{' '.join(facts)}]  {name}" if facts else name
