"""The command line: finds the commands, runs one, and turns errors into exit codes.

A module of this package is a command, and its name is the command's name (``copy_in.py`` -> ``copy-in``); a
package in it is a group (``snapshot/list.py`` -> ``imgtools snapshot list``). A group may name a DEFAULT among
its commands, which runs when the first word is none of them, and OLD_NAMES of its commands. A command's module is
imported when it is needed. This is the only place that catches every exception.
"""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import FrameType, ModuleType
from typing import Annotated, Any

import typer

from imgtools.cli.command.groups import Filled, expand, instead_of_image, old_spellings
from imgtools.cli.command.listing import by_section, command_modules
from imgtools.cli.command.shared_options import show_version
from imgtools.cli.command.typer_adapter import (
    HELP,
    Context,
    HelpFormatter,
    HouseCommand,
    HouseGroup,
    WrongWords,
    complaint,
    made,
)
from imgtools.cli.output import standard
from imgtools.cli.output.clean import clean
from imgtools.errors import LONGEST_MESSAGE, ImgtoolsError, UsageError, host_fault, shorten

BUG = 70  # EX_SOFTWARE of sysexits.h


class Signalled(BaseException):
    """A signal asks us to end. An exception, so that every ``with`` on the way out cleans up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class ReaderGone(BaseException):
    """Nobody reads our output any more (``| head``). Its own class, because typer would make exit code 1 of it."""


class CommandGroup(HouseGroup):
    """A group that imports a command when it is asked for."""

    package = "imgtools.cli"
    default = ""  # of the group's commands, when no word names one
    filled: Mapping[
        Any, Filled
    ] = {}  # what is known already of what its commands take: Any is a group of options
    old_commands: Mapping[str, str] = {}  # what a command was called before, to its name of today

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse the words before the command."""
        if self.default and args and not self.has(args[0]) and args[0] not in HELP:
            args = [self.default, *args]
        elif args[:1] == ["help"] and not self.default:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def make_context(self, *words: Any, **more: Any) -> Context:  # Any: as typer's own; it prints the help
        """Begin a call."""
        try:
            return super().make_context(*words, **more)
        except BrokenPipeError:
            raise ReaderGone from None

    def invoke(self, ctx: Context) -> Any:  # Any: what a command returns
        """Run the command."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except (ReaderGone, BrokenPipeError):
            raise ReaderGone from None
        return result

    def resolve_command(self, ctx: Context, args: list[str]) -> Any:  # Any: a command of any kind
        """Find the command that the words name, or say what they may have meant."""
        if not ctx.resilient_parsing and not self.has(args[0]):
            from imgtools.cli.command.wrong_words import unknown_command

            raise unknown_command(ctx.command_path, args, self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def has(self, name: str) -> bool:
        """Whether there is a command of this name, of today or before."""
        return self.old_commands.get(name, name) in command_modules(self.package)

    def list_commands(self, ctx: Any) -> list[str]:  # Any: a context, which we do not look at
        """Return the names of the commands."""
        return list(command_modules(self.package))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # Any: a command of any kind
        """Return one command by its name of today or before, or None."""
        modules = command_modules(self.package)
        name = self.old_commands.get(cmd_name, cmd_name)
        return load_command(name, modules[name], self.filled) if name in modules else None


class Program(CommandGroup):
    """The program itself: its help lists the commands by what one wants to do."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse the words before the command; ``-v`` alone asks for the version, as elsewhere."""
        return super().parse_args(ctx, ["--version"] if args == ["-v"] else args)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """List the commands, a line each."""
        sections = list(by_section())
        width = max(len(one.name) for _, members in sections for one in members)
        for section, members in sections:
            with formatter.section(section):
                formatter.write_dl([(f"{one.name:{width}}", one.summary) for one in members])


def load_command(
    name: str, module_name: str, filled: Mapping[Any, Filled] | None = None
) -> Any:  # Any: typer's object for a command or a group
    """Import one command (or group of commands) and return it as typer's object.

    :param filled: as :func:`imgtools.cli.command.groups.expand`; examples are of the command line then, and left out.
    """
    module = importlib.import_module(module_name)
    if hasattr(module, "__path__"):
        return _load_group(name, module, filled or {})
    kind: type[HouseCommand] = getattr(
        module, "KIND", HouseCommand
    )  # where words are read in a way of its own
    waiting = name if getattr(module, "WAITS", False) else ""
    function = expand(module.command, waiting, getattr(module, "SEVERAL", None), filled or {})
    app = typer.Typer(add_completion=False)
    told = flowing(module.command.__doc__ or "")
    app.command(name, help=told, epilog="" if filled else _epilog(module), cls=kind)(function)
    found = made(app)
    found.name, found.old_names, found.instead = name, old_spellings(function), instead_of_image(function)
    return found


def _load_group(name: str, module: ModuleType, filled: Mapping[Any, Filled]) -> Any:  # Any: typer's object
    told = flowing(module.__doc__ or "")
    app = typer.Typer(cls=CommandGroup, help=told, no_args_is_help=True, add_completion=False)
    app.callback()(lambda: None)
    found = made(app)
    found.name, found.package, found.filled = name, module.__name__, filled
    found.default = getattr(module, "DEFAULT", "")
    found.old_commands = getattr(module, "OLD_NAMES", {})
    return found


def flowing(docstring: str) -> str:
    """Return a docstring without its line breaks, which are those of the source: the help breaks lines by itself."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


def _epilog(module: ModuleType) -> str:
    """Examples stand at the end of the help, a line each."""
    examples: Sequence[str] = getattr(module, "EXAMPLES", ())
    return "\n\n".join(["Examples:", *(f"  {example}" for example in examples)]) if examples else ""


app = typer.Typer(
    cls=Program,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": HELP},
    help="Read, change, repair and clone the disks of virtual machines that are switched off.",
    epilog="Reading never changes an image. Commands that change one print their plan; --write does it. "
    "imgtools help COMMAND tells what a command takes.",
)


@app.callback()
def top(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=show_version,
            is_eager=True,
            help="Print the version, and those of the parts.",
        ),
    ] = False,
    no_confinement: Annotated[
        bool,
        typer.Option(
            "--no-confinement",
            help="Let programs and libraries that read a guest's bytes open every file of this user. "
            "Only for images that you trust, where a fence is in the way (docs/security.md).",
        ),
    ] = False,
) -> None:
    """Options before the command."""
    if no_confinement:
        os.environ["IMGTOOLS_NO_CONFINEMENT"] = "1"  # so that whatever is started knows it, too


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that docs/exit-codes.md promises."""
    words = list(sys.argv[1:] if argv is None else argv)
    _catch_signals()
    standard.prepare()
    try:
        code = app(args=words, prog_name="imgtools", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except standard.OutputLost as error:
        standard.let_go()
        _report(error, ())
        sys.exit(error.exit_code)
    except ImgtoolsError as error:
        _report(error, words)
        sys.exit(error.exit_code)
    except WrongWords as error:
        _report_words(error, words)
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
        standard.let_go()
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:  # the outermost: whatever comes here is a bug, and no traceback is for users
        if isinstance(error, OSError) and (fault := host_fault(error)) is not None:
            _report(fault, words)
            sys.exit(fault.exit_code)
        say(f"imgtools: a bug: {type(error).__name__}: {clean(str(error))}")
        if "-v" in words or "-vv" in words or "--verbose" in words:
            traceback.print_exc()
        else:
            say("  run again with -v and report what it prints")
        sys.exit(BUG)


def settled(call: Callable[[], None]) -> tuple[int, ImgtoolsError | None]:
    """Run a command for one of many images to its end; return its exit code, and the error it ended with."""
    from imgtools.workflows import settled as ending  # what most commands do without

    def ended() -> int:
        try:
            call()
        except typer.Exit as end:
            return end.exit_code
        return 0

    code, error = ending.settled(ended)
    return (code or 0, None) if error is None else (error.exit_code, error)


def _report_words(error: WrongWords, words: Sequence[str]) -> None:
    found = complaint(error)
    if found.is_help:
        say(found.message)
        return
    from imgtools.cli.command.wrong_words import usage_error

    _report(usage_error(found), words)


def _report(error: ImgtoolsError, words: Sequence[str]) -> None:
    options = words[: words.index("--")] if "--" in words else words
    if "--json" in options:
        from imgtools.cli.output.json_text import error_text

        try:
            sys.stdout.write(error_text(error))
            sys.stdout.flush()
        except (BrokenPipeError, standard.OutputLost):  # the error itself is what counts
            standard.let_go()
    say(f"imgtools: {clean(shorten(error.message, LONGEST_MESSAGE))}")
    if error.hint:
        say(f"  hint: {clean(shorten(error.hint, LONGEST_MESSAGE))}")


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
