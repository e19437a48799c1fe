"""The second door: ``edit_image`` gives an image that can be changed, as a transaction.

Nothing reaches the user's file before :meth:`ImageEdit.commit`, and forgetting to call it is safe: what was
changed is thrown away. The steps and their reasons are in docs/decisions/transactions.md.

>>> with edit_image(request.disks) as image:                                            # doctest: +SKIP
...     guest = the_guest(image)
...     image.apply(make_plan(image, [Truncate("/etc/machine-id")], guest.mounts))
...     image.commit()
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from imgtools.change.change import Change, Upload, WriteFile
from imgtools.change.plan import Plan
from imgtools.disk.backing import examine_disks
from imgtools.disk.in_use import refuse_in_use, refuse_writer
from imgtools.disk.sources.opening import is_folder, opened_sources, refuse_sources
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.may_edit import refuse_running_domain, require_output, require_writable
from imgtools.disk.transaction.sidecar import new_places
from imgtools.disk.transaction.transaction import Transaction
from imgtools.engine.api import GuestRunner, Session, WriteSession
from imgtools.errors import ApplianceFailed, BadImage, EditFailed, EngineFailed, RolledBack
from imgtools.files.subtree import Subtree
from imgtools.files.tree import GuestTree
from imgtools.filesystems.api import Filesystem
from imgtools.image.carry_out import Carrier
from imgtools.image.handle import DiskServers, Image, image_openers, keys_for_appliance, open_examined
from imgtools.image.router import Router
from imgtools.image.way_back import keeper, way_back
from imgtools.records.disks import Declined, Mount, Volume
from imgtools.records.image import DiskSource, ImageInfo, Layer
from imgtools.records.progress import Progress
from imgtools.records.request import Backing, Engine, ImageRequest, Key, OutputTarget, Target
from imgtools.records.system import Warned
from imgtools.volumes.volume_file import DiskServer

if TYPE_CHECKING:
    from imgtools.engine.appliance.session import Boot
    from imgtools.engine.appliance.write import BootedSession
    from imgtools.engine.direct.session import DirectSession


LEAST_ROOM = 1 << 20  # bytes; an edit that fails with less than this free on the host has failed for that


class ImageEdit(Image):
    """All disks of one guest, open for reading as they were before the edit, and for changes."""

    def __init__(
        self,
        infos: Sequence[ImageInfo],
        router: Router,
        servers: DiskServers,
        carrier: Carrier,
        transaction: Transaction,
        readers: ExitStack,
        *,
        commits: bool = True,
        boots: ExitStack | None = None,
    ) -> None:
        super().__init__(infos, router, servers)
        self._boots = boots or ExitStack()
        self._carrier = carrier
        self._transaction = transaction
        self._readers = readers
        self._commits = commits
        self._makes_new_image = transaction.makes_new_image
        self._is_changed = self._has_failed = False

    def apply(self, plan: Plan, *, progress: Progress | None = None) -> None:
        """Carry a plan out on the overlay. All of it in one call is best: one mount, one check, one boot.

        :raises EditConflict: a file is not what the plan saw.
        :raises GuestFileError: a path is not there, or of the wrong kind.
        :raises EditFailed: a change cannot be made (no room in the guest, not supported there).
        :raises RolledBack: the filesystem's checker, or reading again, finds what was written not in order.
        :raises NoRoom: the host has no room for the changes.
        """
        if not plan.changes:
            return
        if plan.files.mounted != (files := self.files(plan.mounts)).mounted:
            # It was made with another door; what has changed since is found out when it is written.
            plan = replace(plan, files=files)
        self._transaction.require_room(sum(_size_of(change) for change in plan.plain))
        self._has_failed = True  # until it has not: half a plan must never be committed
        try:
            self._carrier.carry(plan, self, progress)
        except (EditFailed, RolledBack, EngineFailed, ApplianceFailed) as error:
            # A filesystem that cannot write to its disk says many things; why is only seen from here.
            self._transaction.require_room(0, margin=LEAST_ROOM)
            name = self.infos[0].source.name
            if os.strerror(errno.EIO) in error.message and name not in error.message:
                error.message = f"{name}: {error.message}"
            raise
        self._is_changed, self._has_failed = True, False

    def commit(
        self, *, progress: Progress | None = None, proof: Callable[[Image], None] | None = None
    ) -> None:
        """Make the changes count, all at once; without any, there is nothing to do. Reading ends here.

        Of :func:`edit_within`, they stay on the overlay for the rest of the transaction.

        :param proof: is shown the image as the changes leave it, opened anew; if it raises, nothing is written.
        :raises EditFailed: a change of this edit has failed before; nothing is written.
        :raises EditConflict: the image was changed by another program meanwhile; nothing was written.
        :raises EditCut: the commit failed half-way; ``imgtools recover`` finishes it.
        """
        if self._has_failed:
            raise EditFailed("a change of this edit has failed: nothing is written", hint="begin a new edit")
        self._readers.close()
        if proof is not None and self._is_changed:
            with self._result() as changed:
                proof(changed)
        if self._is_changed and self._commits and not self._makes_new_image:
            self._keep_way_back()
        if self._commits and (self._is_changed or self._makes_new_image):
            if not self._is_changed:
                self._transaction.begin()
            self._transaction.commit(progress)

    def _let_go(self) -> None:
        """Shut the appliance down, so that all it has written is on the overlays; errors of that surface here."""
        self._router.shut_down()
        self._boots.close()

    def _result(self) -> AbstractContextManager[Image]:
        """Open what the overlays hold, for reading: the image as it would be after a commit."""
        return open_examined(self._transaction.overlaid, self._servers.keys, Engine.AUTO)

    def _keep_way_back(self) -> None:
        """Give the way back to whoever keeps it."""
        if (keep := keeper()) is None:
            return
        from imgtools.image.differences import Side, written_ranges  # what most edits do without

        ranges = written_ranges(self._overlays)
        original = open_examined(self.infos, self._servers.keys, Engine.AUTO)
        with original as before, self._result() as after:
            keep(way_back(Side.of(before), Side.of(after), ranges))

    @property
    def _overlays(self) -> tuple[tuple[Path, tuple[Layer, ...]], ...]:
        """Each overlay, with the chain of the image below it."""
        return self._transaction.disks

    def _take_over(self) -> None:
        """Have what somebody else has written on the overlays count as a change of this edit.

        :raises NoRoom: the host has no room left: some of it may not have been written.
        """
        self._transaction.require_room(0, margin=LEAST_ROOM)
        self._is_changed = True

    @property
    def output(self) -> str:
        """The host path of the new image, of several disks of their folder; empty for an edit in place."""
        return self._transaction.output

    @property
    def written_by(self) -> Engine | None:
        """Which engine carried the changes out; None: there were none."""
        return self._carrier.engine

    @property
    def remarks(self) -> tuple[Warned, ...]:
        """What checkers of filesystems say that they did while the changes were carried out."""
        return tuple(self._carrier.remarks)

    @property
    def declined(self) -> tuple[Declined, ...]:
        """What the direct engine did not read or write so far, and why."""
        return (*super().declined, *self._carrier.declined)


@contextmanager
def edit_image(
    disks: Sequence[DiskSource],
    *,
    keys: Sequence[Key] = (),
    engine: Engine = Engine.AUTO,
    backing: Backing = Backing.SAME_DIR,
    output: OutputTarget | None = None,
    boot: Boot | None = None,
) -> Iterator[ImageEdit]:
    """Open the disks of one guest for an edit. What is not committed when the block ends never happened.

    :param output: make a new image there, of several disks a new folder with one of each; they are not written.
    :param boot: how the appliance is booted, should it be needed; as everywhere without it.
    :raises ImageInUse: a guest, or another imgtools, has one of the images open for writing.
    :raises UnfinishedEdit: an earlier edit of it was cut while it was committed.
    :raises UnsupportedFormat: the format cannot be written in place.
    :raises TargetExists: ``output`` is there already.
    :raises HostError: the image or its folder cannot be written.
    """
    with ExitStack() as stack:
        if output is None or any(map(is_folder, disks)):
            refuse_sources(disks)
        disks = stack.enter_context(opened_sources(disks, digests=True))
        infos = examine_disks(disks, backing)
        if output is None:
            require_writable(infos)
        else:
            require_output(infos, output)
        locks = stack.enter_context(lock_images(_locked_paths(infos, output)))
        # Again, under the lock: another edit may have begun, or have been cut, since the first look.
        infos = examine_disks(disks, backing)
        for info in (one for one in infos if one.chain[0].has_file):
            (refuse_in_use if output is None else refuse_writer)(info.source.host_path)
            refuse_running_domain(info.source.host_path)
        transaction = Transaction(infos, locks, output)
        stack.callback(transaction.discard)
        yield stack.enter_context(_opened(infos, keys, engine, transaction, boot=boot))


@contextmanager
def edit_within(
    infos: Sequence[ImageInfo], transaction: Transaction, *, keys: Sequence[Key], engine: Engine
) -> Iterator[ImageEdit]:
    """Open disks for an edit that is a part of a larger transaction: whoever has begun that one commits it.

    Nothing of it may be on the overlay yet: an edit begins with an empty one.
    """
    with _opened(infos, keys, engine, transaction, commits=False) as image:
        yield image


def edit_request(
    request: ImageRequest, target: Target, boot: Boot | None = None
) -> AbstractContextManager[ImageEdit]:
    """Open what a writing command asks for; see :func:`edit_image`."""
    return edit_image(
        request.disks,
        keys=request.keys,
        engine=request.engine,
        backing=request.backing,
        output=target.output,
        boot=boot,
    )


def _locked_paths(infos: Sequence[ImageInfo], output: OutputTarget | None) -> list[Path]:
    """What must be one imgtools' alone: the images, or the new image."""
    if output is None:
        return [info.source.host_path for info in infos]
    return list(new_places(output.host_path, len(infos)))


@contextmanager
def _opened(
    infos: Sequence[ImageInfo],
    keys: Sequence[Key],
    engine: Engine,
    transaction: Transaction,
    *,
    commits: bool = True,
    boot: Boot | None = None,
) -> Iterator[ImageEdit]:
    """Wire readers, writers and the transaction together."""
    with ExitStack() as readers:
        servers = DiskServers(infos, keys, readers)
        boots = readers.enter_context(ExitStack())
        wants_network = False

        def reader() -> DirectSession:
            return cast("DirectSession", router.direct())

        def appliance() -> Session:
            # The appliance reads through the overlays too: it boots once for reading and writing.
            from imgtools.engine.appliance.write import open_booted

            transaction.begin()
            return boots.enter_context(
                open_booted(
                    servers(),
                    transaction.disks,
                    keys_for_appliance(servers, reader),
                    reader,
                    network=wants_network,
                    boot=boot,
                    sectors=servers.sectors,
                )
            )

        def direct() -> AbstractContextManager[WriteSession]:
            from imgtools.engine.direct.write import open_direct_writer

            return open_direct_writer(transaction.disks, reader())

        def booted(network: bool) -> GuestRunner:
            nonlocal wants_network
            if network and not wants_network and router.has_booted():
                router.shut_down()
                boots.close()
            wants_network = wants_network or network
            return cast(GuestRunner, cast("BootedSession", router.appliance()).writer)

        def reread(mounts: Sequence[Mount], files: GuestTree) -> AbstractContextManager[GuestTree]:
            return _reread(transaction.overlaid, mounts, files, reader())

        router = Router({**image_openers(servers), Engine.APPLIANCE: appliance}, engine)
        readers.callback(router.close)
        carrier = Carrier(transaction, engine, direct, booted, reread)
        yield ImageEdit(infos, router, servers, carrier, transaction, readers, commits=commits, boots=boots)


@contextmanager
def _reread(
    infos: Sequence[ImageInfo],
    mounts: Sequence[Mount],
    files: GuestTree,
    reader: DirectSession,
) -> Iterator[GuestTree]:
    """Read overlays through the direct reader, which shares nothing with what wrote them.

    :param files: the tree as it was, for the volumes that were not written.
    :param reader: knows where on the disks the volumes are; that has not changed, so it is not found out again.
    """
    from imgtools.engine.qemu.block import serve_disk

    with ExitStack() as stack:
        servers = [stack.enter_context(serve_disk(info)) for info in infos]
        found: dict[str, Filesystem] = {}
        for mount in mounts:
            answer = _mount_again(mount.volume, servers, reader)
            if isinstance(answer, Declined):
                raise RolledBack(f"{answer.what} cannot be read again: {answer.reason}")
            found[mount.path] = Subtree(answer, mount.inner) if mount.inner else answer
        yield GuestTree({**files.mounted, **found}, Engine.DIRECT)


def _mount_again(
    volume: Volume, servers: Sequence[DiskServer], reader: DirectSession
) -> Filesystem | Declined:
    from imgtools.engine.direct.session import mount_file
    from imgtools.volumes.volume_file import DiskFile, Extent

    place = reader.place_of(volume.device)
    if isinstance(place, Declined):
        return place
    number, offset, length = place
    try:
        return mount_file(DiskFile([Extent(servers[number], offset, length)], volume.device), volume.content)
    except BadImage as error:
        return Declined(volume.device, error.message)


def _size_of(change: Change) -> int:
    """How many bytes a change may take in an overlay: whole clusters of 64 KiB, and those of its tables."""
    size = len(change.content) if isinstance(change, WriteFile) else 0
    size = change.size if isinstance(change, Upload) else size
    return size + (128 << 10 if size else 16 << 10)
