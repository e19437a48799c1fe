"""The process of one image: asks it, and writes the answer down as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from imgtools.errors import EngineFailed
from imgtools.fleet.kind import Kind, load_kind
from imgtools.fleet.work import Failure, Work, facts_of
from imgtools.units import format_size
from imgtools.workflows.settled import settled

# What engines load when they need it; loaded, but not used, by the process that the others are forks of.
LIBRARIES = frozenset({"augeas", "guestfs", "hivex", "nbd", "pyfsntfs", "yaml"})


def is_worth_having(module: str) -> bool:
    """Whether a module that the process of one image had to import is imported once for the others."""
    return module.startswith("imgtools.") or module in LIBRARIES


def answer(work: Work, stream: BinaryIO) -> int:
    """Ask an image, write its answer, and return the exit code that the command of that name would have.

    The memory of this process, and of each that it starts, is limited from now on.
    """
    began = time.monotonic()
    known = frozenset(sys.modules)
    # Private memory only: an appliance maps much that it never takes.
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = work.memory if most == resource.RLIM_INFINITY else min(work.memory, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    found = _settled(work)
    needed = sorted(name for name in sys.modules.keys() - known if is_worth_having(name))
    whole = {
        "code": found.code,
        "error": None if found.failure is None else found.failure._asdict(),
        "warnings": found.warnings,
        "rows": found.rows,
        "seconds": round(time.monotonic() - began, 3),
        "needed": needed,
    }
    stream.write(json.dumps(whole).encode("ascii"))
    return found.code


class _Settled(NamedTuple):
    """What the process of an image has found out, or why it has not."""

    code: int
    failure: Failure | None = None
    warnings: Sequence[tuple[str, str]] = ()
    rows: Mapping[str, list[Any]] = {}


def _settled(work: Work) -> _Settled:
    """Ask to the end, whatever that is."""

    def ask() -> _Settled:
        try:
            kind = load_kind(work.kind)
            report = kind.ask(work.request, *([] if work.order is None else [work.order]))
            warnings = [(one.text, one.path) for one in dict.fromkeys(getattr(report, "warnings", ()))]
            return _Settled(kind.code(report), None, warnings, _by_table(kind, kind.rows(report)))
        except MemoryError:
            message = f"it takes more than {format_size(work.memory)} of memory"
            raise EngineFailed(message, hint="--memory gives it more") from None

    found, error = settled(ask)
    if found is not None:
        return found
    assert error is not None
    return _Settled(error.exit_code, facts_of(error))


def _by_table(kind: Kind, rows: Iterable[tuple[Any, ...]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in kind.tables}
    for row in rows:
        found[kind.table_of(row)].append(list(row))
    return found
