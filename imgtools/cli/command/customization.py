"""The options of the customize shelf: one for each operation, carried out in the order of the command line.

The shelf is not imported for them, because help must be quick: an operation's summary and metavar are read from its
source.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from imgtools.cli.command.shared_options import ORDERS, Parameter
from imgtools.cli.command.typer_adapter import Given
from imgtools.errors import UsageError
from imgtools.records.request import Customization

PREFIX = "customize_"  # of the parameters' names: a command may have a parameter of the plain name
FROM_FILE = "commands-from-file"


@dataclass(frozen=True, slots=True)
class Offered:
    """One operation as an option; without a metavar it is a switch."""

    name: str
    metavar: str
    text: str


@functools.cache
def offered() -> tuple[Offered, ...]:
    """Read what the shelf offers, by name, from its sources."""
    shelf = files("imgtools") / "ops" / "customize"
    found = (_read(one.name, one.read_text("utf-8")) for one in shelf.iterdir() if one.name.endswith(".py"))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.name))


def _read(file_name: str, source: str) -> Offered | None:
    for node in ast.parse(source).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["OPERATION"]
        ):
            said = {
                word.arg: str(word.value.value)
                for word in node.value.keywords
                if isinstance(word.value, ast.Constant)
            }
            text = said.get("summary", "") + (f": {said['how']}" if "how" in said else "")
            name = file_name.removesuffix(".py").replace("_", "-")
            return Offered(name, said.get("metavar", "TEXT"), f"{text}.")
    return None


def _option(name: str, metavar: str, text: str) -> Any:  # Any: typer's own type
    if metavar:
        return typer.Option(f"--{name}", metavar=metavar, help=text, rich_help_panel=ORDERS)
    return typer.Option(f"--{name}", help=text, rich_help_panel=ORDERS)


def parameters(own: Sequence[str]) -> Iterator[Parameter]:
    """Yield each option, and the call itself, but no option that a command has of its own.

    :param own: the names of the command's parameters.
    """
    for one in offered():
        name = one.name.replace("-", "_")
        if name not in own:
            kind: Any = list[str] | None if one.metavar else bool  # Any: a type as a value
            default = None if one.metavar else False
            yield Parameter(PREFIX + name, Annotated[kind, _option(one.name, one.metavar, one.text)], default)
    text = "Take orders from a file: a line each, an option without its hyphens, then its value."
    from_file = Annotated[list[str] | None, _option(FROM_FILE, "FILE", text)]
    yield Parameter(PREFIX + FROM_FILE.replace("-", "_"), from_file, None)
    text = "Hash passwords with yescrypt or sha512; without it, with what the guest uses."
    yield Parameter("password_method", Annotated[str, _option("password-method", "METHOD", text)], "")
    text = (
        "Write random passwords into a new file of the host, for its owner only; without it, on the terminal."
    )
    yield Parameter("password_output", Annotated[Path | None, _option("password-output", "FILE", text)], None)
    text = "Let the programs that are run in the guest reach the network."
    yield Parameter("network", Annotated[bool, _option("network", "", text)], False)
    # The call, which knows in what order all these were given.
    yield Parameter("context", typer.Context, inspect.Parameter.empty)


def words_in_order(given: Iterable[Given]) -> Iterator[tuple[str, str]]:
    """Yield the customizations among what was given, name and text; a switch has no text."""
    for name, value in given:
        if name.startswith(PREFIX):
            yield name.removeprefix(PREFIX).replace("_", "-"), "" if isinstance(value, bool) else value


def pack(values: Mapping[str, Any], given: Iterable[Given], ask: Callable[[str], str]) -> Customization:
    """Make orders of the options; what they need of the host (files, secrets) is read now.

    :param values: the options that are about all orders.
    :param given: every option as it came; orders are carried out as they follow each other there.
    :raises UsageError: an order is not written as it has to be, or an option is about orders that are not there.
    """
    words = list(words_in_order(given))
    if not words:
        for key in ("network", "password_method", "password_output"):
            if values[key]:
                option = f"--{key.replace('_', '-')}"
                raise UsageError(f"{option} is about orders, and there is none", hint="see --help")
        return Customization()
    from imgtools.ops.command_file import read_command_file
    from imgtools.ops.customize_plan import read_order
    from imgtools.ops.operation import HostSide

    host = HostSide(ask, values["network"], values["password_method"])
    orders = []
    for name, text in words:
        if name == FROM_FILE:
            orders += read_command_file(Path(text), host)
        else:
            orders.append(read_order(name, text, host))
    return Customization(tuple(orders), values["password_output"])
