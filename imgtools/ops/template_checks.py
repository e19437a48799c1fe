"""Looks that ask an operation of sysprep whether it still finds something: a template must not tell of its machine."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.compose import compose
from imgtools.ops.check import Flaw, Look, Seen, always
from imgtools.ops.operation import NoParams, Params, load_shelf
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotThere

SHELF = "imgtools.ops.sysprep"


def sysprep_finds(what: str, *names: str) -> Look:
    """Return a look that finds what these operations would change, each path once, and whose fix is that change.

    :param what: what each such path is or holds: "a host key of SSH".
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        shelf = load_shelf(SHELF)
        asked = [shelf[name].operation for name in names]
        for_it = [one for one in asked if one.families.include(examined.system)]
        if not for_it:
            yield NotThere("for another kind of guest")
        for operation in for_it:
            default = operation.params() if operation.params is not NoParams else NoParams()
            wanted = (change for change in operation.plan(examined.system, default))
            changes = tuple(change for change in wanted if compose([change], examined.files))
            if changes:
                paths = dict.fromkeys(str(getattr(change, "path", "")) for change in changes)
                first, *more = paths
                yield Flaw(
                    f"{what} would be the same in every clone{_and_more(len(more))}",
                    first,
                    evidence=", ".join([first, *more][:5]),
                    fix=always(*changes),
                )

    return look


def _and_more(count: int) -> str:
    return f"; {count} more place{'s' if count > 1 else ''}" if count else ""
