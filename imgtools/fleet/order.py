"""One image of a fleet that is changed: what its process is told, does, and says of it."""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from imgtools.disk.transaction.lock import is_locked
from imgtools.errors import UnfinishedEdit, UsageError
from imgtools.records.request import ImageRequest, Secret, Target
from imgtools.records.system import Warned
from imgtools.workflows.recover import recover
from imgtools.workflows.way_back import way_back_into
from imgtools.workflows.writing import ReadyVerb

PATIENCE = 20.0  # seconds for a process to let go of the image whose worker was killed
FINISHED = "an edit that was cut while it was being committed was finished first"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be changed in an image, and whether it is; else its plan is made."""

    verb: ReadyVerb[Any]
    write: bool
    check: bool = True
    way_back: str = ""  # the file that is to hold the way back; "": none


class Applied(NamedTuple):
    """What was changed in an image, or would be."""

    engine: str  # who read it, and wrote to it if anything was written
    changed: bool  # whether there is, or was, anything to change
    written: bool
    way_back: str  # the file with the plan that gives the old state back; "": there is none


class Change(NamedTuple):
    """One change of a plan. ``text`` says it in words."""

    kind: str
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of an order."""

    applied: Applied
    changes: tuple[Change, ...]
    warnings: tuple[Warned, ...]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield what of it goes into tables."""
        yield self.applied
        yield from self.changes


def carry_out(request: ImageRequest, order: Order) -> Carried:
    """Make the plan of an image; if the order says so, carry it out in one transaction.

    What was cut while it was being committed is finished first: the image is neither old nor new until then.

    :raises ImgtoolsError: as the verb; the image is as it was.
    """
    target = Target(write=order.write, check=order.check)
    if not order.write:
        return _carried(order.verb(request, target), "")
    place = Path(order.way_back) if order.way_back else None
    warnings: tuple[Warned, ...] = ()
    with way_back_into(place, request.name) if place else nullcontext():
        _wait_for_others(request)
        try:
            report = order.verb(request, target)
        except UnfinishedEdit:
            recover(request.host_path, discard=False, backing=request.backing)
            warnings = (Warned(FINISHED),)
            report = order.verb(request, target)
    # Also that of an attempt whose worker was killed when the image had been written.
    kept = order.way_back if place is not None and place.exists() else ""
    return _carried(report, kept, warnings)


def _wait_for_others(request: ImageRequest) -> None:
    """Wait for whoever edits the image: if a worker is killed, what it began takes a moment to end."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and any(
        is_locked(one.host_path) for one in request.disks if not one.uri and one.host_path.is_file()
    ):
        time.sleep(0.1)


def _carried(report: Any, way_back: str, warnings: tuple[Warned, ...] = ()) -> Carried:  # Any: of any verb
    return Carried(
        Applied(str(report.engine), report.changed, report.written and report.changed, way_back),
        tuple(Change(one.kind, one.path, one.summary) for one in report.changes),
        (*warnings, *report.warnings),
    )


class _Looking(pickle.Pickler):
    """Looks for secrets in what is to be sent."""

    found = False

    def reducer_override(self, one: Any) -> Any:  # Any: whatever a verb was given
        if isinstance(one, Secret) or getattr(one, "private", False) is True:
            self.found = True
        return NotImplemented


def has_secrets(verb: ReadyVerb[Any]) -> bool:
    """Whether a password, a key or private content is in what would be sent to a worker.

    :raises UsageError: it cannot be sent at all.
    """
    looking = _Looking(io.BytesIO(), protocol=pickle.HIGHEST_PROTOCOL)
    try:
        looking.dump(verb)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(
            f"no other process can be given this: {error}",
            hint="functions of a module can be, lambdas cannot",
        ) from None
    return looking.found
