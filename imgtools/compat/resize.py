"""virt-resize: copy a disk into a larger or smaller one, divided anew."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.resize_summary import summary
from imgtools.compat.sources import disk_request
from imgtools.compat.standard import MACHINE, STANDARD, Speaker, once, speaking, told_facts
from imgtools.compat.text import put
from imgtools.compat.words import Words, idle, refused, switch, valued
from imgtools.errors import HostError, UnsupportedFormat, UsageError

if TYPE_CHECKING:
    from imgtools.records.image import ImageInfo
    from imgtools.workflows.resize_copy import ResizeCopyReport, ResizeCopyRequest

OPTIONS = (
    valued("--align-first"),
    valued("--alignment"),
    idle("nothing is traced", "--debug", "-d"),
    valued("--delete"),
    switch("--dry-run", "-n", "--dryrun"),
    valued("--expand"),
    valued("--format"),
    valued("--ignore"),
    valued("--lv-expand", "--LV-expand", "--lvexpand", "--LVexpand"),
    refused("boot code comes along: --delete leaves a partition out", "--no-copy-boot-loader"),
    switch("--no-expand-content"),
    switch("--no-extra-partition"),
    idle("the new disk is made anew, and stores no zeros", "--no-sparse"),
    idle("an NTFS that ntfsresize finds sound is resized without it", "--ntfsresize-force"),
    valued("--output-format"),
    valued("--resize"),
    valued("--resize-force"),
    valued("--shrink"),
    valued("--unknown-filesystems"),
    MACHINE,
    *STANDARD,
)
SINGLE_DASH = True
FACTS = (
    "virt-resize",
    "ntfsresize-force",
    "32bitok",
    "128-sector-alignment",
    "alignment",
    "align-first",
    "infile-uri",
    "ntfs",
    "btrfs",
    "xfs",
    "f2fs",
)
ALIGNMENT = "1M"  # there 64 KiB, which large sectors of flash are not content with
SECTOR = 512  # bytes that --alignment and a size of "s" count in
UNKNOWN = ("ignore", "warn", "error")


def run(words: Words) -> int:
    """Make the copy in the place of the disk that was made for it, as large as that is."""
    if not words.rest and told_facts(words, FACTS):
        return 0
    with speaking(words) as speaker:
        _resize(words, speaker)
    return 0


def _resize(words: Words, speaker: Speaker) -> None:
    from imgtools.workflows.resize_copy import resize_copy

    once(words, "--expand", "--shrink", "--lv-expand")
    unknown = words.last("--unknown-filesystems") or "warn"
    if unknown not in UNKNOWN:
        raise UsageError("unknown --unknown-filesystems", hint=f"one of {', '.join(UNKNOWN)}")
    if len(words.rest) != 2:
        raise UsageError("two disks are wanted", hint="virt-resize INDISK OUTDISK")
    source, target = words.rest
    if source == target:
        raise UsageError(
            "you cannot use the same disk image for input and output",
            hint="make an empty disk of the new size first: qemu-img create",
        )
    speaker.message(f"Examining {source}")
    request = _request(words, source, target)
    plan = resize_copy(request)
    if unknown == "error":
        _require_known(plan)
    if not speaker.quiet:
        put(summary(plan, no_extra=words.has("--no-extra-partition")))
    warnings = [
        one for one in plan.warnings if unknown != "ignore" or "stays as large as it is" not in one.text
    ]
    report_warnings(words, warnings)
    if words.has("--dry-run"):
        return
    for one in plan.partitions:
        if one.copied:
            speaker.message(f"Copying {one.device}")
    resize_copy(replace(request, write=True))
    for step in plan.changes:
        if step.kind in ("grow-content", "extend-logical-volume"):
            speaker.message(f"Expanding {step.path}")
    if not speaker.quiet:
        speaker.info(
            "\nResize operation completed with no errors.  Before deleting the old disk, carefully check that the "
            "resized disk boots and works correctly."
        )


def _request(words: Words, source: str, target: str) -> ResizeCopyRequest:
    from imgtools.workflows.resize_copy import ResizeCopyRequest

    made = _made_for_it(words, target)
    return ResizeCopyRequest(
        disk_request(words, source),
        Path(target),
        size=str(made.virtual_size),
        format=made.format,
        expand=_device(words.last("--expand")),
        shrink=_device(words.last("--shrink")),
        lv_expand=words.last("--lv-expand"),
        resize=[_sized(one) for one in words.all("--resize")],
        resize_force=[_sized(one) for one in words.all("--resize-force")],
        delete=[_device(one) or "" for one in words.all("--delete")],
        ignore=[_device(one) or "" for one in words.all("--ignore")],
        alignment=_alignment(words),
        align_first=words.last("--align-first") or "auto",
        extra=not words.has("--no-extra-partition"),
        grow_content=not words.has("--no-expand-content"),
        overwrite=True,
    )


def _made_for_it(words: Words, target: str) -> ImageInfo:
    """Look at the disk that the copy takes the place of.

    :raises UnsupportedFormat: it is none that can be made anew.
    :raises HostError: it is not there.
    """
    from imgtools.disk.backing import examine
    from imgtools.records.image import DiskSource, is_uri
    from imgtools.records.request import Backing

    place = Path(target)
    if is_uri(target) or place.is_block_device():
        raise UnsupportedFormat(
            f"{target} is no file of this host, and the copy is made as one",
            hint="resize into a file, then: imgtools dd, or imgtools convert",
        )
    if not place.is_file():
        raise HostError(
            f"{target} is not there", hint="make an empty disk of the new size first: qemu-img create"
        )
    return examine(DiskSource(place, words.last("--output-format") or None), policy=Backing.ANY)


def _device(name: str | None) -> str | None:
    """Return a partition as it is called here: ``sda2`` and ``/dev/vda2`` are ``/dev/sda2``."""
    if name is None:
        return None
    return re.sub(r"^(?:/dev/)?[hsv]da(?=\d+$)", "/dev/sda", name)


def _sized(text: str) -> str:
    """Return PART=SIZE with a size in a unit that is known here: the peer has ``b`` for bytes, ``s`` for sectors."""
    part, equals, size = text.partition("=")
    match = re.fullmatch(r"([+-]?)(\d+)([bs])", size)
    if match is not None:
        size = f"{match[1]}{int(match[2]) * (SECTOR if match[3] == 's' else 1)}"
    return f"{_device(part)}{equals}{size}"


def _alignment(words: Words) -> str:
    text = words.last("--alignment")
    if text is None:
        return ALIGNMENT
    if not text.isdecimal() or int(text) < 1:
        raise UsageError("alignment cannot be < 1", hint="--alignment counts sectors of 512 bytes")
    return str(int(text) * SECTOR)


def _require_known(plan: ResizeCopyReport) -> None:
    """Make sure that everything in partitions that grow grows with them.

    :raises UsageError: something stays as it is.
    """
    grown = {step.path for step in plan.changes if step.kind in ("grow-content", "extend-logical-volume")}
    for one in plan.partitions:
        if (one.new_size or 0) > one.size and one.device not in grown:
            name = f"{one.content} filesystem" if one.content else "content"
            raise UsageError(
                f"unknown/unavailable method for expanding the {name} on {one.device}",
                hint="--unknown-filesystems warn lets it stay as large as it is",
            )
