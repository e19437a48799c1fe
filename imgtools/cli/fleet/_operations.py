"""The operations of ``fleet apply``: what other commands do to one image, with their own options and words."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NamedTuple, get_type_hints

import typer

from imgtools.cli.command.groups import Customization, FleetImages, expand, fleet_of
from imgtools.cli.command.typer_adapter import Context, HouseCommand, first_argument, made
from imgtools.errors import UsageError

# Each with the module whose function ``ready`` takes its options and words.
OPERATIONS: Mapping[str, str] = {
    "config delete": "imgtools.cli.config.delete",
    "config set": "imgtools.cli.config.set",
    "customize": "imgtools.cli.customize",
    "edit": "imgtools.cli.edit",
    "repair": "imgtools.cli.repair",
    "sysprep": "imgtools.cli.sysprep",
}


class _Said(NamedTuple):
    """An operation in the words of a call."""

    name: str
    words: list[str]  # without it
    images: list[str]  # that stand behind ``--``


class ApplyWords(HouseCommand):
    """A command that is another one where its first word is an operation: with the options of both."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Context:
        """Begin a call, of this command or of that of an operation."""
        said = _operation(self, args)
        if said is None:
            return super().make_context(info_name, args, parent, **extra)
        made_of = operation_command(said.name, said.images)
        return made_of.make_context(f"{info_name} {said.name}", said.words, parent, **extra)


def _operation(command: HouseCommand, args: Sequence[str]) -> _Said | None:
    end = args.index("--") if "--" in args else len(args)
    before, images = list(args[:end]), list(args[end + 1 :])
    place = first_argument(command, before)
    for size in (2, 1):
        name = " ".join(before[place : place + size])
        if name in OPERATIONS:
            return _Said(name, [*before[:place], *before[place + size :]], images)
    if before[place : place + 1] == ["config"]:
        raise UsageError(
            "config is set or delete", hint="imgtools fleet apply config set PATH VALUE -- IMAGES"
        )
    return None


def operation_command(name: str, images: list[str]) -> HouseCommand:
    """Return the command of an operation on a fleet: its own options, and those of ``fleet apply``.

    :param images: what stands behind ``--``.
    """
    from imgtools.cli.fleet import apply

    module = import_module(OPERATIONS[name])
    ready: Callable[..., Any] = module.ready  # Any: what the operation takes and returns
    theirs = _parameters(ready, vars(module))
    ours = [one for one in _parameters(apply.command, vars(apply)) if one.name != "plan"]

    def command(**values: Any) -> None:
        given = {one.name: values.pop(one.name) for one in theirs}
        for one in given.values():
            _refuse_new_passwords(one)
        apply.apply_to(ready(**given), **values)

    both = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*theirs, *ours)]
    command.__signature__ = inspect.Signature(both)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in both}
    command.__doc__ = f"Do to many images what ``imgtools {name}`` does to one, an image a transaction."
    app = typer.Typer(add_completion=False)
    app.command(name, cls=HouseCommand)(expand(command, filled={FleetImages: fleet_of(images)}))
    found: HouseCommand = made(app)
    return found


def _parameters(function: Callable[..., Any], names: dict[str, Any]) -> list[inspect.Parameter]:
    """Return the parameters of a function with the types that their annotations name."""
    said = {name: text for name, text in function.__annotations__.items() if name != "return"}
    hints = get_type_hints(SimpleNamespace(__annotations__=said), names, include_extras=True)
    found = inspect.signature(function).parameters.values()
    return [one.replace(annotation=hints[one.name]) for one in found]


def _refuse_new_passwords(given: object) -> None:
    """Refuse a password that is made here: all images would have it, and nobody would be told.

    :raises UsageError: there is one.
    """
    if isinstance(given, Customization) and (
        given.password_output or any(one.order.is_new for one in given.orders)
    ):
        raise UsageError(
            "all images would have one random password", hint="USER:random:FILE keeps it, if that is meant"
        )
