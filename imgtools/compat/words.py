"""Words of a command line as getopt_long(3) reads them, and what becomes of each option of a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from imgtools.errors import UsageError


class Takes(Enum):
    """What stands behind an option."""

    NOTHING = "nothing"
    VALUE = "value"
    MAYBE = "maybe"  # a value behind = or nothing: --format=qcow2, --format


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a program, in all its spellings; the first names it.

    ``instead``: it is refused, and this is what to use. ``idle``: why it means nothing here, and is passed over.
    """

    names: tuple[str, ...]
    takes: Takes = Takes.NOTHING
    instead: str = ""
    idle: str = ""

    @property
    def name(self) -> str:
        """The spelling that :class:`Words` has it under."""
        return self.names[0]


def switch(*names: str) -> Option:
    """An option without a value."""
    return Option(names)


def valued(*names: str) -> Option:
    """An option with a value."""
    return Option(names, Takes.VALUE)


def idle(why: str, *names: str, takes: Takes = Takes.NOTHING) -> Option:
    """An option that means nothing here."""
    return Option(names, takes, idle=why)


def refused(instead: str, *names: str, takes: Takes = Takes.NOTHING) -> Option:
    """An option that there is nothing for, with what to use instead."""
    return Option(names, takes, instead=instead)


@dataclass(frozen=True, slots=True)
class Given:
    """One option as it was given; ``value`` is None where nothing stood behind it."""

    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """The options in the order given, and the words that are none."""

    program: str  # virt-cat
    given: tuple[Given, ...]
    rest: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Whether the option was given."""
        return any(one.name == name for one in self.given)

    def last(self, name: str) -> str | None:
        """Return the value that was given last."""
        return next((one.value for one in reversed(self.given) if one.name == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values in the order given."""
        return tuple(one.value for one in self.given if one.name == name and one.value is not None)


def parse(
    program: str, words: Sequence[str], options: Sequence[Option], *, single_dash: bool = False
) -> Words:
    """Read the words of a call: options anywhere, cut to what is unmistakable, letters run together, ``--`` ends them.

    :param single_dash: long options may be written with one dash, as the programs made in OCaml take them.
    :raises UsageError: an option is not known, lacks its value, has one too many, or is refused.
    """
    left, given, rest = list(words), [], []
    while left:
        word = left.pop(0)
        if word == "--":
            rest += left
            break
        if word.startswith("--"):
            given.append(_long(word, left, options))
        elif word.startswith("-") and len(word) > 1:
            if single_dash and len(word) > 2 and _found(f"-{word.partition('=')[0]}", options):
                given.append(_long(f"-{word}", left, options))
            else:
                given += _letters(word[1:], left, options)
        else:
            rest.append(word)
    for option in {one.name: one for one, _ in given}.values():
        if option.instead:
            raise UsageError(f"{option.name} is not taken", hint=option.instead)
    return Words(program, tuple(Given(one.name, value) for one, value in given if not one.idle), tuple(rest))


def _found(name: str, options: Sequence[Option]) -> list[Option]:
    """Return the option of this spelling, or those that it may be cut from."""
    exact = [one for one in options if name in one.names]
    return exact or [one for one in options if any(spelling.startswith(name) for spelling in one.names)]


def _long(word: str, left: list[str], options: Sequence[Option]) -> tuple[Option, str | None]:
    name, equals, value = word.partition("=")
    found = _found(name, options)
    if not found:
        raise UsageError(f"unrecognized option '{name}'", hint="--help lists what there is")
    if len(found) > 1:
        several = ", ".join(
            sorted({spelling for one in found for spelling in one.names if spelling.startswith(name)})
        )
        raise UsageError(f"option '{name}' is ambiguous", hint=f"it may be {several}")
    option = found[0]
    if equals and option.takes is Takes.NOTHING:
        raise UsageError(f"option '{name}' doesn't allow an argument", hint="--help lists what there is")
    if equals or option.takes is not Takes.VALUE:
        return option, value if equals else None
    return option, _next(name, left)


def _letters(letters: str, left: list[str], options: Sequence[Option]) -> Iterator[tuple[Option, str | None]]:
    while letters:
        name, letters = f"-{letters[0]}", letters[1:]
        option = next((one for one in options if name in one.names), None)
        if option is None:
            raise UsageError(f"invalid option -- '{name[1]}'", hint="--help lists what there is")
        if option.takes is Takes.VALUE:
            yield option, letters or _next(name, left)
            return
        yield option, None


def _next(name: str, left: list[str]) -> str:
    if not left:
        raise UsageError(f"option '{name}' requires an argument", hint="--help lists what there is")
    return left.pop(0)
