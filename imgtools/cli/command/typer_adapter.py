"""Everything of typer that has no public name, and nothing else of it: the only file that a new typer can break.

typer brings a click of its own under a private name, reads options into private classes, and parses with a private
parser. What we need of that is here; tests/unit/cli/command/test_typer_adapter.py uses each of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import Annotated, Any, NamedTuple, get_args

from typer._click.core import Command, Context
from typer._click.exceptions import ClickException, NoArgsIsHelpError, NoSuchOption
from typer._click.formatting import HelpFormatter
from typer._click.parser import _OptionParser
from typer.core import TyperCommand, TyperGroup
from typer.main import Typer, get_command
from typer.models import ArgumentInfo, OptionInfo

from imgtools.errors import UsageError

__all__ = [
    "HELP",
    "Complaint",
    "Context",
    "Declared",
    "Given",
    "HelpFormatter",
    "HouseCommand",
    "HouseGroup",
    "WrongWords",
    "complaint",
    "declared",
    "first_argument",
    "given_in_order",
    "made",
    "panel_of",
    "spellings",
    "taken",
    "without",
]

HELP = ["--help", "-h"]
WrongWords = ClickException  # what typer raises about words of the user
_WORDS = "imgtools.words"  # of a call, in its context's own notes


class Given(NamedTuple):
    """One option as it was given: its parameter's name, and what stood behind it."""

    parameter: str
    value: Any  # the word as it was typed, or for a switch whether


class _HouseWords(Command):
    """What our commands and groups have in common: other spellings of an option, and ``-h``."""

    old_names: Mapping[str, str] = {}  # spelling to the spelling of today

    def make_parser(self, ctx: Context) -> _OptionParser:
        """Return typer's parser, which takes the old spellings of each option too."""
        parser = super().make_parser(ctx)
        for old, new in self.old_names.items():
            option = parser._long_opt.get(new) or parser._short_opt[new]
            (parser._long_opt if old.startswith("--") else parser._short_opt)[old] = option
        return parser

    def get_help_option_names(self, ctx: Context) -> list[str]:
        """Return how help is asked for, always in one order; ``-h`` only where it means nothing else."""
        left = super().get_help_option_names(ctx)
        return [name for name in HELP if name in left and name not in self.old_names]


class HouseCommand(_HouseWords, TyperCommand):
    """A command that keeps its words, so that one can ask in which order its options were given."""

    # Options in place of the first argument, each with its spelling: where one is given, no word is that argument.
    instead: Mapping[str, str] = {}

    def arranged(self, words: list[str]) -> list[str]:
        """Return the words as the parser should see them."""
        return words

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse the words, and keep them."""
        words = self._with_first(ctx, self.arranged(args))
        ctx.meta[_WORDS] = tuple(words)
        return super().parse_args(ctx, words)

    def _with_first(self, ctx: Context, words: list[str]) -> list[str]:
        """Return the words with an empty one for the first argument, if an option says what it would."""
        if not self.instead or ctx.resilient_parsing:
            return words
        values, _, _ = self.make_parser(ctx).parse_args(args=list(words))
        given = next((option for name, option in self.instead.items() if values.get(name)), "")
        if not given:
            return words
        _, left, _ = self.make_parser(ctx).parse_args(args=["", *words])
        if left:
            what = "two ways to say which image" if len(left) == 1 else "more words than are taken"
            raise UsageError(f"{given} and {' '.join(left)} are {what}", hint="leave one of them away")
        return ["", *words]


def given_in_order(context: Context) -> tuple[Given, ...]:
    """Return the options and arguments of a call in the order in which they were given, across options.

    typer gives each option the list of its own words; its parser, asked once more, tells how they follow each other.
    """
    parser = context.command.make_parser(context)
    values, _, order = parser.parse_args(args=list(context.meta[_WORDS]))
    left = {name: iter(held) for name, held in values.items() if isinstance(held, list)}
    names = (one.name or "" for one in order)
    return tuple(Given(name, next(left[name]) if name in left else values[name]) for name in names)


class HouseGroup(_HouseWords, TyperGroup):
    """A group of commands; what it holds is for those to say who make it."""


def made(app: Typer) -> Any:  # Any: a command or a group, of which callers use public methods
    """Return what an app was declared to be: a group, or its only command."""
    return get_command(app)


# -- what typer complains about -----------------------------------------------------------------------------


class Complaint(NamedTuple):
    """What is wrong with the words of the user."""

    message: str
    path: str  # of the command that was asked: "imgtools snapshot list"
    option: str  # that nobody knows, or ""
    near: tuple[str, ...]  # what might have been meant
    is_help: bool  # the message is a help text: no words were given at all


def complaint(error: WrongWords) -> Complaint:
    """Return what typer says in a form of our own."""
    context: Context | None = getattr(error, "ctx", None)
    old_names: Mapping[str, str] = getattr(context.command, "old_names", {}) if context is not None else {}
    near = (error.possibilities or ()) if isinstance(error, NoSuchOption) else ()
    return Complaint(
        message=error.message if isinstance(error, NoSuchOption) else error.format_message().strip(),
        path=context.command_path if context is not None else "imgtools",
        option=error.option_name if isinstance(error, NoSuchOption) else "",
        near=tuple(dict.fromkeys(old_names.get(one, one) for one in near)),
        is_help=isinstance(error, NoArgsIsHelpError),
    )


# -- what was declared --------------------------------------------------------------------------------------


class Declared(NamedTuple):
    """One parameter of a command as its function declares it."""

    spellings: tuple[str, ...]  # of an option, those with one hyphen first; of an argument none
    kind: Any  # the annotated type
    metavar: str
    text: str
    panel: str
    hidden: bool
    counts: bool  # it may be repeated, and takes no word
    shows_default: bool
    is_argument: bool


def declared(parameter: inspect.Parameter) -> Declared | None:
    """Return what a parameter of a command's function declares; None if it is neither option nor argument."""
    kind, *extras = get_args(parameter.annotation) or (parameter.annotation,)
    info = next((extra for extra in extras if isinstance(extra, OptionInfo | ArgumentInfo)), None)
    if info is None:
        return None
    names = spellings(parameter.annotation) or (f"--{parameter.name.replace('_', '-')}",)
    is_argument = isinstance(info, ArgumentInfo)
    return Declared(
        spellings=() if is_argument else tuple(sorted(names, key=lambda name: name.startswith("--"))),
        kind=kind,
        metavar=info.metavar or "",
        text=info.help or "",
        panel=info.rich_help_panel or "",
        hidden=info.hidden,
        counts=bool(isinstance(info, OptionInfo) and info.count),
        shows_default=info.show_default is not False,
        is_argument=is_argument,
    )


def spellings(annotation: Any) -> tuple[str, ...]:  # Any: an annotation
    """Return how an annotated option is written, as it was declared; nothing for an argument."""
    for info in getattr(annotation, "__metadata__", ()):
        if isinstance(info, OptionInfo):
            # In an Annotated, typer keeps the first spelling where a default would stand.
            words = (info.default, *(info.param_decls or ()))
            return tuple(word for word in words if isinstance(word, str) and word.startswith("-"))
    return ()


def without(annotation: Any, letters: Collection[str]) -> Any:  # Any: an annotation
    """Return an annotated option without some of its spellings; one at least has to be left."""
    kind, *extras = get_args(annotation)
    left = [word for word in spellings(annotation) if word not in letters]
    for place, info in enumerate(extras):
        if isinstance(info, OptionInfo):
            extras[place] = copy(info)
            extras[place].default, extras[place].param_decls = left[0], tuple(left[1:])
    return Annotated[(kind, *extras)]


def panel_of(annotation: Any) -> str | None:  # Any: an annotation
    """Return the heading in the help below which an annotated parameter stands."""
    for info in getattr(annotation, "__metadata__", ()):
        if isinstance(info, OptionInfo | ArgumentInfo):
            return info.rich_help_panel
    return None


def first_argument(found: HouseCommand, words: Sequence[str]) -> int:
    """Return the place of the first word that is neither an option nor what follows one; their number if none is.

    What is not written as it has to be is left for whoever parses the words.
    """
    parser = found.make_parser(Context(found, resilient_parsing=True))
    parser.allow_interspersed_args = False
    arguments = [one.name or "" for one in found.params if one.param_type_name == "argument"]
    try:
        values, left, _ = parser.parse_args(args=list(words))
    except WrongWords:
        return len(words)
    given = (values.get(name) for name in arguments)
    rest = [word for one in given for word in ([one] if isinstance(one, str) else one or ())]
    return len(words) - len(rest) - len(left)


def taken(found: Any) -> dict[str, tuple[str, str]]:  # Any: what made() returns
    """Return every spelling that a command or group takes, hidden ones too: its parameter, and what follows.

    What follows is ``nothing``, a ``value``, or ``values`` (the option may be repeated).
    """
    parser = found.make_parser(found.make_context(found.name, [], resilient_parsing=True))
    options = {**parser._long_opt, **parser._short_opt}
    return {
        spelling: (
            str(option.dest),
            "nothing" if not option.takes_value else "values" if option.action == "append" else "value",
        )
        for spelling, option in sorted(options.items())
    }
