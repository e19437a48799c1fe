"""virt-edit: edit files of a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.sources import KEYS, MOUNT, NAMING, SPEAKING, source, writing
from imgtools.compat.text import put
from imgtools.compat.words import Words, valued
from imgtools.errors import UsageError
from imgtools.records.request import Target

if TYPE_CHECKING:
    from imgtools.workflows.edit import Edit

OPTIONS = (*NAMING, *KEYS, MOUNT, valued("--backup", "-b"), valued("--expr", "--edit", "-e"), *SPEAKING)


def run(words: Words) -> int:
    """Edit each file, in an editor or by an expression; each is a transaction of its own."""
    from imgtools.workflows.edit import edit_file

    files = words.rest
    old: tuple[str, ...] = ()
    if not words.has("--add") and not words.has("--domain"):
        old, files = files[:-1], files[-1:]
    if not files:
        raise UsageError("no file is named", hint=f"{words.program} -a IMAGE FILE ...")
    for name in ("--expr", "--backup"):
        if len(words.all(name)) > 1:
            raise UsageError(f"{name} option given multiple times", hint="give it once")
    request = writing(source(words, old))
    expression, ending = words.last("--expr"), words.last("--backup") or ""
    edit = _by_hand() if expression is None else _scripted(expression)
    for path in files:
        report = edit_file(request, Target(write=True), path, edit, backup=ending)
        report_warnings(words, report.warnings)
        if not report.changed:
            put("File not changed.\n")
    return 0


def _scripted(expression: str) -> Edit:
    """An edit by ``s/old/new/flags``: no other Perl is run.

    :raises UsageError: it is something else.
    """
    from imgtools.compat.perl_expression import edited

    edited(b"", expression)
    return lambda content, name: edited(content, expression)


def _by_hand() -> Edit:
    from imgtools.change.editor import edit_with_program

    return edit_with_program
