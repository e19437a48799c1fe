"""virt-sparsify: give the host back what nothing in a disk uses, in place or by a copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.compat.dispatch import complain, report_warnings, warn
from imgtools.compat.sources import disk_request
from imgtools.compat.standard import MACHINE, STANDARD, Speaker, speaking, told_facts
from imgtools.compat.words import Takes, Words, idle, switch, valued
from imgtools.errors import UnsupportedFormat, UsageError
from imgtools.records.free_room import Wish

if TYPE_CHECKING:
    from imgtools.records.request import ImageRequest
    from imgtools.workflows.sparsify import FreeVolume, SparsifyReport

LUKS = "LUKS stays as it is, as there; imgtools sparsify --discard-encrypted gives its free room back"
OPTIONS = (
    valued("--check-tmpdir"),
    switch("--compress"),
    valued("--convert"),
    valued("--format"),
    valued("--ignore"),
    switch("--in-place", "--inplace"),
    idle(LUKS, "--key", takes=Takes.VALUE),
    idle(LUKS, "--keys-from-stdin"),
    idle(LUKS, "--echo-keys"),
    valued("-o"),
    valued("--tmp"),
    valued("--zero"),
    MACHINE,
    *STANDARD,
)
SINGLE_DASH = True
FACTS = ("virt-sparsify", "linux-swap", "zero", "check-tmpdir", "in-place", "tmp-option", "ntfs", "btrfs")
COPYING = ("--check-tmpdir", "--compress", "--convert", "-o", "--tmp")  # not with --in-place
CHECKS = ("ignore", "i", "continue", "cont", "c", "warn", "warning", "w", "fail", "f", "error")
CANNOT_DISCARD = 3  # exit code of --in-place, upon which scripts copy instead
ASKED = "as was asked for"
GROUP = "free extents of "


def run(words: Words) -> int:
    """Give it back; nothing is asked, and no temporary copy is made."""
    if not words.rest and told_facts(words, FACTS):
        return 0
    with speaking(words) as speaker:
        if words.has("--in-place"):
            return _in_place(words, speaker)
        _copied(words, speaker)
    return 0


def _in_place(words: Words, speaker: Speaker) -> int:
    from imgtools.workflows.sparsify import SparsifyRequest, sparsify

    if len(words.rest) != 1:
        raise UsageError("one disk is wanted", hint="virt-sparsify --in-place DISK")
    for name in COPYING:
        if words.has(name):
            raise UsageError(
                f"you cannot use --in-place and {name} options together", hint="leave one of them away"
            )
    try:
        request = SparsifyRequest(disk_request(words, words.rest[0]), _wish(words), write=True)
        report = sparsify(request)
    except UnsupportedFormat as error:
        complain(words.program, error)
        return CANNOT_DISCARD
    _tell(words, speaker, report)
    speaker.message("Sparsify in-place operation completed with no errors")
    return 0


def _copied(words: Words, speaker: Speaker) -> None:
    from imgtools.workflows.sparsify import SparsifyRequest, sparsify

    if len(words.rest) != 2:
        raise UsageError("two disks are wanted", hint="virt-sparsify INDISK OUTDISK")
    source, target = words.rest
    if source == target:
        raise UsageError(
            "you cannot use the same disk image for input and output", hint="virt-sparsify --in-place DISK"
        )
    if (check := words.last("--check-tmpdir")) and check not in CHECKS:
        raise UsageError(f"--check-tmpdir: unknown argument '{check}'", hint="ignore, continue, warn or fail")
    request = disk_request(words, source)
    format = words.last("--convert") or words.last("--format") or _format_of(request)
    if format == "raw" and words.has("--compress"):
        raise UsageError(
            "--compress cannot be used for raw output", hint="remove this option or use --convert qcow2"
        )
    speaker.message("Examine source disk")
    wanted = SparsifyRequest(
        request,
        _wish(words),
        write=True,
        output=Path(target),
        format=format,
        compress="zlib" if words.has("--compress") else "",
        overwrite=True,
        options=[words.last("-o") or ""] if words.last("-o") else (),
    )
    _tell(words, speaker, sparsify(wanted))
    speaker.message("Sparsify operation completed with no errors.")
    if not speaker.quiet:
        speaker.info(
            "Before deleting the old disk, carefully check that the target disk boots and works correctly."
        )


def _format_of(request: ImageRequest) -> str:
    from imgtools.disk.image_file import open_disk

    return open_disk(request).info.format


def _wish(words: Words) -> Wish:
    return Wish(ignore=words.all("--ignore"), zero=words.all("--zero"))


def _tell(words: Words, speaker: Speaker, report: SparsifyReport) -> None:
    """Say what was done in each place, and what was left as it is."""
    zeroed = {step.path for step in report.changes if step.kind == "empty-volume"}
    for one in report.volumes:
        for text in _done(one, zeroed=one.device in zeroed, copied=bool(report.output)):
            speaker.message(text)
    for left in report.left:
        if left.reason != ASKED:
            warn(
                words,
                f"warning: fstrim operation is not of use on {left.device}: {left.reason}; --ignore "
                f"{left.device} suppresses this warning",
            )
    report_warnings(words, report.warnings)


def _done(one: FreeVolume, *, zeroed: bool, copied: bool) -> Iterator[str]:
    if zeroed:
        yield f"Zeroing {one.device}"
    elif one.content == "swap":
        yield f"Clearing Linux swap on {one.device}"
    elif one.content.startswith(GROUP):
        group = one.content.removeprefix(GROUP)
        yield (
            f"Fill free space in volgroup {group} with zero"
            if copied
            else f"Discard space in volgroup {group}"
        )
    elif " " not in one.content:  # what is between partitions is no filesystem
        yield f"Fill free space in {one.device} with zero" if copied else f"Trimming {one.device}"
