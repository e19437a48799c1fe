"""The process of one image: asks it, and writes the answer down as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterable
from typing import Any, BinaryIO

from imgtools.errors import EngineFailed, ImgtoolsError, host_fault
from imgtools.fleet.kind import Kind, load_kind
from imgtools.fleet.work import Failure, Work, facts_of
from imgtools.units import format_size

BUG = 70  # EX_SOFTWARE of sysexits.h, as in imgtools/cli/app.py
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
    code, failure, warnings, rows = _settled(work)
    needed = sorted(name for name in sys.modules.keys() - known if is_worth_having(name))
    whole = {
        "code": code,
        "error": None if failure is None else failure._asdict(),
        "warnings": warnings,
        "rows": rows,
        "seconds": round(time.monotonic() - began, 3),
        "needed": needed,
    }
    stream.write(json.dumps(whole).encode("ascii"))
    return code


def _settled(work: Work) -> tuple[int, Failure | None, list[tuple[str, str]], dict[str, list[Any]]]:
    """Ask to the end, whatever that is: the exit code, why it failed, warnings and rows."""
    try:
        kind = load_kind(work.kind)
        report = kind.ask(work.request)
        warnings = [(one.text, one.path) for one in dict.fromkeys(getattr(report, "warnings", ()))]
        return kind.code(report), None, warnings, _by_table(kind, kind.rows(report))
    except ImgtoolsError as error:
        failure = facts_of(error)
    except MemoryError:
        message = f"it takes more than {format_size(work.memory)} of memory"
        failure = facts_of(EngineFailed(message, hint="--memory gives it more"))
    except Exception as error:  # the outermost of one image's process: the others go on
        fault = host_fault(error) if isinstance(error, OSError) else None
        name = f"{type(error).__name__}: {error}"
        hint = "run the command for this image with -v and report what it prints"
        failure = facts_of(fault) if fault else Failure("Bug", f"a bug: {name[:2000]}", hint, BUG)
    return failure.exit_code, failure, [], {}


def _by_table(kind: Kind, rows: Iterable[tuple[Any, ...]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in kind.tables}
    for row in rows:
        found[kind.table_of(row)].append(list(row))
    return found
