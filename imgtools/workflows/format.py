"""Make an empty filesystem on a disk, partition or volume; what that held is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from imgtools.errors import RolledBack, UsageError
from imgtools.image.below import (
    Below,
    NewFilesystem,
    empty,
    has_program,
    make_filesystem,
    open_below,
    require_makeable,
)
from imgtools.image.below import in_appliance as format_in_appliance
from imgtools.image.held import Held, find_device, held_by, losses, require_named, size_of, volume_of
from imgtools.records.disks import Declined, Layout
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.units import format_size

__all__ = ["FormatReport", "NewFilesystem", "format_volume"]

NOTHING = "none"  # no filesystem: only what is there goes


@dataclass(frozen=True, slots=True)
class FormatReport:
    """What was done, or would be."""

    image: str
    engine: Engine  # who does it: the appliance where the volume is in pieces, or the host lacks a program
    device: str
    size: int  # of the volume, in bytes
    type: str
    label: str
    uuid: str  # of what was made; empty: it is not known before
    held: tuple[str, ...]  # what was, or is, there, in words
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    output: str = ""  # the new image, if one was made
    warnings: tuple[Warned, ...] = ()


def format_volume(
    request: ImageRequest,
    name: str,
    wanted: NewFilesystem,
    target: Target,
    *,
    holds: Sequence[str] = (),
    progress: Progress | None = None,
) -> FormatReport:
    """Make a filesystem on a device, or with the kind ``none`` only take away what is there.

    :param name: a disk, partition, logical volume, or whatever else the image has.
    :param holds: what is there and may be destroyed: its type, label or UUID, ``gpt``, ``mbr``, a group's name.
    :raises WouldLoseData: something is there that was not named.
    :raises UsageError: no such device or type, a label, UUID or size that does not fit.
    :raises RolledBack: what was made does not read as it should.
    """
    with open_below(request, target) as below:
        layout = below.layout
        device = find_device(layout, name)
        _refuse_container(layout, device)
        size = size_of(layout, device)
        if wanted.kind != NOTHING:
            require_makeable(wanted, size)
        held = held_by(layout, device, below.image)
        require_named(held, holds, action="a new filesystem")
        steps = _steps(device, size, wanted, held)
        place = below.place_of(device)
        booted = isinstance(place, Declined) or not has_program(wanted.kind)
        report = FormatReport(
            image=request.name,
            engine=Engine.APPLIANCE if booted else Engine.DIRECT,
            device=device,
            size=size,
            type=wanted.kind,
            label=wanted.label,
            uuid=wanted.uuid,
            held=tuple(one.text for one in held),
            written=False,
            changed=bool(steps),
            changes=steps,
            warnings=(*below.image.warnings, *_warnings(layout, device, wanted)),
        )
        if target.is_dry_run or (not steps and target.output is None):
            return report
        if isinstance(place, Declined) or booted:
            format_in_appliance(below, device, wanted)
        else:
            _make(below, place, wanted)
        found = _look(below, device, wanted)
        output = below.commit(progress)
        return replace(report, written=True, output=output, uuid=found)


def _make(below: Below, place: tuple[int, int, int], wanted: NewFilesystem) -> None:
    """Do it without a boot: the room reads as zeros before, so that nothing of what was there can show again."""
    with below.parts() as export:
        host_path = export(*place)
        blank = empty(host_path)
        if wanted.kind != NOTHING:
            make_filesystem(host_path, replace(wanted, is_fresh=blank))


def _refuse_container(layout: Layout, device: str) -> None:
    for disk in layout.disks:
        for one in disk.partitions:
            if one.device == device and one.kind == "extended":
                raise UsageError(f"{device} is the extended partition, and holds logical ones, no filesystem")


def _steps(device: str, size: int, wanted: NewFilesystem, held: Sequence[Held]) -> tuple[DiskStep, ...]:
    clear = DiskStep("clear-signatures", f"take away all that {device} holds", device)
    if wanted.kind == NOTHING:
        return (*losses(held), clear) if held else ()
    label = f" “{wanted.label}”" if wanted.label else ""
    words = f"make {_article(wanted.kind)}{label} of {format_size(size)} ({size} bytes) on {device}"
    made = DiskStep("make-filesystem", words, device, wanted.kind, size=size)
    return (*losses(held), *([clear] if held else []), made)


def _article(kind: str) -> str:
    return (
        "a swap area" if kind == "swap" else f"{'an' if kind[0] in 'aeiou' or kind == 'xfs' else 'a'} {kind}"
    )


def _warnings(layout: Layout, device: str, wanted: NewFilesystem) -> tuple[Warned, ...]:
    """A guest mounts by UUID as a rule, and then does not find what is new."""
    old = volume_of(layout, device)
    if old is None or not old.mountable or not old.uuid or old.uuid.casefold() == wanted.uuid.casefold():
        return ()
    text = f"what mounts it by its UUID {old.uuid} does not find the new one; --uuid keeps it"
    return (Warned(text, device),)


def _look(below: Below, device: str, wanted: NewFilesystem) -> str:
    """Hold what our own reader finds against what was asked for; returns its UUID.

    :raises RolledBack: it finds something else.
    """
    with below.afterwards() as image:
        found = volume_of(image.layout(), device)
    content = "" if wanted.kind == NOTHING else wanted.kind
    if (found.content if found is not None else "") != content:
        there = (found.content if found is not None else "") or "nothing"
        raise RolledBack(f"{device} holds {there} afterwards, and not {content or 'nothing'}")
    if found is None or not content:
        return ""
    if wanted.label and found.label.casefold() != wanted.label.casefold():
        raise RolledBack(f"{device} is called {found.label!r} afterwards, and not {wanted.label!r}")
    return found.uuid
