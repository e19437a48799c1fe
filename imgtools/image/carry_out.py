"""Carries a plan out on the overlays, with one engine.

Direct, if it can serve every volume that the plan touches and every kind of change in it, else the appliance; never
both on one overlay. When one engine has to take over from the other, the overlays are thrown away and everything is
done again from the beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, cast

from imgtools.change.applier import apply_changes
from imgtools.change.change import (
    APPLIANCE_ONLY,
    Change,
    CheckFilesystem,
    DiscardHibernation,
    FileChange,
    MakeHardLink,
    Move,
    NewLvmUuids,
    Relabel,
    RunInGuest,
    SetUuid,
    WriteDisk,
)
from imgtools.change.contradictions import FILE_CHANGES
from imgtools.change.plan import Plan
from imgtools.change.writable_tree import NotOpenForWriting, WritableTree, digest_of
from imgtools.disk.transaction.transaction import Transaction
from imgtools.engine.api import GuestRunner, WriteSession
from imgtools.errors import (
    EditFailed,
    EngineFailed,
    GuestFileError,
    ImgtoolsError,
    RolledBack,
    UnsupportedGuest,
)
from imgtools.files.paths import normalise, parent_of
from imgtools.files.subtree import Subtree, WritableSubtree
from imgtools.files.tree import GuestTree
from imgtools.filesystems.api import CannotWrite, Filesystem, FilesystemWriter
from imgtools.records.disks import Declined, Mount
from imgtools.records.files import FileKind
from imgtools.records.progress import Progress
from imgtools.records.request import Engine
from imgtools.records.system import Warned

if TYPE_CHECKING:
    from imgtools.image.handle import Image

log = logging.getLogger(__name__)


def needs_boot(plan: Plan) -> Declined | None:
    """Why no engine but the appliance can carry a plan out; None: another may."""
    for change in plan.plain:
        if isinstance(change, APPLIANCE_ONLY):
            return Declined(type(change).__name__, "only the appliance can do this")
    return None


def needs_network(plan: Plan) -> bool:
    """Whether a program in it reaches out."""
    return any(isinstance(change, RunInGuest) and change.network for change in plan.plain)


@dataclass(slots=True)
class Written:
    """What a plan wrote: per path, the SHA-256 of its content; and through which mounts.

    ``remarks``: what checkers of filesystems say that they did.
    """

    digests: dict[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    remarks: list[Warned] = field(default_factory=list)


class Carrier:
    """Carries plans out, one after the other.

    :param wanted: the engine that the user insists on, or AUTO.
    :param direct: opens the direct engine on the overlays as they are.
    :param booted: the appliance on the overlays, booted when it is first needed; True: it needs the network.
    :param reread: reads what direct has written, through another reader than wrote it.
    """

    def __init__(
        self,
        transaction: Transaction,
        wanted: Engine,
        direct: Callable[[], AbstractContextManager[WriteSession]],
        booted: Callable[[bool], GuestRunner],
        reread: Callable[[Sequence[Mount], GuestTree], AbstractContextManager[GuestTree]],
    ) -> None:
        self._transaction = transaction
        self._wanted = wanted
        self._direct, self._booted, self._reread = direct, booted, reread
        self._done: list[Plan] = []
        self._progress: Progress | None = None
        self.engine: Engine | None = None
        self.declined: list[Declined] = []
        self.remarks: list[Warned] = []

    def carry(self, plan: Plan, image: Image, progress: Progress | None = None) -> None:
        """Carry one plan out, with the engine that did those before it if that is possible.

        :raises EngineFailed: the engine that the user insists on cannot.
        :raises EditFailed: a change cannot be made.
        :raises RolledBack: what was written does not hold.
        """
        self._progress = progress
        may_be_direct = self._may_be_direct(image)
        reason = self._try_direct(plan, image) if may_be_direct else None
        if reason is not None and self._wanted is Engine.DIRECT:
            raise _cannot(reason)
        if reason is not None or not may_be_direct:
            self._boot(plan, image)
        self._done.append(plan)

    def _may_be_direct(self, image: Image) -> bool:
        if self._wanted is Engine.APPLIANCE or self.engine is Engine.APPLIANCE:
            return False
        return self._wanted is Engine.DIRECT or image.served_by is not Engine.APPLIANCE

    # -- direct --------------------------------------------------------------------------------------------

    def _try_direct(self, plan: Plan, image: Image) -> Declined | None:
        """Carry a plan out directly; if that is not possible, say why. Errors of the guest's files are final."""
        reason = needs_boot(plan)
        if reason is None:
            try:
                self._carry_directly(plan)
                return None
            except CannotWrite as error:
                reason = error.declined
            except RolledBack as error:
                self._require_sound(plan)
                if self._wanted is Engine.DIRECT:
                    raise
                reason = Declined("what was written", error.message)
        log.info("not written directly: %s: %s", reason.what, reason.reason)
        self.declined.append(reason)
        return reason

    def _carry_directly(self, plan: Plan) -> None:
        if self.engine is None:
            self._transaction.begin()
        try:
            with self._direct() as session:
                written = carry_out(session, plan, plan.files, self._progress)
        except NotOpenForWriting:
            # A link made by the plan leads to a volume that none of its paths is on: open them all.
            self._transaction.begin()
            everywhere = [*self._done, plan]
            with self._direct() as session:
                for one in everywhere:
                    written = carry_out(session, one, one.files, self._progress, everywhere=True)
        if written.digests:
            with self._reread(written.mounts, plan.files) as tree:
                verify(tree, written)
        self.engine = Engine.DIRECT

    def _require_sound(self, plan: Plan) -> None:
        """What a checker finds after an edit may have been there before it; then no engine will do better.

        :raises EditFailed: it was.
        """
        self._transaction.begin()
        with self._direct() as session:
            for mount in touched_mounts(plan, plan.files):
                try:
                    session.check(mount.volume)
                except RolledBack as error:
                    raise EditFailed(
                        f"{mount.volume.device} was not in order before the edit: {error.message}",
                        hint="repair the filesystem first; the image is as it was",
                    ) from None

    # -- booted --------------------------------------------------------------------------------------------

    def _boot(self, plan: Plan, image: Image) -> None:
        """Carry a plan out in the appliance; what direct had done is thrown away and done again."""
        plans = [plan] if self.engine is Engine.APPLIANCE else [*self._done, plan]
        session = self._booted(any(map(needs_network, plans)))
        for one in plans:
            # What the appliance has read before is no longer mounted when it writes.
            is_stale = one.files.served_by is Engine.APPLIANCE
            files = image.files(one.mounts) if is_stale else one.files
            try:
                written = carry_out(session, one, files, self._progress)
            except CannotWrite as error:
                raise EditFailed(
                    f"{error.declined.what} cannot be written: {error.declined.reason}",
                    hint="the image is as it was",
                ) from None
            self._verify_booted(session, written, files)
            self.remarks.extend(written.remarks)
        self.engine = Engine.APPLIANCE

    @staticmethod
    def _verify_booted(session: GuestRunner, written: Written, files: GuestTree) -> None:
        found: dict[str, Filesystem] = {}
        for mount in written.mounts if written.digests else ():
            answer = session.reread(mount.volume, mount.options)
            if isinstance(answer, Declined):
                raise RolledBack(f"{answer.what} cannot be read again: {answer.reason}")
            found[normalise(mount.path)] = Subtree(answer, mount.inner) if mount.inner else answer
        verify(GuestTree({**files.mounted, **found}, Engine.APPLIANCE), written)


def _cannot(reason: Declined) -> EngineFailed:
    return EngineFailed(
        f"the direct engine cannot write {reason.what}: {reason.reason}",
        hint="leave --engine away, or use --engine auto",
    )


def carry_out(
    session: WriteSession,
    plan: Plan,
    files: GuestTree,
    progress: Progress | None = None,
    *,
    everywhere: bool = False,
) -> Written:
    """Mount what a plan touches, make its changes in their order, and check the filesystems.

    :param files: the tree as it was read for the plan.
    :param everywhere: mount every volume for writing, not only those that the plan's paths are on.
    :raises CannotWrite: the engine declines a volume; nothing was written.
    """
    touched = plan.mounts if everywhere else touched_mounts(plan, files)
    written = Written(mounts=tuple(touched))
    batches = groupby(plan.plain, lambda change: isinstance(change, FILE_CHANGES))
    for is_files, batch in batches:
        if is_files:
            tree = _open_tree(session, touched, files)
            changes = cast(Sequence[FileChange], list(batch))
            applied = apply_changes(tree, changes, label=plan.label, progress=progress)
            written.digests.update(applied.written)
        else:
            for change in batch:
                written.remarks.extend(_perform(cast(GuestRunner, session), change, plan.mounts))
                written.digests.clear()  # a program may have changed them again
    session.finish()
    return written


def _open_tree(session: WriteSession, touched: Sequence[Mount], files: GuestTree) -> WritableTree:
    writers: dict[str, FilesystemWriter] = {}
    for mount in touched:
        answer = session.mount(mount.volume, mount.options)
        if isinstance(answer, Declined):
            raise CannotWrite(answer)
        writers[normalise(mount.path)] = WritableSubtree(answer, mount.inner) if mount.inner else answer
    readers = {point: one for point, one in files.mounted.items() if point not in writers}
    return WritableTree(readers, writers, session.engine)


def _perform(session: GuestRunner, change: Change, mounts: Sequence[Mount]) -> Sequence[Warned]:
    match change:
        case WriteDisk():
            session.write_disk(change.device, change.offset, change.content, change.before)
        case CheckFilesystem():
            told = session.mend(change.device, change.type, force=change.force)
            return [Warned(line, change.device) for line in told]
        case SetUuid():
            session.set_uuid(change.device, change.uuid)
        case NewLvmUuids():
            declined = session.new_lvm_uuids(change.groups, change.keep_groups)
            if declined is not None:
                raise CannotWrite(declined)
        case DiscardHibernation():
            session.discard_hibernation(change.device)
        case RunInGuest():
            session.run(mounts, change.script, network=change.network, devices=change.devices)
        case Relabel():
            session.relabel(mounts, change.paths)
        case _:
            raise UnsupportedGuest(f"nobody here knows how to carry out {type(change).__name__}")
    return ()


def verify(tree: GuestTree, written: Written) -> None:
    """Read again what was written.

    :raises RolledBack: a file is not what it should be.
    """
    for path, digest in written.digests.items():
        try:
            filesystem, inner = tree.place(path)  # the paths are resolved
            found = digest_of(filesystem, inner)
        except ImgtoolsError as error:
            raise RolledBack(f"{path} cannot be read again: {error.message}") from None
        if found != digest:
            raise RolledBack(f"{path} was written, and reads differently", hint="the image is as it was")


def touched_mounts(plan: Plan, files: GuestTree) -> tuple[Mount, ...]:
    """Return the mounts that the plan's paths are on, in the order of the mounts."""
    points = {normalise(mount.path) for mount in plan.mounts}
    if points == {"/"}:
        return plan.mounts if any(isinstance(one, FILE_CHANGES) for one in plan.plain) else ()
    found: set[str] = set()
    for change in plan.plain:
        if isinstance(change, FILE_CHANGES):
            for path in _paths_of(change):
                found |= _points_of(path, files, points, deep=getattr(change, "recursive", False))
    return tuple(mount for mount in plan.mounts if normalise(mount.path) in found)


def _paths_of(change: FileChange) -> tuple[str, ...]:
    match change:
        case Move():
            return (change.path, change.to)
        case MakeHardLink():
            return (change.path, change.target)
        case _:
            return (change.path,)


def _points_of(path: str, files: GuestTree, points: set[str], *, deep: bool) -> set[str]:
    """The mount points of the file itself and of what a link there leads to; with ``deep``, those below too."""
    here = _existing(path, files)
    found = files.lstat(here)
    is_link = found is not None and found.kind is FileKind.LINK
    places = {here, files.resolve(here)} if is_link and files.exists(here) else {here}
    reached = {_point_of(place, path, points) for place in places}
    if deep:
        below = here.rstrip("/") + "/"
        reached |= {one for one in points if one.startswith(below)}
    return reached


def _point_of(place: str, path: str, points: set[str]) -> str:
    while place not in points:
        if place == "/":
            raise EditFailed(f"{path} is on no volume that is mounted")
        place = parent_of(place)
    return place


def _existing(path: str, files: GuestTree) -> str:
    """Return the true path of ``path``, or of the nearest directory above it that exists."""
    here = normalise(path)
    while here != "/":
        try:
            return files.locate(here)
        except GuestFileError:
            here = parent_of(here)
    return here
