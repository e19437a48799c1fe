"""What the commands on image files share: option words, secrets, how a plan is shown."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, ask_secret
from imgtools.cli.command.option_names import old
from imgtools.cli.output.views import Lines
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.records.request import Secret
    from imgtools.records.steps import DiskStep
    from imgtools.records.system import Warned

CreateOptions = Annotated[
    list[str] | None,
    typer.Option(
        "-o", metavar="NAME=VALUE", help="An option of the format, as qemu-img takes it; repeat it."
    ),
]
BackingFormat = Annotated[
    str | None,
    typer.Option(*names.BACKING_FORMAT.words, metavar="FORMAT", help="Format of the backing file."),
]
Target = Annotated[Path, typer.Argument(metavar="TARGET", help="The new file.", show_default=False)]
SECRET_HELP = "file:PATH, env:NAME or ask."


class Preallocation(StrEnum):
    """How much of an image is given to it at once."""

    OFF = "off"
    METADATA = "metadata"
    FALLOC = "falloc"
    FULL = "full"


PreallocationOption = Annotated[
    Preallocation | None, typer.Option("--preallocation", help="What is allocated at once.")
]
NewKey = Annotated[
    str | None,
    typer.Option(
        *names.NEW_KEY.words, metavar="SECRET", help=f"Encrypt with LUKS; the passphrase: {SECRET_HELP}"
    ),
    old("--secret"),
]


class Planned(Protocol):
    """A report of a change that is shown before it is made."""

    @property
    def changes(self) -> tuple[DiskStep, ...]:
        """What is done, step by step."""

    @property
    def written(self) -> bool:
        """Whether it was done."""

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What one should know."""


def show_plan(out: Output, report: Planned, *, schema: str, how: str = "--write does it") -> None:
    """Show what was done, or what would be."""
    out.show(report, schema=schema, view=lambda: Lines([step.summary for step in report.changes]))
    if not report.written and report.changes:
        out.note(f"Nothing was changed; {how}.")


def secret_from(text: str | None, prompt: str, *, new: bool = True) -> Secret | None:
    """Return the secret that ``file:PATH``, ``env:NAME`` or ``ask`` names; None for no text.

    :param new: it is asked for twice, because nobody could open an image with a passphrase mistyped.
    """
    if text is None:
        return None
    from imgtools.workflows.secret import read_secret_word

    return read_secret_word(text, prompt, _ask_twice if new else ask_secret)


def _ask_twice(prompt: str) -> str:
    first = ask_secret(prompt)
    if ask_secret("The same again: ") != first:
        raise UsageError("the two passphrases differ")
    return first


def words(options: Sequence[str] | None) -> tuple[str, ...]:
    """The words behind ``-o``, of which there may be none."""
    return tuple(options or ())
