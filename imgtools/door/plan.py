"""Plans in files: what one program writes down, and another, or ``imgtools apply``, carries out. See docs/plan.md."""

from __future__ import annotations

import json
from pathlib import Path

from imgtools.change.change import Change
from imgtools.change.plan import Plan
from imgtools.door.opening import HostPath
from imgtools.errors import HostError
from imgtools.workflows.apply import read_plan as read_changes


def write_plan(plan: Plan, host_path: HostPath) -> None:
    """Write a plan to a file, in the place of one that is there. Private content, such as a hash, is left out.

    :raises HostError: the file cannot be written.
    """
    document = {"changes": [shown.as_json() for one in plan.changes for shown in one.shown]}
    try:
        Path(host_path).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise HostError(f"cannot write the plan {host_path}: {error.strerror}") from None


def read_plan(host_path: HostPath) -> tuple[Change, ...]:
    """Read the changes of a plan in YAML or JSON.

    :raises UsageError: it is not a plan; the message says where.
    :raises HostError: the file cannot be read.
    """
    return read_changes(Path(host_path))
