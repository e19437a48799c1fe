"""The command line: finds the commands, runs one, and turns errors into exit codes.

A module of this package is a command, and its name is the command's name (``copy_in.py`` -> ``copy-in``); a
package in it is a group (``snapshot/list.py`` -> ``imgtools snapshot list``). A group may name a DEFAULT among
its commands, which runs when the first word is none of them. A command's module is imported when it is needed.
This is the only place that catches every exception.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from imgtools import __version__
from imgtools.cli.command.customization import OrderedCommand
from imgtools.cli.command.groups import expand
from imgtools.cli.output.output import clean, error_envelope
from imgtools.errors import ImgtoolsError, UsageError

# Modules of this package that are not commands.
SHARED = frozenset({"app", "command", "output"})
BUG = 70  # EX_SOFTWARE of sysexits.h
# The base of what typer raises about words: ClickException of the click that it brings, which has no public name.
_WRONG_WORDS: Any = typer.BadParameter.__mro__[2]


class Signalled(BaseException):
    """A signal asks us to end. An exception, so that every ``with`` on the way out cleans up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class ReaderGone(BaseException):
    """Nobody reads our output any more (``| head``). Its own class, because typer would make exit code 1 of it."""


def command_modules(package: str = "imgtools.cli") -> dict[str, str]:
    """Return command name to module name, for the commands of one package."""
    path = importlib.import_module(package).__path__
    names = (info.name for info in pkgutil.iter_modules(path))
    return {
        name.rstrip("_").replace("_", "-"): f"{package}.{name}"
        for name in sorted(names)
        if name not in SHARED and not name.startswith("_")
    }


class CommandGroup(TyperGroup):
    """A group that imports a command when it is asked for."""

    package = "imgtools.cli"
    default = ""  # of the group's commands, when no word names one

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        known = {*command_modules(self.package), "--help"}
        if self.default and args and args[0] not in known:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def make_context(self, *words: Any, **more: Any) -> Any:  # which prints the help
        try:
            return super().make_context(*words, **more)
        except BrokenPipeError:
            raise ReaderGone from None

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (ReaderGone, BrokenPipeError):
            raise ReaderGone from None
        return result

    def list_commands(self, ctx: Any) -> list[str]:  # Any: typer's bundled click has no public name
        return list(command_modules(self.package))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        modules = command_modules(self.package)
        return load_command(cmd_name, modules[cmd_name]) if cmd_name in modules else None


def load_command(name: str, module_name: str) -> Any:
    """Import one command (or group of commands) and return it as typer's object."""
    module = importlib.import_module(module_name)
    if hasattr(module, "__path__"):
        names = {"package": module_name, "default": getattr(module, "DEFAULT", "")}
        group = type("Group", (CommandGroup,), names)
        app = typer.Typer(cls=group, help=module.__doc__, no_args_is_help=True, add_completion=False)
        app.callback()(lambda: None)
    else:
        app = typer.Typer(add_completion=False)
        kind = getattr(
            module, "KIND", OrderedCommand
        )  # of command, where its words are read in a way of their own
        waiting = name if getattr(module, "WAITS", False) else ""
        app.command(name, epilog=_epilog(module), cls=kind)(expand(module.command, waiting))
    found = typer.main.get_command(app)
    found.name = name
    return found


def _epilog(module: ModuleType) -> str:
    """Examples stand at the end of the help, a line each."""
    examples: Sequence[str] = getattr(module, "EXAMPLES", ())
    return "\n\n".join(["Examples:", *(f"  {example}" for example in examples)]) if examples else ""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imgtools {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Read, change, repair and clone the disks of virtual machines that are switched off.",
    epilog="Reading never changes an image. Commands that change one print their plan; --write does it.",
)


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that docs/exit-codes.md promises."""
    words = list(sys.argv[1:] if argv is None else argv)
    _catch_signals()
    try:
        code = app(args=words, prog_name="imgtools", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except ImgtoolsError as error:
        _report(error, words)
        sys.exit(error.exit_code)
    except _WRONG_WORDS as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # it holds the help
            error.show()
        else:
            _report(_usage(error), words)
        sys.exit(UsageError.exit_code)
    except typer.Abort:  # Ctrl-C or the end of the input where something is asked for
        say("imgtools: nothing was said, nothing was done")
        sys.exit(128 + signal.SIGINT)
    except Signalled as end:
        say(f"imgtools: ended by {signal.Signals(end.number).name}")
        sys.exit(128 + end.number)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except (ReaderGone, BrokenPipeError):
        # The reader of our output went away (| head): not an error, but nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
        say(f"imgtools: a bug: {type(error).__name__}: {clean(str(error))}")
        if "-v" in words or "-vv" in words or "--verbose" in words:
            traceback.print_exc()
        else:
            say("  run again with -v and report what it prints")
        sys.exit(BUG)


def _usage(error: Any) -> UsageError:  # Any: an error of typer's bundled click, which has no public name
    """Return what is wrong with the words in our own form: what, and on the next line what to type."""
    context = getattr(error, "ctx", None)
    message, _, near = error.format_message().strip().partition(" (Possible options: ")
    name = re.fullmatch(r"No such command '(.*)'\.?", message)
    group = getattr(context, "command", None)
    if name and isinstance(group, CommandGroup):
        import difflib  # takes 3 ms, which nobody else has to wait for

        near = ", ".join(difflib.get_close_matches(name[1], group.list_commands(context)))
    help = f"{context.command_path if context is not None else 'imgtools'} --help"
    meant = near.rstrip(").")
    return UsageError(
        message[:1].lower() + message[1:].rstrip("."),
        hint=f"did you mean {meant}? or: {help}" if meant else help,
    )


def _report(error: ImgtoolsError, words: Sequence[str]) -> None:
    options = words[: words.index("--")] if "--" in words else words
    if "--json" in options:
        sys.stdout.write(json.dumps(error_envelope(error), indent=2, ensure_ascii=False) + "\n")
    say(f"imgtools: {clean(error.message)}")
    if error.hint:
        say(f"  hint: {clean(error.hint)}")


def say(line: str) -> None:
    """Print one line on stderr."""
    sys.stderr.write(line + "\n")


def _catch_signals() -> None:
    def end(number: int, frame: FrameType | None) -> None:
        raise Signalled(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


if __name__ == "__main__":
    main()
