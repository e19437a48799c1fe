"""How two guests differ: what is known of their systems first, then their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from imgtools.errors import EngineFailed
from imgtools.image.shared_blocks import SharedBlocks, shared_blocks
from imgtools.records.comparison import FactDifference, FileDifference
from imgtools.records.files import FileKind
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsType, Warned
from imgtools.workflows.diff_config import compare_configuration
from imgtools.workflows.diff_facts import SystemComparison
from imgtools.workflows.diff_files import FileWish, TreeComparison, check_wish
from imgtools.workflows.diff_sides import (
    Side,
    has_system,
    is_same_disk,
    open_requests,
    open_side,
    require_two,
    warnings_of,
)

CONFIGURATION = ("/etc", "/boot/grub", "/boot/grub2")


@dataclass(frozen=True, slots=True)
class DiffWish:
    """What is compared. ``meaning``: what is known of the systems; it is left out where only paths are asked for."""

    files: FileWish = field(default_factory=FileWish)
    meaning: bool = True
    trees: bool = True  # the files themselves


@dataclass(frozen=True, slots=True)
class GuestDiffReport:
    """How two guests differ, from the first to the second.

    ``shared``: they have a backing file in common, and only the blocks that differ were read of what is in it.
    ``incomplete``: something could not be read, and may differ; the warnings say what.
    """

    image: str
    other: str
    engine: Engine
    same: bool
    shared: bool
    facts: tuple[FactDifference, ...]
    files: tuple[FileDifference, ...]
    warnings: tuple[Warned, ...] = ()
    incomplete: bool = False


@dataclass(slots=True)
class OpenDiff:
    """Two guests being compared. ``files`` are compared as they are taken; the rest is known when they have ended."""

    image: str
    other: str
    engine: Engine
    shared: bool
    facts: tuple[FactDifference, ...]
    files: Iterator[FileDifference]
    old: Side
    new: Side
    told: list[Warned] = field(default_factory=list)
    related: bool = False  # one was the other once
    is_whole: bool = True  # everything that is known of the systems was compared
    trees: TreeComparison | None = None
    count: int = 0  # of the files that were taken

    def report(self, files: Iterable[FileDifference] | None = None) -> GuestDiffReport:
        """Return the report with all files, or with those that are given."""
        held = tuple(self.files if files is None else files)
        refused = self.trees.refused if self.trees is not None else None
        warnings = (*warnings_of(self.old, self.new), *self.told, *(refused.warnings if refused else ()))
        return GuestDiffReport(
            self.image,
            self.other,
            self.engine,
            not self.facts and not self.count,
            self.shared,
            self.facts,
            held,
            tuple(dict.fromkeys(warnings)),
            bool(refused) or not self.is_whole,
        )


def diff(old: ImageRequest, new: ImageRequest, wish: DiffWish | None = None) -> GuestDiffReport:
    """Compare two guests and hold all that differs; else as :func:`open_diff`."""
    with open_diff(old, new, wish) as opened:
        return opened.report()


@contextmanager
def open_diff(old: ImageRequest, new: ImageRequest, wish: DiffWish | None = None) -> Iterator[OpenDiff]:
    """Compare two guests, or a guest and a folder of the host; files are compared one at a time.

    :raises UsageError: both are the same file in the same state, or a wish cannot be fulfilled.
    :raises NoSuchGuestFile: a path is on neither side.
    """
    wish = wish or DiffWish()
    check_wish(wish.files)
    old, new = open_requests(old, new)
    require_two(old, new)
    with open_side(old) as one, open_side(new) as other:
        told: list[Warned] = []
        common = _common(one, other, told)
        same_below = _same_mounts(one, other, common)
        related = common is not None or _is_one_image(old, new)
        same_content = None if common is None else common.is_same_content
        trees = TreeComparison(one, other, wish.files, same_content, same_below, related=related)
        found = OpenDiff(
            one.name,
            other.name,
            one.engine,
            common is not None,
            (),
            iter(()),
            one,
            other,
            told,
            trees=trees,
            related=related,
        )
        found.facts = tuple(_facts(found, wish)) if wish.meaning else ()
        found.files = _counted(trees.differences(), found) if wish.trees else iter(())
        yield found


def _is_one_image(old: ImageRequest, new: ImageRequest) -> bool:
    """Whether both are states of one image."""
    if len(old.disks) != len(new.disks):
        return False
    pairs = zip(old.disks, new.disks, strict=True)
    return all(is_same_disk(one, other) for one, other in pairs)


def _counted(files: Iterator[FileDifference], found: OpenDiff) -> Iterator[FileDifference]:
    for one in files:
        found.count += 1
        yield one


def _common(old: Side, new: Side, told: list[Warned]) -> SharedBlocks | None:
    if old.image is None or new.image is None:
        return None
    try:
        return shared_blocks(old.image, new.image)
    except EngineFailed as error:
        told.append(Warned(f"which blocks the two have in common is not known: {error.message}"))
        return None


def _same_mounts(old: Side, new: Side, common: SharedBlocks | None) -> frozenset[str]:
    """The mount points of volumes of which no block differs; one with another below it that may differ is not told."""
    if common is None:
        return frozenset()
    others = {mount.path: mount for mount in new.mounts}
    same = {
        mount.path
        for mount in old.mounts
        if mount.path in others and common.is_same_volume(mount, others[mount.path])
    }
    points = {mount.path for mount in (*old.mounts, *new.mounts)}
    return frozenset(
        path for path in same if all(other in same for other in points if _is_below(other, path))
    )


def _is_below(path: str, above: str) -> bool:
    return path.startswith("/" if above == "/" else f"{above}/")


def _facts(found: OpenDiff, wish: DiffWish) -> Iterator[FactDifference]:
    """Yield how the systems differ: their facts, then configuration, or the registry."""
    old, new, told = found.old, found.new, found.told
    systems = SystemComparison(old, new, related=found.related)
    yield from systems.differences()
    told += systems.warnings
    found.is_whole = systems.is_whole
    if not (has_system(old) and has_system(new)) or old.os.type is not new.os.type:
        return
    if old.os.type is OsType.WINDOWS:
        from imgtools.workflows.diff_windows import compare_registries

        yield from compare_registries(old, new, told)
        return
    there = tuple(path for path in CONFIGURATION if old.files.is_dir(path) and new.files.is_dir(path))
    few = FileWish(exclude=wish.files.exclude, compare=wish.files.compare)
    quiet = TreeComparison(old, new, few, related=found.related)
    changed = [
        one.path
        for one in (quiet.differences(there) if there else ())
        if "content" in one.details and one.new is not None and one.new.kind is FileKind.FILE
    ]
    yield from compare_configuration(old.files, new.files, changed, told)
