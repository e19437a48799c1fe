"""Which operations of a shelf are wanted: ``--enable``, ``--disable``, ``--operations`` and ``--set``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from imgtools.errors import UsageError
from imgtools.ops.operation import Params, Shelved, make_params


@dataclass(frozen=True, slots=True)
class Chosen:
    """An operation that is to run, with its parameters; ``named`` if the user asked for it by its name."""

    shelved: Shelved
    params: Params
    named: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user said about operations, in virt-sysprep's own words."""

    enable: tuple[str, ...] = ()  # only these
    disable: tuple[str, ...] = ()  # not these
    operations: tuple[
        str, ...
    ] = ()  # "defaults", "all", names, and "-name" to take one out; begins with none
    settings: tuple[str, ...] = ()  # operation.parameter=value
    lenient: bool = False  # one that is named and not for the guest is passed over


def choose(shelf: Mapping[str, Shelved], selection: Selection) -> tuple[Chosen, ...]:
    """Return the operations that are wanted, sorted by name.

    :raises UsageError: an unknown operation (with the nearest name), both ``enable`` and ``operations``, or a
        parameter of an operation that does not run.
    """
    if selection.enable and selection.operations:
        raise UsageError("--enable and --operations do not go together", hint="--operations can do both")
    named: set[str] = set()
    wanted = set(_defaults(shelf))
    if selection.enable:
        wanted = named = set(_known(shelf, _words(selection.enable)))
    elif selection.operations:
        wanted, named = _from_words(shelf, _words(selection.operations))
    wanted -= set(_known(shelf, _words(selection.disable)))
    values = _settings(shelf, selection.settings, wanted)
    return tuple(
        Chosen(
            shelf[name],
            make_params(shelf[name], values.get(name, {})),
            not selection.lenient and (name in named or name in values),
        )
        for name in sorted(wanted)
    )


def choose_repairs(
    shelf: Mapping[str, Shelved], only: Sequence[str], settings: Sequence[str]
) -> tuple[Chosen, ...]:
    """Return the repairs that are wanted, sorted by name: those that ``only`` names, else all that can tell for
    themselves whether they are needed.

    :raises UsageError: an unknown repair (with the nearest name), or a parameter of one that does not run.
    """
    named = _words(only)
    wanted = set(_known(shelf, named, "--list") if named else _defaults(shelf))
    values = _settings(shelf, settings, wanted, add="--only {}", listed="--list")
    return tuple(
        Chosen(shelf[name], make_params(shelf[name], values.get(name, {})), name in named or name in values)
        for name in sorted(wanted)
    )


def _defaults(shelf: Mapping[str, Shelved]) -> list[str]:
    return [name for name, shelved in shelf.items() if shelved.operation.default]


def _words(texts: Iterable[str]) -> list[str]:
    """Split comma-separated lists; the option may also be repeated."""
    return [word.strip() for text in texts for word in text.split(",") if word.strip()]


def _known(
    shelf: Mapping[str, Shelved], names: Sequence[str], listed: str = "--list-operations"
) -> Sequence[str]:
    for name in names:
        if name not in shelf:
            raise unknown_operation(name, shelf, listed)
    return names


def unknown_operation(name: str, shelf: Iterable[str], listed: str = "--list-operations") -> UsageError:
    """Say that there is no such operation, and which one may have been meant; ``listed`` shows all."""
    return nearest(f"no such operation: {name}", name, shelf, f"see {listed}")


def nearest(message: str, name: str, known: Iterable[str], otherwise: str) -> UsageError:
    """Say that a name is not known; the hint is the name that may have been meant, or ``otherwise``."""
    near = difflib.get_close_matches(name.replace("_", "-"), list(known), n=1)
    return UsageError(message, hint=f"did you mean {near[0]}?" if near else otherwise)


def _from_words(shelf: Mapping[str, Shelved], words: Sequence[str]) -> tuple[set[str], set[str]]:
    """Read ``defaults,all,name,-name`` from left to right; returns what is wanted and what was named."""
    wanted: set[str] = set()
    named: set[str] = set()
    for word in words:
        bare = word.removeprefix("-")
        group = {"defaults": _defaults(shelf), "all": list(shelf)}.get(bare)
        members = group if group is not None else _known(shelf, [bare])
        if word.startswith("-"):
            wanted.difference_update(members)
            named.difference_update(members)
        else:
            wanted.update(members)
            named.update([] if group is not None else members)
    return wanted, named


def _settings(
    shelf: Mapping[str, Shelved],
    texts: Iterable[str],
    wanted: set[str],
    *,
    add: str = "--operations defaults,{}",
    listed: str = "--list-operations",
) -> dict[str, dict[str, str]]:
    """Read ``operation.parameter=value``.

    :param add: how an operation is added to those that run.
    :raises UsageError: it is not of that form, or the operation does not run: it would do nothing, silently.
    """
    values: dict[str, dict[str, str]] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        name, dot, parameter = place.partition(".")
        if not equals or not dot or not parameter:
            raise UsageError(f"not a setting: {text!r}", hint="write operation.parameter=value")
        _known(shelf, [name], listed)
        if name not in wanted:
            raise UsageError(
                f"--set {place}: the operation {name} does not run", hint=f"add it: {add.format(name)}"
            )
        values.setdefault(name, {})[parameter] = value
    return values
