"""imgtools grep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source
from imgtools.cli.output.views import Lines
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.workflows.grep import GrepRow

SECTION = "Read files of a guest"
WAITS = True
EXAMPLES = (
    "imgtools grep disk.qcow2 PermitRootLogin /etc/ssh",
    "imgtools grep disk.qcow2 -i 'oom|out of memory' /var/log -n -C 2",
    "imgtools grep disk.qcow2 -F 10.0.0.17 /etc --include '*.conf' --include '*.yaml' -l",
    "imgtools grep disk.qcow2 'Failed password' '/var/log/auth.log*' --count",
    r"imgtools grep win.vmdk -i 'error' 'C:\Windows\Logs'",
)


Pattern = Annotated[
    str, typer.Argument(metavar="PATTERN", help="One of Python's regular expressions.", show_default=False)
]
Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PATH]...", help="Files, folders with all below them, patterns; else /.", show_default=False
    ),
]
Fixed = Annotated[bool, typer.Option("--fixed-strings", "-F", help="PATTERN is the text itself.")]
AnyCase = Annotated[bool, typer.Option("--ignore-case", "-i", help="In any letter case.")]
Word = Annotated[bool, typer.Option("--word-regexp", "-w", help="Only as a whole word.")]
Whole = Annotated[bool, typer.Option("--line-regexp", "-x", help="Only as a whole line.")]
Invert = Annotated[bool, typer.Option("--invert-match", "-v", help="Lines without it.")]
Only = Annotated[bool, typer.Option("--only-matching", "-o", help="Only what matches.")]
Count = Annotated[bool, typer.Option("--count", "-c", help="How many lines in each file that has one.")]
Names = Annotated[bool, typer.Option("--files-with-matches", "-l", help="Only the files' names.")]
Number = Annotated[bool, typer.Option("--line-number", "-n", help="The number of each line.")]
Before = Annotated[int, typer.Option("--before-context", "-B", metavar="N", min=0, help="Lines before.")]
After = Annotated[int, typer.Option("--after-context", "-A", metavar="N", min=0, help="Lines after.")]
Around = Annotated[int, typer.Option("--context", "-C", metavar="N", min=0, help="Lines before and after.")]
Most = Annotated[int | None, typer.Option("--max-count", metavar="N", min=1, help="Lines of a file at most.")]
Include = Annotated[
    list[str] | None, typer.Option("--include", metavar="GLOB", help="Only files of such names; repeat it.")
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="GLOB", help="No files of such names; repeat it.")
]
ExcludeDir = Annotated[
    list[str] | None, typer.Option("--exclude-dir", metavar="GLOB", help="No such folders; repeat it.")
]
AsText = Annotated[bool, typer.Option("--text", help="Lines of binary files too.")]


def command(
    source: Source,
    out: Output,
    pattern: Pattern,
    paths: Paths = None,
    fixed: Fixed = False,
    ignore_case: AnyCase = False,
    word: Word = False,
    whole: Whole = False,
    invert: Invert = False,
    only: Only = False,
    count: Count = False,
    names: Names = False,
    number: Number = False,
    before: Before = 0,
    after: After = 0,
    context: Around = 0,
    most: Most = None,
    include: Include = None,
    exclude: Exclude = None,
    exclude_dir: ExcludeDir = None,
    as_text: AsText = False,
) -> None:
    """Look for a text in files of the guest.

    Folders are searched with all that is below them. Rotated logs are unpacked (gz, xz, bz2, zst), and the text of
    Windows in UTF-16 is read as what it says. Of a binary file it is only said that something matches.

    Exit code 0 if something is found, 1 if nothing is, or if a file cannot be read; a warning says which.
    """
    from imgtools.files.line_search import LinePattern
    from imgtools.workflows.grep import GrepWanted, open_grep

    _require_one_answer(count, names, only)
    looked_for = LinePattern(
        pattern,
        fixed,
        ignore_case,
        word,
        whole,
        invert,
        before or context,
        after or context,
        1 if names else most,
    )
    wanted = GrepWanted(tuple(include or ()), tuple(exclude or ()), tuple(exclude_dir or ()), as_text, only)
    with open_grep(source, looked_for, paths or ["/"], wanted) as found:

        def view() -> Lines:
            if count or names:
                return Lines(_of_files(found.rows, count=count))
            parted = looked_for.before + looked_for.after > 0
            return Lines(_texts(found.rows, with_path=found.several, number=number, parted=parted))

        out.show_long(lambda: found.report(()), found.rows, field="rows", schema="imgtools.grep/1", view=view)
        fine = found.found and not found.refused
    if not fine:
        raise typer.Exit(1)


def _require_one_answer(*wanted: bool) -> None:
    if sum(wanted) > 1:
        raise UsageError(
            "--count, --files-with-matches and --only-matching are three answers", hint="choose one"
        )


def _of_files(rows: Iterable[GrepRow], *, count: bool) -> Iterator[str]:
    for path, group in groupby(rows, key=lambda row: row.path):
        number = sum(row.match for row in group)
        yield f"{path}:{number}" if count else path


def _texts(rows: Iterable[GrepRow], *, with_path: bool, number: bool, parted: bool) -> Iterator[str]:
    """Write lines as grep does: a colon behind what tells where a match is, a hyphen where a line stands beside one."""
    last: GrepRow | None = None
    for row in rows:
        if parted and last is not None and (row.path, row.line) != (last.path, last.line + 1):
            yield "--"
        last = row
        if row.binary:
            yield f"{row.path}: binary file matches"
            continue
        mark = ":" if row.match else "-"
        where = [row.path] if with_path else []
        where += [str(row.line)] if number else []
        yield "".join(f"{word}{mark}" for word in where) + row.text
