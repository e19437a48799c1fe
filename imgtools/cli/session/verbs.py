"""The commands of a session: those of the program that are about a guest, with the image filled in, and its own.

Nothing is written twice: a command is the same module, function and options as on the command line. What says which
image, how it is opened and where a plan goes is left out; the session knows it.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import typer

from imgtools.cli.app import CommandGroup
from imgtools.cli.command.groups import (
    EachImage,
    EachPlace,
    EachSource,
    Filled,
    Output,
    Source,
    Target,
)
from imgtools.cli.command.listing import SECTIONS, Listed, command_modules, listed
from imgtools.cli.command.peers import SAME
from imgtools.cli.command.shared_options import HOW_TO_SPEAK, HOW_TO_WRITE, Parameter, PathArgument
from imgtools.cli.command.typer_adapter import Context, HelpFormatter, made
from imgtools.errors import UsageError
from imgtools.workflows.shell import GuestSession

OWN = "imgtools.cli.session.own"
OWN_SECTION = "The session"
_ABOUT_A_GUEST = re.compile(
    r"(?m)(?:^    |^def command\()(?:source|place): (?:Source|EachSource|EachPlace|EachImage),"
)
# What is about a guest and not done in a session, and why: each is a command of the host behind a !.
NOT_HERE: Mapping[str, str] = {
    "boot": "it boots the image as it is, without what is planned",
    "info": "it is about the image file",
    "mount": "it goes on when the session has ended",
    "rescue": "it changes what no plan foresees",
    "shell": "this is one",
}


def program_verbs() -> Mapping[str, str]:
    """Return the commands of the program that a session has, each with its module."""
    return {name: module for name, module in guest_commands().items() if name not in NOT_HERE}


@cache
def guest_commands() -> Mapping[str, str]:
    """Return the commands of the program that are about a guest, by their sources: none is imported for that."""
    folder = Path(importlib.import_module("imgtools.cli").__path__[0])
    found = {}
    for name, module in command_modules().items():
        place = folder / module.rpartition(".")[2]
        sources = place.glob("*.py") if place.is_dir() else [place.with_suffix(".py")]
        if any(_ABOUT_A_GUEST.search(one.read_text("utf-8")) for one in sources):
            found[name] = module
    return found


def session_commands() -> Mapping[str, str]:
    """Return all commands of a session, each with its module."""
    return dict(sorted({**program_verbs(), **command_modules(OWN)}.items()))


class SessionGroup(CommandGroup):
    """The commands of a session."""

    old_commands: Mapping[str, str] = {"quit": "exit"}
    image = "IMAGE"  # as the user called it, for hints

    def has(self, name: str) -> bool:
        """Whether there is a command of this name."""
        return self.old_commands.get(name, name) in session_commands()

    def list_commands(self, ctx: Any) -> list[str]:  # Any: as in CommandGroup
        """Return the names of the commands."""
        return list(session_commands())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # Any: as in CommandGroup
        """Return one command by its name, or None."""
        from imgtools.cli.app import load_command

        name = self.old_commands.get(cmd_name, cmd_name)
        module = session_commands().get(name)
        return None if module is None else load_command(name, module, self.filled)

    def resolve_command(self, ctx: Context, args: list[str]) -> Any:  # Any: as in CommandGroup
        """Find the command that the words name, or say what they may have meant."""
        if not self.has(args[0]):
            raise _unknown(args[0], self.image)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """List the commands, a line each, below what one wants to do."""
        sections = list(_by_section())
        width = max(len(one.name) for _, members in sections for one in members)
        for section, members in sections:
            with formatter.section(section):
                formatter.write_dl([(f"{one.name:{width}}", one.summary) for one in members])


def _by_section() -> list[tuple[str, list[Listed]]]:
    verbs = program_verbs()
    found = [(OWN_SECTION, list(listed(OWN)))]
    ours = [one for one in listed() if one.name in verbs]
    for section in SECTIONS:
        if members := [one for one in ours if one.section == section]:
            found.append((section, members))
    return found


def _unknown(word: str, image: str) -> UsageError:
    """Return the error for a first word that is no command here."""
    if word in command_modules():
        why = NOT_HERE.get(word, "it is about image files, not about the guest in one")
        return UsageError(f"{word} is no command of a session: {why}", hint=f"!imgtools {word} {image}")
    known = list(session_commands())
    same = SAME.get(word, "")
    near = [same] if same.partition(" ")[0] in known else difflib.get_close_matches(word, known)
    hint = f"did you mean {', '.join(near)}? or: help" if near else f"help; a command of the host: !{word}"
    return UsageError(f"no such command {word!r}", hint=hint)


def session_group(filled: Mapping[Any, Filled], image: str) -> SessionGroup:
    """Return the commands of a session as one that takes a line's words.

    :param filled: what the commands' groups of options are here.
    :param image: as the user called it.
    """
    app = typer.Typer(
        cls=SessionGroup,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["--help", "-h"]},
        help="COMMAND WORDS, as on the command line without the image. `help COMMAND` tells what one takes.",
        epilog="`COMMAND | host command`, `COMMAND > file` and `!host command` are of this host. "
        "A # begins a comment; in a script, - in front of a line goes on after an error.",
    )
    app.callback()(lambda: None)
    found: SessionGroup = made(app)
    found.filled, found.image = filled, image
    return found


def filled_groups(
    session: GuestSession, speak: Callable[[dict[str, Any]], Output]
) -> Mapping[Any, Filled]:  # Any: a group of options
    """Return what the groups of options of commands are in a session."""
    request = Filled((), lambda values: session.request)
    place = Parameter("path", PathArgument, None)
    kept = tuple(one for one in HOW_TO_WRITE if one.name in ("dry_run", "check"))
    return {
        Source: request,
        EachSource: request,
        EachImage: request,
        EachPlace: Filled((place,), lambda values: EachPlace(session.request, values["path"] or ".")),
        Target: Filled(kept, lambda values: Target(check=values["check"], gathers=not values["dry_run"])),
        GuestSession: Filled((), lambda values: session),
        Output: Filled(tuple(one for one in HOW_TO_SPEAK if one.name != "version"), speak),
    }


def own_words(name: str) -> Sequence[inspect.Parameter]:
    """Return the parameters of a command's function as it declares them."""
    module = importlib.import_module(session_commands()[name])
    return list(inspect.signature(module.command).parameters.values())
