"""Hand out clones of a template: full or linked, each with its own name, keys and network."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.change.change import Change
from imgtools.disk.backing import examine_disks
from imgtools.disk.backing_folders import VARIABLE, backing_folders
from imgtools.disk.image_file import plain_node, relink_node
from imgtools.disk.new_file import new_file, refuse_target, require_room, scratch_folder
from imgtools.disk.sources.opening import is_source
from imgtools.errors import ImgtoolsError, TargetExists, UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest, the_guest
from imgtools.guest.plan import make_plan
from imgtools.image.edit import edit_image
from imgtools.image.handle import open_request
from imgtools.libvirt.clone import (
    Fingerprint,
    allow_as,
    copy_file,
    fingerprint,
    make_linked,
    may_share,
    refuse_busy_template,
    refuse_encrypted,
    require_unchanged,
    write_copy,
)
from imgtools.libvirt.domain import DomainRequest, Original, open_original
from imgtools.ops.customize_plan import plan_orders
from imgtools.ops.operation import NoParams
from imgtools.ops.order_warnings import order_warnings
from imgtools.ops.selection import Selection
from imgtools.ops.sysprep import lvm_uuids
from imgtools.records.disks import Mount
from imgtools.records.image import DiskSource, ImageInfo
from imgtools.records.orders import Named
from imgtools.records.progress import Progress
from imgtools.records.request import Backing, Engine, ImageRequest, Target
from imgtools.records.steps import DiskStep
from imgtools.records.system import OsType, Warned
from imgtools.workflows.clone_source import as_images
from imgtools.workflows.clone_table import CloneRow, orders_of
from imgtools.workflows.create import recorded_name
from imgtools.workflows.sysprep import prepare, what_is_left

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@dataclass(frozen=True, slots=True)
class CloneRequest:
    """How clones are made, the same for all of them.

    ``hostname`` is a pattern for rows without one; ``{name}`` is the clone's name; "" leaves the host name alone.
    """

    folder: Path | None  # where they go; None: beside the template
    linked: bool = False
    format: str = "qcow2"  # of full copies: qcow2 or raw
    hostname: str = "{name}"
    sysprep: Selection | None = (
        None  # prepare what is cloned, with these operations; None: it has been prepared
    )
    unprepared: bool = False  # clone it even if it was not
    orders: tuple[Named, ...] = ()  # customizations of every clone; those of its row come after them


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone that was made. ``hostname`` "" is the template's; the rest is of its libvirt definition, if any."""

    name: str
    paths: tuple[str, ...]  # its disks, in the template's order
    hostname: str = ""
    domain: str = ""
    uuid: str = ""
    macs: tuple[str, ...] = ()
    nvram: str = ""  # the file of its firmware's variables
    definition: str = ""  # the file that holds it; "": libvirt does


@dataclass(frozen=True, slots=True)
class CloneReport:
    """The clones that were made, in order."""

    template: str
    engine: Engine  # who read the template
    linked: bool
    sysprepped: bool  # what was cloned is the template as sysprep left it
    clones: tuple[Clone, ...]
    warnings: tuple[Warned, ...] = ()
    written: bool = True  # a new file is made at once
    changed: bool = True
    changes: tuple[DiskStep, ...] = ()


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of one clone; ``nvram`` if the machine has firmware with variables."""

    disks: tuple[Path, ...]
    nvram: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        return self.disks if self.nvram is None else (*self.disks, self.nvram)


@dataclass(frozen=True, slots=True)
class _Plan:
    row: CloneRow
    files: _Files
    hostname: str
    changes: tuple[Change, ...]
    mounts: tuple[Mount, ...]


@dataclass(frozen=True, slots=True)
class _Template:
    """What is cloned: the template's disks, and overlays of it that sysprep has worked on (or none)."""

    original: ImageRequest
    request: ImageRequest  # what the guest is read from: the original, or the overlays
    infos: tuple[ImageInfo, ...]  # of the original
    seen: tuple[Fingerprint, ...]  # of the original, when it was first looked at
    prepared: tuple[Path, ...] = ()


def clone_domain(
    request: ImageRequest,
    domain: DomainRequest,
    rows: Sequence[CloneRow],
    how: CloneRequest,
    *,
    progress: Progress | None = None,
) -> CloneReport:
    """Make clones of a libvirt domain: of its disks as :func:`clone` does, and a definition for each.

    :param request: how its disks are opened; which they are, the domain says.
    :raises UnsupportedFormat: a disk of it can be neither cloned nor shared.
    :raises ImageInUse: it is not shut off.
    :raises TargetExists: a domain of that name is there already; nothing was made.
    """
    with open_original(domain) as original:
        own = replace(request, disks=original.definition.disks())
        original.refuse_taken([row.name for row in rows], [mac for row in rows for mac in row.macs])
        report = clone(own, rows, how, original=original, progress=progress)
        return replace(report, warnings=(*report.warnings, *map(Warned, original.definition.warnings())))


def clone(
    request: ImageRequest,
    rows: Sequence[CloneRow],
    how: CloneRequest,
    *,
    original: Original | None = None,
    progress: Progress | None = None,
) -> CloneReport:
    """Make the clones, each of them whole or not at all; everything is planned before the first is made.

    :raises UsageError: a name is no file name or comes twice, or a row does not fit the guest.
    :raises TargetExists: a clone of that name is there already; nothing was made.
    :raises ImageInUse: a program has the template open for writing.
    :raises UnsupportedGuest: the template was never prepared, and ``how`` does not allow it.
    :raises NoRoom: the host has no room for all of them; nothing was made.
    """
    if any(map(is_source, request.disks)):
        return _clone_source(request, rows, how, progress)
    nvram = _nvram_of(original)
    files = [_files(request, row, how, nvram) for row in rows]
    _refuse_taken(rows, files)
    _refuse_macs(rows, original)
    refuse_busy_template(request)
    with _template(request, how) as template:
        plans, engine, warnings = _plan(template, rows, files, how)
        _require_room(template, how, len(plans))
        made: list[Clone] = []
        for plan in plans:
            with _told_with(made):
                one = _make(template, plan, how, nvram, progress)
                made.append(one if original is None else _define(original, plan, one, how.format))
    sysprepped = how.sysprep is not None
    paths = [path for one in made for path in one.paths]
    if how.linked:
        warnings = (*warnings, *_out_of_reach(request, paths))
    steps = _steps(request, made)
    return CloneReport(request.name, engine, how.linked, sysprepped, tuple(made), warnings, changes=steps)


def _clone_source(
    request: ImageRequest, rows: Sequence[CloneRow], how: CloneRequest, progress: Progress | None
) -> CloneReport:
    """Clone what is no image file by itself: an image of each of its disks is made first, and goes afterwards."""
    folder = _folder(how, request)
    with as_images(request, folder, linked=how.linked, progress=progress) as own:
        report = clone(own, rows, replace(how, folder=folder), progress=progress)
    return replace(report, template=request.name, changes=_steps(request, report.clones))


def _steps(request: ImageRequest, made: Sequence[Clone]) -> tuple[DiskStep, ...]:
    paths = (path for one in made for path in one.paths)
    return tuple(DiskStep("make-image", f"make {path} of {request.name}", path) for path in paths)


def _out_of_reach(request: ImageRequest, paths: Sequence[str]) -> Iterator[Warned]:
    """Say what opens clones whose template lies neither in their folder nor in one that is set for templates."""
    folder = Path(paths[0]).parent if paths else request.host_path.parent
    real = Path(os.path.realpath(request.host_path)).parent
    near = {Path(os.path.realpath(folder)), *backing_folders()}
    if not any(real.is_relative_to(one) for one in near):
        text = (
            f"the clones name files in {real}, which is not their folder: --backing-folder {real} opens them"
        )
        yield Warned(f"{text}, or {VARIABLE}={real} in the environment")


# -- what will be made --------------------------------------------------------------------------------------


def _nvram_of(original: Original | None) -> Path | None:
    """The template's firmware variables, if it has run: else libvirt makes those of each clone."""
    nvram = None if original is None else original.definition.nvram()
    return nvram if nvram is not None and nvram.exists() else None


def _folder(how: CloneRequest, template: ImageRequest) -> Path:
    return template.host_path.parent if how.folder is None else how.folder


def _files(request: ImageRequest, row: CloneRow, how: CloneRequest, nvram: Path | None) -> _Files:
    """NAME.qcow2, NAME-2.qcow2 ..., and NAME_VARS.fd."""
    if not NAME.fullmatch(row.name):
        raise UsageError(
            f"{row.place}not a name for a clone: {row.name!r}", hint="letters, digits, dots and hyphens"
        )
    numbers = ["", *(f"-{number}" for number in range(2, len(request.disks) + 1))]
    folder = _folder(how, request)
    disks = tuple(folder / f"{row.name}{number}.{how.format}" for number in numbers)
    return _Files(disks, None if nvram is None else folder / f"{row.name}_VARS{nvram.suffix}")


def _refuse_taken(rows: Sequence[CloneRow], files: Sequence[_Files]) -> None:
    names: set[str] = set()
    taken: dict[Path, str] = {}
    for row, paths in zip(rows, files, strict=True):
        if row.name in names:
            raise UsageError(f"{row.place}two clones of the same name: {row.name}")
        names.add(row.name)
        for path in paths.all:
            if path in taken:
                raise UsageError(f"{row.place}{row.name} and {taken[path]} would both be {path.name}")
            if path.exists() or path.is_symlink():
                raise TargetExists(f"the file is there already: {path}", hint="choose another name")
            refuse_target(path, overwrite=False)
            taken[path] = row.name


def _refuse_macs(rows: Sequence[CloneRow], original: Original | None) -> None:
    """Addresses of network cards are for definitions; nothing in an image could have them."""
    for row in rows:
        if row.macs and original is None:
            raise UsageError(
                f"{row.place}{row.macs[0]} is for a libvirt definition, and none is made",
                hint="--domain NAME",
            )
        if original is not None and len(row.macs) > len(original.definition.macs()):
            raise UsageError(f"{row.place}{len(row.macs)} addresses, and fewer network cards in the domain")


def _require_room(template: _Template, how: CloneRequest, count: int) -> None:
    """Compare what full copies need with the room on the host; those that share their blocks need none."""
    wanted = 0 if how.linked else sum(
        sum(layer.actual_size for layer in info.chain)
        for info in template.infos
        if not may_share(info, how.format)
    )  # fmt: skip
    require_room(_folder(how, template.original), wanted * count, f"{count} clone{'' if count == 1 else 's'}")


@contextmanager
def _template(request: ImageRequest, how: CloneRequest) -> Iterator[_Template]:
    """Judge the template, and prepare an overlay of it where that is asked for."""
    infos = tuple(examine_disks(request.disks, request.backing))
    for info in infos:
        refuse_encrypted(info)
    seen = tuple(fingerprint(info) for info in infos)
    if how.sysprep is None:
        yield _Template(request, request, infos, seen)
        return
    with scratch_folder(_folder(how, request)) as folder:
        overlays = tuple(folder / f"prepared-{number}" for number in range(len(infos)))
        for overlay, info in zip(overlays, infos, strict=True):
            make_linked(overlay, info)
        own = _request_of(overlays, request)
        prepare(own, Target(write=True), how.sysprep)
        yield _Template(request, own, infos, seen, overlays)


def _request_of(overlays: Sequence[Path], request: ImageRequest) -> ImageRequest:
    """Overlays of ours as an image: the template below them, the only other file, was judged already."""
    pairs = zip(overlays, request.disks, strict=True)
    disks = tuple(DiskSource(one, "qcow2", sector_size=disk.sector_size) for one, disk in pairs)
    return replace(request, disks=disks, backing=Backing.ANY)


def _plan(
    template: _Template, rows: Sequence[CloneRow], files: Sequence[_Files], how: CloneRequest
) -> tuple[list[_Plan], Engine, tuple[Warned, ...]]:
    hostnames = [row.hostname or how.hostname.replace("{name}", row.name) for row in rows]
    orders = [[*how.orders, *orders_of(row, name)] for row, name in zip(rows, hostnames, strict=True)]
    if how.unprepared and not any(orders):  # whatever it holds: nobody need look
        return [_Plan(row, one, "", (), ()) for row, one in zip(rows, files, strict=True)], Engine.DIRECT, ()
    with open_request(template.request) as image:
        guest = the_guest(image, template.request.root)
        is_asked = how.sysprep is None and not how.unprepared
        if guest.os.type is OsType.WINDOWS and not how.unprepared:  # which sysprep of ours does not change
            _require_generalised(guest, template.request.host_path)
        left = what_is_left(guest, Selection()) if is_asked and guest.os.type is not OsType.WINDOWS else ()
        if left:
            names = ", ".join(one.name for one in left[:5]) + (", ..." if len(left) > 5 else "")
            raise UnsupportedGuest(
                f"the guest was not prepared as a template; left are {names}",
                hint="--sysprep prepares what is cloned; --unprepared clones it all the same",
            )
        plans = []
        for row, paths, hostname, wanted in zip(rows, files, hostnames, orders, strict=True):
            with _told(row):
                changes = (*plan_orders(guest, wanted), *_own_uuids(guest, how))
            plans.append(_Plan(row, paths, hostname, changes, guest.mounts))
        counts = Counter(plan.hostname for plan in plans if plan.hostname)
        same = [Warned(f"{n} clones have the host name {name}") for name, n in counts.items() if n > 1]
        known = dict.fromkeys(one for row in orders for one in order_warnings(guest, row))
        return plans, image.served_by, (*guest.warnings, *known, *same)


def _require_generalised(guest: Guest, host_path: Path) -> None:
    from imgtools.guest.windows.setup_state import is_generalised

    if not is_generalised(guest.files, guest.os):
        raise UnsupportedGuest(
            f"{host_path} was not generalised: its clones would be one machine to Windows",
            hint="imgtools sysprep --generalize shutdown, and boot it once; --unprepared clones it all the same",
        )


def _own_uuids(guest: Guest, how: CloneRequest) -> Iterator[Change]:
    """The template's LVM UUIDs are new, and all its clones would have them: two could not be attached to one host."""
    if guest.os.type is OsType.LINUX and not how.unprepared:
        yield from lvm_uuids.plan(guest, NoParams())


@contextmanager
def _told(row: CloneRow) -> Iterator[None]:
    """Say in an error which row of the table it is about."""
    try:
        yield
    except ImgtoolsError as error:
        error.message = f"{row.place}{error.message}"
        error.args = (error.message,)
        raise


# -- making them --------------------------------------------------------------------------------------------


@contextmanager
def _told_with(made: Sequence[Clone]) -> Iterator[None]:
    """Say in an error which clones are there."""
    try:
        yield
    except ImgtoolsError as error:
        if made:
            error.hint = "; ".join(filter(None, (error.hint, f"made: {', '.join(one.name for one in made)}")))
        raise


def _make(
    template: _Template, plan: _Plan, how: CloneRequest, nvram: Path | None, progress: Progress | None
) -> Clone:
    targets = plan.files.disks
    with new_file(targets[0]) as draft:
        folder = draft.host_path.parent
        drafts = [folder / target.name for target in targets]
        overlays = drafts if how.linked else [folder / f"overlay-{n}" for n in range(len(drafts))]
        _make_overlays(template, overlays)
        _customize(_request_of(overlays, template.request), plan)
        for info, overlay, path, target in zip(template.infos, overlays, drafts, targets, strict=True):
            if how.linked:
                relink_node(plain_node(path, "qcow2"), (recorded_name(target, info), info.chain[0].format))
            else:
                write_copy(overlay, info, path, how.format, progress=progress)
                overlay.unlink()
            allow_as(info.source.host_path, path)
        if nvram is not None and plan.files.nvram is not None:
            copy_file(nvram, folder / plan.files.nvram.name)
        for info, seen in zip(template.infos, template.seen, strict=True):
            require_unchanged(info, seen)
    return Clone(plan.row.name, tuple(map(str, targets)), plan.hostname)


def _define(original: Original, plan: _Plan, made: Clone, format: str) -> Clone:
    """Define a clone whose files are there; if that fails, they go."""
    files = plan.files
    with ExitStack() as stack:
        for path in files.all:
            stack.callback(path.unlink, missing_ok=True)
        defined = original.define(
            made.name, plan.row.macs, [(path, format) for path in files.disks], files.nvram
        )
        stack.pop_all()
    return replace(
        made,
        domain=defined.name,
        uuid=defined.uuid,
        macs=defined.macs,
        nvram=str(files.nvram or ""),
        definition=str(defined.host_path or ""),
    )


def _make_overlays(template: _Template, overlays: Sequence[Path]) -> None:
    for number, overlay in enumerate(overlays):
        if template.prepared:
            copy_file(template.prepared[number], overlay)
        else:
            make_linked(overlay, template.infos[number])


def _customize(request: ImageRequest, plan: _Plan) -> None:
    """Make one clone's own changes in its overlays, with what every edit is checked by."""
    if not plan.changes:
        return
    with edit_image(
        request.disks, keys=request.keys, engine=request.engine, backing=request.backing
    ) as image:
        image.apply(make_plan(image, plan.changes, plan.mounts))
        image.commit()
