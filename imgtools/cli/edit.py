"""imgtools edit."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.errors import EditConflict, UsageError

if TYPE_CHECKING:
    from imgtools.workflows.edit import Edit
    from imgtools.workflows.writing import PlanReport, ReadyVerb

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools edit disk.qcow2 /etc/fstab",
    "imgtools edit -e 's/^root:.*?:/root::/' disk.qcow2 /etc/passwd --write",
    "imgtools edit -e 's/^#?Port .*/Port 2222/' --backup .bak disk.qcow2 /etc/ssh/sshd_config --write",
)
NOTES = """
`-e` takes Python's regular expressions, line by line as virt-edit does, so `^` and `$` are the ends of a line and
the first match of each line is replaced. Flags: `g` all matches, `i` any letter case, `w` the whole text at once,
or a number of matches. Any character may stand for the slash: `s|/bin/sh|/bin/bash|`.

Before anything is written the new text is checked: sudoers with `visudo -c`, fstab against the volumes of this
image, JSON, YAML and TOML, the fields of account files, and every file that Augeas has a lens for. `--no-check`
writes it all the same.
"""


EditedFile = Annotated[str, typer.Argument(metavar="PATH", help="The file in the guest.", show_default=False)]
Expressions = Annotated[
    list[str] | None,
    typer.Option("--expression", "-e", metavar="EXPR", help="s/old/new/flags; repeat it."),
]
Backup = Annotated[
    str, typer.Option("--backup", "-b", metavar="ENDING", help="Keep the old content beside it: .bak")
]


def command(
    source: Source,
    target: Target,
    out: Output,
    path: EditedFile,
    expressions: Expressions = None,
    backup: Backup = "",
) -> None:
    """Edit a text file of the guest.

    Opens $VISUAL or $EDITOR, or with -e makes scripted changes, and shows the difference. The file keeps its mode,
    owner and labels. After an editor a terminal is asked whether to write; otherwise --write or --output does it.
    """
    verb = ready(path, expressions, backup)
    with out.progress("Writing") as progress:
        report = verb(source, target, progress=progress)
    show_plan(out, report)
    asks = not expressions and not target.counts and report.changes and out.on_terminal
    if asks and typer.confirm("Write these changes?", err=True):
        report = verb(source, target._replace(write=True))
        out.note(f"Written to {report.image}.")


def ready(path: EditedFile, expressions: Expressions = None, backup: Backup = "") -> ReadyVerb[PlanReport]:
    """Return what these words ask for, for any image."""
    from imgtools.workflows.edit import by_expressions, edit_file

    # One that does not parse is found before the image is opened.
    edit = by_expressions(expressions) if expressions else _by_hand()
    return partial(edit_file, path=path, edit=edit, backup=backup)


def _by_hand() -> Edit:
    """An edit that asks the person once, and gives the same answer for the same content afterwards."""
    from imgtools.change.editor import edit_with_program, is_editor_named

    # An editor that was named may be a program that needs no terminal.
    if not sys.stdin.isatty() and not is_editor_named():
        raise UsageError(
            "no terminal to run an editor on", hint="make scripted changes: -e s/old/new/, or set $EDITOR"
        )
    answers: dict[bytes, bytes] = {}

    def edit(content: bytes, name: str) -> bytes:
        if answers and content not in answers:
            raise EditConflict(f"{name} has changed since it was edited", hint="edit it again")
        if content not in answers:
            answers[content] = edit_with_program(content, name)
        return answers[content]

    return edit
