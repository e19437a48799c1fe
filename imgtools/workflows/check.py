"""Check an image's own tables, and repair them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools.disk.backing import THOROUGH, examine
from imgtools.disk.chain import keep_access
from imgtools.disk.formats import require_ability
from imgtools.disk.image_file import (
    Checked,
    Conversion,
    Disk,
    check_file,
    copy_bytes,
    open_disk,
)
from imgtools.disk.new_file import new_file, refuse_own_files, require_room
from imgtools.disk.sources.opening import opened_disk, refuse_sources
from imgtools.disk.table_edit import Redo, change_tables
from imgtools.errors import BadImage, EngineFailed, RolledBack, UsageError
from imgtools.records.image import DiskSource
from imgtools.records.progress import Progress
from imgtools.records.request import Backing, ImageRequest
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned

MOST_PASSES = 3  # a rebuilt table can leave a cluster leaked, which the next pass frees


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found, and what a repair did or would do about it."""

    image: str
    format: str
    problem: str  # what reading the image would stop at; "" if nothing
    found: Checked
    repair: str  # "", "leaks", "all"
    after: Checked | None  # the image as the repair leaves it
    changed_bytes: int  # of the file
    output: str  # the repaired copy; "" if it was repaired in place
    written: bool
    changed: bool  # whether there is, or was, anything to mend
    changes: tuple[DiskStep, ...]
    warnings: tuple[Warned, ...] = ()
    remaining: str = ""  # what reading the image, or its repaired copy, would stop at now

    @property
    def clean(self) -> bool:
        """Whether nothing is left to complain about."""
        last = self.after if self.written and self.after else self.found
        return not (last.corruptions or last.leaks or last.errors or self.remaining)


def check(
    request: ImageRequest,
    *,
    repair: str = "",
    write: bool = False,
    output: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> CheckReport:
    """Check the tables of an image; with ``repair``, plan what mends them, or do it.

    A repair is made on a copy-on-write view of the file and checked there; only then is it written.

    :raises UnsupportedFormat: the format has no check or no repair.
    :raises RolledBack: the damage cannot be repaired; nothing was written.
    """
    if (write or output) and not repair:
        raise UsageError("nothing to write without --repair", hint="--repair leaks, or --repair all")
    if repair:
        refuse_sources(request.disks)
    with opened_disk(request, digests=True) as source:
        disk = open_disk(source, to_repair=True)
        return _checked(disk, repair, output, write=write, overwrite=overwrite, progress=progress)


def _checked(
    disk: Disk, repair: str, output: Path | None, *, write: bool, overwrite: bool, progress: Progress | None
) -> CheckReport:
    problem = _problem(disk.info.source)
    require_ability(disk.info.format, "repair" if repair else "check", disk.name)
    if output is not None:
        return _repair_copy(disk, problem, repair, output, overwrite=overwrite, progress=progress)
    found = _check(disk)
    if not repair:
        return _report(disk, problem, found, remaining=problem)
    with change_tables(disk) as redo:
        after = _repair(redo, repair)
        _require_better(disk, repair, found, after)
        changed = sum(length for _, length in redo.changed())
        if write and changed:
            changed = redo.commit()
    remaining = _problem(disk.info.source) if write else problem
    return _report(
        disk, problem, found, repair=repair, after=after, changed=changed, written=write, remaining=remaining
    )


def _problem(source: DiskSource) -> str:
    """Return why an image that was opened for repair would not be opened for reading."""
    try:
        examine(source, policy=Backing.ANY, budget=THOROUGH, alone=True)
    except BadImage as error:
        return error.message
    return ""


def _check(disk: Disk) -> Checked:
    found = disk.check()
    if found is None:
        raise EngineFailed(f"{disk.name}: QEMU does not check this format")
    return found


def _repair(redo: Redo, repair: str) -> Checked:
    """Repair the view of the file until nothing more changes; returns how it is then."""
    corruptions = leaks = 0
    for _ in range(MOST_PASSES):
        done = redo.repair(repair)
        corruptions += done.corruptions_fixed
        leaks += done.leaks_fixed
        after = redo.check() or done
        if not after.leaks and (not after.corruptions or repair == "leaks"):
            break
    return replace(after, corruptions_fixed=corruptions, leaks_fixed=leaks)


def _require_better(disk: Disk, repair: str, found: Checked, after: Checked) -> None:
    worse = after.corruptions > found.corruptions or after.errors > found.errors
    if worse or (repair == "all" and (after.corruptions or after.errors)):
        raise RolledBack(
            f"{after.corruptions} corruptions of {disk.name} cannot be repaired; nothing was written",
            hint="imgtools convert --salvage copies what can be read to a new image",
        )


def _repair_copy(
    disk: Disk, problem: str, repair: str, output: Path, *, overwrite: bool, progress: Progress | None
) -> CheckReport:
    """Repair a copy of the file; the original is only read."""
    if os.path.realpath(output) == os.path.realpath(disk.top.host_path):
        raise UsageError("the repaired copy cannot be the image itself", hint="--write repairs it in place")
    refuse_own_files([disk.info], output)
    if disk.top.extents:
        raise UsageError(f"{disk.name} is made of several files and is not copied as one")
    found = _check(disk)
    folder = Path(os.path.realpath(output)).parent
    require_room(folder, disk.info.actual_size, f"the copy of {disk.name}")
    with new_file(output, overwrite=overwrite) as draft:
        copy_bytes(disk.top.host_path, draft.host_path, Conversion("raw"), progress=progress)
        for _ in range(MOST_PASSES):
            after = check_file(disk, draft.host_path, repair)
            after = check_file(disk, draft.host_path)
            if not after.leaks and not after.corruptions:
                break
        _require_better(disk, repair, found, after)
        keep_access(disk.top.host_path, draft.host_path)
        remaining = _problem(DiskSource(draft.host_path, disk.info.format)).replace(
            str(draft.host_path), str(output)
        )
    return _report(
        disk,
        problem,
        found,
        repair=repair,
        after=after,
        output=str(output),
        written=True,
        remaining=remaining,
    )


def _steps(disk: Disk, found: Checked, after: Checked, changed: int, output: str) -> list[DiskStep]:
    """Say what a repair mends."""
    steps: list[DiskStep] = []
    path = disk.name
    mended = found.corruptions + found.errors - after.corruptions - after.errors
    if mended > 0:
        words = (
            f"put {mended} reference counts in order" if disk.info.dirty else f"repair {mended} corruptions"
        )
        steps.append(DiskStep("repair-tables", words, path))
    if after.leaks < found.leaks:
        steps.append(DiskStep("free-leaks", f"free {found.leaks - after.leaks} leaked clusters", path))
    if changed and not steps:
        steps.append(DiskStep("repair-tables", "put the tables in order", path))
    if steps and output:
        steps.append(DiskStep("make-image", f"write a repaired copy to {output}", output))
    elif steps:
        steps.append(DiskStep("write-tables", f"write {changed} bytes of tables", path, size=changed))
    return steps


def _report(
    disk: Disk,
    problem: str,
    found: Checked,
    *,
    repair: str = "",
    after: Checked | None = None,
    changed: int = 0,
    output: str = "",
    written: bool = False,
    remaining: str = "",
) -> CheckReport:
    steps: list[DiskStep] = []
    warnings = list(disk.warnings)
    if repair and after is not None:
        steps = _steps(disk, found, after, changed, output)
        if found.leaks and not steps:
            text = "leaks cannot be freed while there are corruptions; --repair all does both"
            if not after.corruptions:
                text = f"QEMU frees no leaks of {disk.info.format} in place; imgtools convert leaves them out"
            warnings.append(Warned(text, disk.name))
    if disk.info.dirty and disk.info.format == "qcow2":
        text = "not closed cleanly: reference counts that were still to be written are missing, no data is"
        warnings.append(Warned(text, disk.name))
    elif repair == "all" and (found.corruptions or problem):
        text = (
            "tables were put in order; whether the right data is in the right place only the guest can tell"
        )
        warnings.append(Warned(text, disk.name))
    return CheckReport(
        image=disk.name,
        format=disk.info.format,
        problem=problem,
        found=found,
        repair=repair,
        after=after,
        changed_bytes=changed,
        output=output,
        written=written and bool(steps),
        changed=bool(steps),
        changes=tuple(steps),
        warnings=tuple(warnings),
        remaining=remaining,
    )
