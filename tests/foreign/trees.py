"""Every file of an image: what imgtools lists without a boot, held against what the kernel lists."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import imgtools
from imgtools.errors import ImgtoolsError
from imgtools.records.files import FileKind
from imgtools.workflows.ls import ListedFile, LsReport
from tests.foreign.kernel import KernelAnswer, KernelFile, ask_kernel
from tests.foreign.verdicts import Finding, Verdict

LETTERS = {"f": FileKind.FILE, "d": FileKind.DIRECTORY, "l": FileKind.LINK, "c": FileKind.CHARACTER,
           "b": FileKind.BLOCK, "p": FileKind.FIFO, "s": FileKind.SOCKET}  # fmt: skip
# What these keep no owners, permissions and links of is made up by whoever reads them; their times are rounded.
MADE_UP = frozenset({"vfat", "ntfs", "iso9660", "exfat", "udf", "hfs", "hfsplus"})

BEGUN = int(time.time()) - 24 * 3600  # seconds; the appliance's clock need not be ours


def compare_trees(images: Sequence[Path]) -> Iterator[Finding]:
    """Yield what comes of each image that imgtools reads, or that the kernel mounts."""
    for image, kernel in ask_kernel(images):
        try:
            report = imgtools.ls(
                image,
                "/",
                recursive=True,
                checksum="sha256",
                format="raw",
                engine="direct",
                mount=["/dev/sda"],
            )
        except ImgtoolsError as error:
            yield Finding(image.name, _refusal(error, kernel), error.message)
            continue
        if kernel is None:
            yield Finding(image.name, Verdict.ODD, "the appliance has ended")
        elif kernel.refused:
            yield Finding(image.name, Verdict.MORE, kernel.refused[:200])
        else:
            yield _compare(image, report, kernel)


def _refusal(error: ImgtoolsError, kernel: KernelAnswer | None) -> Verdict:
    if kernel is not None and kernel.refused:
        return Verdict.BOTH_REFUSE
    return Verdict.LEFT if "the direct engine cannot read" in error.message else Verdict.REFUSED


def _compare(image: Path, report: LsReport, kernel: KernelAnswer) -> Finding:
    content = imgtools.list_filesystems(image, format="raw", usage=False).filesystems[0].content
    ours = {one.path.lstrip("/"): one for one in report.files if one.path != "/"}
    reasons = [f"only imgtools: {name!r}" for name in sorted(ours.keys() - kernel.files.keys())]
    reasons += [f"only the kernel: {name!r}" for name in sorted(kernel.files.keys() - ours.keys())]
    for name in sorted(ours.keys() & kernel.files.keys()):
        if different := _different(ours[name], kernel.files[name], made_up=content in MADE_UP):
            reasons.append(f"{name!r}: {different}")
    if not reasons:
        return Finding(image.name, Verdict.SAME, f"{len(ours)} files")
    text = "; ".join(reasons[:3]) + (f" (kernel: {kernel.said[:200]})" if kernel.said else "")
    if report.warnings:
        return Finding(image.name, Verdict.WARNED, f"{text} | {report.warnings[0].text[:200]}")
    return Finding(image.name, Verdict.MORE if _is_more(reasons) else Verdict.WRONG, text)


def _is_more(reasons: Sequence[str]) -> bool:
    """Whether imgtools has read all that the kernel has, and besides what the kernel refuses or does not find.

    The direct reader looks at no checksums of metadata, and at no index of a directory
    (docs/decisions/filesystem-readers.md).
    """
    return all(reason.startswith("only imgtools") or reason.endswith("kernel ''") for reason in reasons)


def _different(ours: ListedFile, theirs: KernelFile, *, made_up: bool) -> str:
    """What two readers say differently of one file."""
    facts: list[tuple[str, object, object]] = [
        ("kind", ours.kind, LETTERS.get(theirs.kind, FileKind.UNKNOWN))
    ]
    if ours.kind is not FileKind.DIRECTORY or not made_up:
        facts.append(("size", ours.size, theirs.size))
    if not made_up:
        facts += [
            ("mode", stat.S_IMODE(ours.mode), theirs.mode),
            ("uid", ours.uid, theirs.uid),
            ("gid", ours.gid, theirs.gid),
            ("links", ours.links, theirs.links),
        ]
        if theirs.mtime < BEGUN:  # else the kernel has truncated it itself: an orphan of the last mount
            facts.append(("mtime", ours.mtime // 10**9, theirs.mtime))
    if ours.kind is FileKind.LINK:
        facts.append(("target", ours.target, theirs.target))
    if ours.kind is FileKind.FILE:
        facts.append(("checksum", ours.checksum, theirs.checksum))
    return ", ".join(f"{name} {mine!r}, kernel {its!r}" for name, mine, its in facts if mine != its)
