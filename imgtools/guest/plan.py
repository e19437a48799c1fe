"""Plans are made here, and nowhere else: once for what is shown and for what is carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from imgtools.change.applier import check_before
from imgtools.change.change import Change, DiscardHibernation, PlainChange, RunInGuest, SetUuid, WriteFile
from imgtools.change.compose import compose
from imgtools.change.contradictions import refuse_contradictions, true_path
from imgtools.change.describe import describe
from imgtools.change.plan import Labeller, Plan
from imgtools.files.tree import GuestReader, GuestTree
from imgtools.guest.checks import check_writes
from imgtools.guest.generated import refuse_deployed, refuse_generated
from imgtools.guest.labels import AUTORELABEL, makes_files, needs_autorelabel, new_file_labeller
from imgtools.image.handle import Image
from imgtools.records.disks import Holder, Layout, Mount, Volume
from imgtools.records.system import Warned


def make_plan(
    image: Image,
    changes: Sequence[Change],
    mounts: Sequence[Mount],
    *,
    root: Volume | None = None,
    check: bool = True,
    thorough: bool = False,
    warnings: Sequence[Warned] = (),
) -> Plan:
    """Make the plan of some changes: edits composed into files, repetitions gone, contradictions found, checked.

    :param mounts: the guest's mounts: paths are resolved among them.
    :param root: the volume of the guest's root, by which its fstab is judged; None: no guest was found.
    :param check: refuse what would lock people out of the guest or stop its boot.
    :param thorough: refuse whatever the guest would not understand, as far as that can be known.
    :param warnings: what is known already; those of the plan come behind them.
    :raises EditConflict: two changes contradict each other, or a file is not what the plan was made for.
    :raises OddGuest: a file that is to be edited does not parse.
    :raises EditFailed: the guest would not understand what a file is to say.
    :raises UnsupportedGuest: a file is made anew from the guest's configuration, or is OSTree's.
    """
    files = image.files(mounts)
    label, more = _labels(changes, files)
    plain = refuse_contradictions(compose([*changes, *more], files), files)
    # What a program of the plan leaves is looked at when it has run.
    certain = takewhile(lambda change: not isinstance(change, RunInGuest), plain)
    check_before(files, [change for change in certain if isinstance(change, WriteFile)])
    refuse_deployed(plain, files, mounts)
    if check:
        refuse_generated(plain, files)
    new = {one.device: one.uuid for one in plain if isinstance(one, SetUuid) and one.uuid}
    root = _with_uuid(root, new) if root else None
    found = tuple[Warned, ...]()
    if check:
        found = check_writes(
            plain, files, lambda: _renamed(image, new), root, thorough=thorough, told=warnings
        )
    found = (*found, *_hibernated(plain, files, mounts))
    described = tuple(describe(change, files) for change in plain)
    return Plan(tuple(mounts), described, (*warnings, *found), files=files, label=label)


def _renamed(image: Image, new: Mapping[str, str]) -> Layout:
    """Return the disks as they are when the plan has given some filesystems new UUIDs: fstab is judged by those."""
    layout = image.layout()
    return replace(layout, volumes=tuple(_with_uuid(one, new) for one in layout.volumes)) if new else layout


def _with_uuid(volume: Volume, new: Mapping[str, str]) -> Volume:
    is_part = volume.holder is Holder.SUBVOLUME and bool(volume.parents)
    uuid = new.get(volume.parents[0] if is_part else volume.device, "")
    return replace(volume, uuid=uuid) if uuid else volume


def _hibernated(
    changes: Sequence[PlainChange], files: GuestTree, mounts: Sequence[Mount]
) -> Iterator[Warned]:
    """Say on which volumes the plan cannot be carried out: Windows goes on there with what it remembers of them."""
    windows = [mount for mount in mounts if mount.volume.content == "ntfs"]
    if not windows or any(isinstance(change, DiscardHibernation) for change in changes):
        return
    from imgtools.guest.windows.hibernation import is_hibernated  # few guests are Windows

    paths = {true_path(change, files) for change in changes if getattr(change, "path", "")}
    touched = {max(mounts, key=lambda mount: _depth(mount, path)).path for path in paths}
    for mount in windows:
        if mount.path in touched and is_hibernated(files, mount.path):
            yield Warned(
                f"Windows is hibernated on {mount.volume.device}: "
                "nothing is written to it before it has been shut down"
            )


def _depth(mount: Mount, path: str) -> int:
    """How much of a path is the mount's own; -1 if it is on another."""
    return len(mount.path) if f"{path}/".startswith(f"{mount.path.rstrip('/')}/") else -1


def _labels(changes: Sequence[Change], files: GuestReader) -> tuple[Labeller | None, tuple[Change, ...]]:
    """Return what labels the files that a plan makes, and what the plan needs besides.

    That is ``/.autorelabel`` where the guest's policy wants labels and nobody here can decide them: then the guest
    labels itself when it boots. Both are empty for a guest without SELinux.
    """
    if not makes_files(changes, files):
        return None, ()
    label = new_file_labeller(files)
    if label is None and needs_autorelabel(files) and files.lstat(AUTORELABEL) is None:
        return None, (WriteFile(AUTORELABEL, b""),)
    return label, ()
