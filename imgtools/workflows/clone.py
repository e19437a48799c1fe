"""Hand out clones of a template: full or linked, each with its own host name and key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.errors import TargetExists, UnsupportedGuest, UsageError
from imgtools.image.change import Change
from imgtools.image.clone import make_linked
from imgtools.image.edit import edit_request
from imgtools.image.handle import Image, open_request
from imgtools.image.in_use import refuse_in_use
from imgtools.image.new_file import new_file, refuse_target
from imgtools.image.writable import Progress
from imgtools.ops.orders import Named, Order, plan_orders
from imgtools.ops.selection import Selection
from imgtools.records import Backing, DiskSource, Engine, ImageInfo, ImageRequest, Mount, OutputTarget, Target
from imgtools.workflows.clone_table import CloneRow
from imgtools.workflows.edit_plan import apply_labelled
from imgtools.workflows.sysprep import preparable_guest, what_is_left


@dataclass(frozen=True, slots=True)
class CloneReport:
    """The clones that were made, in order."""

    template: str
    engine: Engine  # who read the template
    linked: bool
    clones: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    target: Path
    changes: tuple[Change, ...]
    mounts: tuple[Mount, ...]


def clone(
    request: ImageRequest,
    rows: Sequence[CloneRow],
    folder: Path,
    *,
    linked: bool = False,
    hostname: str = "{name}",
    unprepared: bool = False,
    progress: Progress | None = None,
) -> CloneReport:
    """Make the clones, each of them whole or not at all; everything is planned before the first is made.

    :param hostname: a pattern for rows without one; ``{name}`` is the clone's name; "" leaves it alone.
    :raises UsageError: a name is no file name or comes twice, or the template has several disks.
    :raises TargetExists: a clone of that name is there already; nothing was made.
    :raises ImageInUse: a program has the template open for writing.
    :raises UnsupportedGuest: the template was never prepared, and ``unprepared`` does not allow it.
    """
    targets = _targets(request, rows, folder)
    refuse_in_use(request.host_path)
    with open_request(request) as image:
        plans = _plan(image, request, rows, targets, hostname, unprepared)
        engine, template = image.served_by, image.infos[0]
    for plan in plans:
        if linked:
            _make_linked(request, template, plan)
        else:
            _make_full(request, plan, progress)
    return CloneReport(str(request.host_path), engine, linked, tuple(plan.target for plan in plans))


def _targets(request: ImageRequest, rows: Sequence[CloneRow], folder: Path) -> list[Path]:
    if len(request.disks) != 1:
        raise UsageError("clones are made of a template with one disk")
    names = [row.name for row in rows]
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", name):
            raise UsageError(f"not a name for a clone: {name!r}", hint="letters, digits, dots and hyphens")
        if names.count(name) > 1:
            raise UsageError(f"two clones of the same name: {name}")
    targets = [folder / f"{name}.qcow2" for name in names]
    for target in targets:
        if target.exists():
            raise TargetExists(f"the file is there already: {target}", hint="choose another name")
        refuse_target(target, force=False)
    return targets


def _plan(
    image: Image,
    request: ImageRequest,
    rows: Sequence[CloneRow],
    targets: Sequence[Path],
    hostname: str,
    unprepared: bool,
) -> list[_Plan]:
    guest = preparable_guest(image, request)
    left = () if unprepared else what_is_left(guest, Selection())
    if left:
        names = ", ".join(one.name for one in left[:5]) + (", ..." if len(left) > 5 else "")
        raise UnsupportedGuest(
            f"{request.host_path} was not prepared as a template; left are {names}",
            hint="imgtools sysprep prepares it; --unprepared clones it all the same",
        )
    return [
        _Plan(target, tuple(plan_orders(guest, _orders(row, hostname))), guest.mounts)
        for row, target in zip(rows, targets, strict=True)
    ]


def _orders(row: CloneRow, pattern: str) -> list[Named]:
    name = row.hostname or pattern.replace("{name}", row.name)
    orders = [Named("hostname", Order(name))] if name else []
    return orders + ([Named("ssh-inject", Order(row.ssh_key))] if row.ssh_key else [])


def _make_linked(request: ImageRequest, template: ImageInfo, plan: _Plan) -> None:
    with new_file(plan.target) as draft:
        make_linked(draft.host_path, template)
        # The only new name in the chain is the template's, whose own chain was judged when it was opened.
        own = ImageRequest(
            (DiskSource(draft.host_path, "qcow2"),), request.keys, request.engine, Backing.ANY, request.root
        )
        with edit_request(own, Target(write=True)) as image:
            apply_labelled(image, plan.changes, plan.mounts)
            image.commit()


def _make_full(request: ImageRequest, plan: _Plan, progress: Progress | None) -> None:
    with edit_request(request, Target(output=OutputTarget(plan.target, "qcow2"))) as image:
        apply_labelled(image, plan.changes, plan.mounts)
        image.commit(progress=progress)
