"""Carry out a plan that was written down."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import yaml

from imgtools.change.archive import as_written_down, unpacked_copies
from imgtools.change.change import Change, Upload
from imgtools.change.describe import PlannedChange
from imgtools.change.document import parse_plan
from imgtools.errors import HostError, UsageError
from imgtools.guest.find.tree import view_files
from imgtools.image.handle import Image
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Target
from imgtools.workflows.writing import PlanReport, ReadyVerb, carry_out, open_for

LARGEST = 256 << 20  # bytes of a plan, the contents of its files among them


def apply_plan(
    request: ImageRequest, target: Target, plan_path: Path, *, progress: Progress | None = None
) -> PlanReport:
    """Show or carry out the plan in a file; ``-`` is standard input. See docs/plan.md for its form.

    :raises UsageError: it is not a plan; the message says where.
    :raises EditConflict: the guest is not as it was when the plan was made, or changes contradict each other.
    """
    return carry_changes(request, target, changes=read_plan(plan_path), progress=progress)


def carry_changes(
    request: ImageRequest, target: Target, *, changes: Sequence[Change], progress: Progress | None = None
) -> PlanReport:
    """Show or carry out the changes of a plan; see :func:`apply_plan`."""
    with open_for(request, target) as image:
        return apply_changes(image, request, target, changes, progress=progress)


def ready_plan(plan_path: Path) -> ReadyVerb[PlanReport]:
    """Return what carries out the plan in a file, for any image.

    :raises UsageError: it is not a plan, or unpacks an archive of standard input, which is there once.
    :raises HostError: the file cannot be read.
    """
    changes = read_plan(plan_path)
    if any(isinstance(one, Upload) and str(one.host_path) == "-" for one in changes):
        raise UsageError(
            "the plan unpacks an archive of standard input", hint="name a file that all images can be given"
        )
    # Another process may begin in another folder.
    whole = (
        replace(one, host_path=one.host_path.absolute()) if isinstance(one, Upload) else one
        for one in changes
    )
    return partial(carry_changes, changes=tuple(whole))


def apply_changes(
    image: Image,
    request: ImageRequest,
    target: Target,
    changes: Sequence[Change],
    *,
    progress: Progress | None = None,
) -> PlanReport:
    """Show or carry out the changes of a plan on an image that is open; see :func:`apply_plan`."""
    with unpacked_copies(changes, sys.stdin.buffer) as copies:
        view = view_files(image, request, change=True)
        report = carry_out(image, copies.changes, view, target, progress=progress)
        planned: Iterable[PlannedChange] = report.changes
        for archive_path, plain in copies.plain.items():
            planned = as_written_down(planned, plain, archive_path)
        return replace(report, changes=tuple(planned))


def read_plan(plan_path: Path) -> tuple[Change, ...]:
    """Read a plan from YAML or JSON.

    :raises UsageError: it is not a plan.
    :raises HostError: the file cannot be read.
    """
    is_stdin = str(plan_path) == "-"
    try:
        text = sys.stdin.read(LARGEST) if is_stdin else _read(plan_path)
    except OSError as error:
        raise HostError(f"cannot read the plan {plan_path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the plan {plan_path} is not UTF-8 text") from None
    return parse_plan(_parse(text, plan_path), Path.cwd() if is_stdin else plan_path.parent)


def _read(plan_path: Path) -> str:
    with plan_path.open(encoding="utf-8") as stream:
        return stream.read(LARGEST)


def _parse(text: str, plan_path: Path) -> object:
    """JSON is YAML too, but a large plan is parsed as JSON a hundred times faster."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise UsageError(
            f"{plan_path}{where}: {problem}", hint="imgtools apply --help shows the form of a plan"
        ) from None
