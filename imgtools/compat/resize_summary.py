"""What virt-resize says of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.compat.text import human

if TYPE_CHECKING:
    from imgtools.workflows.resize_copy import CopiedPartition, ResizeCopyReport

# How the peer calls what grows each content (string_of_expand_content_method in resize/resize.ml).
METHODS = {
    "LVM2_member": "pvresize",
    "ext2": "resize2fs",
    "ext3": "resize2fs",
    "ext4": "resize2fs",
    "ntfs": "ntfsresize",
    "btrfs": "btrfs-filesystem-resize",
    "xfs": "xfs_growfs",
    "f2fs": "resize.f2fs",
    "swap": "mkswap",
}


def summary(plan: ResizeCopyReport, *, no_extra: bool) -> str:
    """Return the summary of changes."""
    lines = list(_lines(plan, no_extra=no_extra))
    body = "".join(f"{line}\n\n" for line in lines)
    return f"**********\n\nSummary of changes:\n\n{body}**********\n"


def _lines(plan: ResizeCopyReport, *, no_extra: bool) -> Iterator[str]:
    grown = {step.path for step in plan.changes if step.kind == "grow-content"}
    for one in plan.partitions:
        yield _line(one, grows=one.device in grown)
    for step in plan.changes:
        if step.kind == "extend-logical-volume":
            yield f"{step.path}: This logical volume will be expanded to maximum size."
        elif step.kind == "make-partition":
            told = f"There is a surplus of {human(step.size or 0)}."
            yield f"{told}  An extra partition will be created for the surplus."
    if no_extra and (surplus := _surplus(plan)):
        yield (
            f"There is a surplus of {human(surplus)}.  The surplus space will be ignored.  Run a partitioning "
            "program in the guest to partition this extra space if you want."
        )


def _line(one: CopiedPartition, *, grows: bool) -> str:
    if one.new_size is None:
        return f"{one.device}: This partition will be deleted."
    if not one.copied:
        return (
            f"{one.device}: This partition will be created, but the contents will be ignored (ie. not copied to "
            "the target)."
        )
    if one.new_size == one.size:
        return f"{one.device}: This partition will be left alone."
    text = f"{one.device}: This partition will be resized from {human(one.size)} to {human(one.new_size)}."
    if not grows:
        return text
    name = {"LVM2_member": "LVM PV", "swap": "swap"}.get(one.content, f"filesystem {one.content}")
    method = METHODS.get(one.content, one.content)
    return f"{text}  The {name} on {one.device} will be expanded using the ‘{method}’ method."


def _surplus(plan: ResizeCopyReport) -> int:
    """Return the bytes behind the last partition."""
    ends = [one.new_start + one.new_size for one in plan.partitions if one.new_start and one.new_size]
    return max(0, plan.new_size - max(ends, default=0) - (1 << 20)) if ends else 0
