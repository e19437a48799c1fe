"""What a fleet can be asked: a kind is a module of ``imgtools/fleet/kinds`` that says ``KIND = Kind(...)``.

Its name is the command's whose workflow it calls. What the workflow reports becomes rows of typed tables: each a class
whose fields are the columns. A text that no database holds (NUL, bytes that are not UTF-8) and a number beyond 64 bits
are put right when they are written (:mod:`imgtools.fleet.store`), so that a kind need not care.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple, NewType, TypeVar, get_type_hints

from imgtools.errors import UsageError

# Nanoseconds since 1970; in the database a time in UTC.
Moment = NewType("Moment", int)
RowKind = TypeVar("RowKind", bound=tuple[Any, ...])


class Table(NamedTuple):
    """A table of a kind.

    :param row: a NamedTuple whose fields are the columns: of text, int, float, bool or Moment, or any of them or None.
    :param key: the columns by which a row of one run is found in another.
    """

    row: type[tuple[Any, ...]]
    key: tuple[str, ...]

    def columns(self) -> Mapping[str, Any]:
        """The type of each column by its name."""
        return get_type_hints(self.row)


def _own_code(report: Any) -> int:  # Any: of any workflow
    """Return the exit code that a report names itself, or 0."""
    return int(getattr(report, "exit_code", 0))


@dataclass(frozen=True, slots=True)
class Kind:
    """One question to a fleet.

    :param ask: the workflow of the command of the same name; called in the process of one image.
    :param rows: makes rows of its report, each of a class of one of the tables.
    :param code: the exit code that the command would have for a report: 1 where it found something.
    :param takes_order: it is no question: ``ask`` is also given an order (:mod:`imgtools.fleet.order`).
    """

    ask: Callable[..., Any]
    rows: Callable[[Any], Iterable[tuple[Any, ...]]]
    tables: Mapping[str, Table]
    code: Callable[[Any], int] = _own_code
    takes_order: bool = False

    def table_of(self, row: tuple[Any, ...]) -> str:
        """Return the name of the table that a row belongs into."""
        return next(name for name, table in self.tables.items() if type(row) is table.row)


def row_of(kind: type[RowKind], source: object, **others: Any) -> RowKind:  # Any: values of columns
    """Make a row of what a report says: a column is the field of its name, or one of ``others``."""
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]  # of a NamedTuple
    return kind(**{name: getattr(source, name) for name in fields if name not in others}, **others)


def kind_names() -> tuple[str, ...]:
    """Return the names of all kinds."""
    return tuple(
        sorted(one.name for one in pkgutil.iter_modules(import_module(f"{__package__}.kinds").__path__))
    )


def load_kind(name: str) -> Kind:
    """Return one kind by its name, one of :func:`kind_names`."""
    kind: Kind = import_module(f"{__package__}.kinds.{name}").KIND
    return kind


def load_question(name: str) -> Kind:
    """Return one kind that is a question, by its name.

    :raises UsageError: there is none of this name.
    """
    kind = load_kind(name) if name in kind_names() else None
    if kind is None or kind.takes_order:
        names = ", ".join(one for one in kind_names() if not load_kind(one).takes_order)
        raise UsageError(f"a fleet cannot be asked for {name}", hint=f"one of {names}")
    return kind


def all_tables() -> Iterator[tuple[str, str, Table]]:
    """Yield all tables of all kinds: the kind's name, the table's and the table."""
    for name in kind_names():
        for table_name, table in load_kind(name).tables.items():
            yield name, table_name, table
