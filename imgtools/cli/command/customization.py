"""The options of the customize shelf: one for each operation, carried out in the order of the command line.

The shelf is not imported for them, because help must be quick: an operation's summary and metavar are read from its
source.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from imgtools.errors import UsageError
from imgtools.records.request import Customization

PANEL = "Customization, in the order given"
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
        return typer.Option(f"--{name}", metavar=metavar, help=text, rich_help_panel=PANEL)
    return typer.Option(f"--{name}", help=text, rich_help_panel=PANEL)


def parameters(own: Sequence[str]) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, annotation and default of each option, without those that a command has itself.

    :param own: the names of the command's parameters.
    """
    for one in offered():
        if one.name.replace("-", "_") not in own:
            kind: Any = list[str] | None if one.metavar else bool  # Any: a type as a value
            default = None if one.metavar else False
            yield PREFIX + one.name.replace("-", "_"), Annotated[kind, _option(*_said(one))], default
    text = "Take orders from a file: a line each, an option without its hyphens, then its value."
    yield (
        PREFIX + FROM_FILE.replace("-", "_"),
        Annotated[list[str] | None, _option(FROM_FILE, "FILE", text)],
        None,
    )
    text = "Hash passwords with yescrypt or sha512; without it, with what the guest uses."
    yield "password_method", Annotated[str, _option("password-method", "METHOD", text)], ""
    text = "Let the programs that are run in the guest reach the network."
    yield "network", Annotated[bool, _option("network", "", text)], False


def _said(one: Offered) -> tuple[str, str, str]:
    return one.name, one.metavar, one.text


class OrderedCommand(TyperCommand):
    """A command that remembers in which order its customizations were given, across options.

    Their values get numbers: ``--hostname a --delete /b`` is ``["1:a"]`` and ``["2:/b"]``.
    """

    def parse_args(
        self, ctx: Any, args: list[str]
    ) -> list[str]:  # Any: typer's bundled click has no public name
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        rest: list[str] = super().parse_args(ctx, args)
        names = [param.name or "" for param in given]
        for name in {name for name in names if name.startswith(PREFIX)}:
            numbers = [number for number, one in enumerate(names) if one == name]
            held = ctx.params[name]
            if isinstance(held, bool):
                ctx.params[name] = numbers[0] + 1
            else:
                ctx.params[name] = [f"{n}:{text}" for n, text in zip(numbers, held, strict=True)]
        return rest


def words_in_order(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the customizations that were given, name and text, as they stood on the command line."""
    numbered: list[tuple[int, str, str]] = []
    for key, held in values.items():
        name = key.removeprefix(PREFIX).replace("_", "-")
        if not key.startswith(PREFIX) or not held:
            continue
        for one in [f"{held - 1}:"] if isinstance(held, int) else held:
            number, _, text = one.partition(":")
            numbered.append((int(number), name, text))
    yield from ((name, text) for _, name, text in sorted(numbered))


def pack(values: Mapping[str, Any], ask: Callable[[str], str]) -> Customization:
    """Make orders of the options; what they need of the host (files, secrets) is read now.

    :raises UsageError: an order is not written as it has to be, or an option is about orders that are not there.
    """
    words = list(words_in_order(values))
    if not words:
        for key, option in (("network", "--network"), ("password_method", "--password-method")):
            if values[key]:
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
    return Customization(tuple(orders))
