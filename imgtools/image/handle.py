"""The handle: ``open_image`` gives something that cannot write.

Not "refuses to": :class:`Image` has no method that changes anything, and every disk is served read-only below
it. Writing exists only inside ``edit_image``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, cast

from imgtools.engine.api import Session
from imgtools.files.tree import GuestTree
from imgtools.filesystems.api import Filesystem
from imgtools.image.key_use import as_served, useless_keys, volume_keys
from imgtools.image.router import Router
from imgtools.image.sharing import booting, image_that_stays
from imgtools.records.disks import Declined, Layout, Mount, Volume
from imgtools.records.image import DiskSource, ImageInfo
from imgtools.records.request import Backing, Engine, ImageRequest, Key
from imgtools.records.system import Warned
from imgtools.volumes.volume_file import DiskFile, DiskServer

if TYPE_CHECKING:
    from imgtools.engine.appliance.session import Boot
    from imgtools.engine.direct.session import DirectSession
    from imgtools.records.usage import Usage


class Image:
    """All disks of one guest, open for reading."""

    def __init__(self, infos: Sequence[ImageInfo], router: Router, servers: DiskServers) -> None:
        self.infos = tuple(infos)
        self._router = router
        self._servers = servers

    def layout(self, *, complete: bool = False) -> Layout:
        """Return disks, partitions, LVM and volumes; ``complete`` may boot to see into all of them."""
        return self._router.layout(complete=complete)

    def volumes(self) -> tuple[Volume, ...]:
        """Return whatever holds a filesystem or could, looked into completely."""
        return self.layout(complete=True).volumes

    def files(self, mounts: Sequence[Mount]) -> GuestTree:
        """Return the file tree that these mounts make; all are served by one engine.

        :raises EngineFailed: no engine can mount one of them.
        """
        filesystems = self._router.mount(mounts)
        return GuestTree(filesystems, self._router.served_by)

    def try_mount(self, volume: Volume) -> Filesystem | Declined:
        """Mount one volume with the engine that answers now, without booting for it."""
        return self._router.try_mount(volume)

    def try_bytes(self, device: str) -> DiskFile | None:
        """Return the bytes of a disk or volume, read only; None where only the appliance puts them together."""
        return self._router.try_bytes(device)

    def try_usage(self, volume: Volume) -> Usage | Declined:
        """Return how full the filesystem on ``volume`` is, or why nobody can tell."""
        return self._router.try_usage(volume)

    def keys_of_volumes(self) -> tuple[Key, ...]:
        """Return the keys of encrypted volumes, with those that servers give for ``clevis``; they are asked once."""
        return keys_for_appliance(self._servers, lambda: cast("DirectSession", self._router.direct()))

    def _booted(self) -> Session:
        """Return the appliance's session, booted now if it is not up; it serves everything from now on."""
        return self._router.appliance()

    def _on_disk(self) -> tuple[DirectSession, Sequence[DiskServer]]:
        """Return what knows where on the disks the volumes are, and the disks' bytes."""
        return cast("DirectSession", self._router.direct()), self._servers()

    @property
    def served_by(self) -> Engine:
        """Which engine answers now."""
        return self._router.served_by

    @property
    def declined(self) -> tuple[Declined, ...]:
        """What the direct engine did not serve so far, and why."""
        return self._router.declined

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What a reader should know of the images: one is in use, or its header is odd. Known once it is read."""
        said = (warning for info in self.infos for warning in info.warnings)
        useless = useless_keys(self.infos, self._servers.keys, self._router.known_layout)
        return (*said, *self._servers.warnings, *useless)


@contextmanager
def open_image(
    disks: Sequence[DiskSource],
    *,
    keys: Sequence[Key] = (),
    engine: Engine = Engine.AUTO,
    backing: Backing = Backing.SAME_DIR,
    boot: Boot | None = None,
) -> Iterator[Image]:
    """Open the disks of one guest for reading: /dev/sda, /dev/sdb ... in the order given.

    Every file that an image names is judged before anything opens it.

    :param boot: how the appliance is booted, should it be needed; as everywhere without it.
    :raises BadImage: a file is not a disk image, or is damaged.
    :raises UntrustedBacking: an image names a host file that ``backing`` does not allow.
    :raises KeyNeeded: the image itself is encrypted, and no key opens it.
    :raises UnfinishedEdit: an edit of an image, or of what it is based on, was cut while it was committed.
    """
    from imgtools.disk.backing import examine_disks
    from imgtools.disk.sources.opening import is_folder, opened_sources

    if disks and is_folder(disks[0]):
        from imgtools.image.folder_image import open_folder

        with open_folder(disks[0], disks[1:], engine) as image:
            yield image
        return
    with opened_sources(disks) as opened:
        infos = examine_disks(opened, backing, ask_qemu=False)  # qemu-nbd looks at them in a moment
        with open_examined(infos, keys, engine, boot) as image:
            yield image


@contextmanager
def open_examined(
    infos: Sequence[ImageInfo], keys: Sequence[Key], engine: Engine, boot: Boot | None = None
) -> Iterator[Image]:
    """Open disks whose files have been judged already; see :func:`open_image`."""
    with ExitStack() as stack:
        servers = DiskServers(infos, keys, stack)
        router = Router(image_openers(servers, boot), engine)
        stack.callback(router.close)
        yield Image(infos, router, servers)


class DiskServers:
    """What serves the disks of one guest, all opened once, when the first engine asks for them.

    :param stack: closes them.
    """

    def __init__(self, infos: Sequence[ImageInfo], keys: Sequence[Key], stack: ExitStack) -> None:
        self._infos = tuple(as_served(info, keys) for info in infos)
        self.keys = tuple(keys)
        self._stack = stack.enter_context(ExitStack())
        self._served: list[DiskServer] = []

    def __call__(self) -> Sequence[DiskServer]:
        """Return the servers, in the order of the disks."""
        from imgtools.engine.qemu.block import serve_disk
        from imgtools.engine.qemu.unlock import Keyring

        if not self._served:
            rings = [Keyring(self.keys, info.source.host_path) for info in self._infos]
            pairs = zip(self._infos, rings, strict=True)
            self._served.extend([self._stack.enter_context(serve_disk(info, ring)) for info, ring in pairs])
        return self._served

    @property
    def sectors(self) -> tuple[int, ...]:
        """Bytes of a sector of each disk, as was said; 0 where nothing was."""
        return tuple(info.source.sector_size for info in self._infos)

    @property
    def volume_keys(self) -> tuple[Key, ...]:
        """The keys for what the served disks hold."""
        return volume_keys(self._infos, self.keys)

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What there is to know of how the disks were opened; nothing before they are."""
        pairs = zip(self._infos, self._served, strict=False)
        return tuple(
            Warned(disk.warning, info.source.name)
            for info, disk in pairs
            if disk.warning
            and not (info.source.held and info.source.held.is_live)  # which is said of the guest
        )


def image_openers(servers: DiskServers, boot: Boot | None = None) -> dict[Engine, Callable[[], Session]]:
    """Return how to open each engine over the served disks.

    :param boot: how the appliance is booted; None: as :mod:`imgtools.image.sharing` has it.
    """

    def direct() -> Session:
        from imgtools.engine.direct.session import DirectSession

        return DirectSession(servers(), servers.volume_keys, servers.sectors)

    def appliance() -> Session:
        from imgtools.engine.appliance import ApplianceSession

        return ApplianceSession(
            servers(), keys_for_appliance(servers), boot=boot or booting(), sectors=servers.sectors
        )

    return {Engine.DIRECT: direct, Engine.APPLIANCE: appliance}


def keys_for_appliance(
    servers: DiskServers, reader: Callable[[], DirectSession] | None = None
) -> tuple[Key, ...]:
    """Return the keys of volumes, with those that servers have to be asked for: that is not done in the appliance.

    :param reader: gives what has asked them already; None: they are asked now.
    """
    keys = servers.volume_keys
    if not any(key.clevis for key in keys):
        return keys
    given = tuple(key for key in keys if not key.clevis)
    if reader is not None:
        return (*given, *reader().asked_keys)
    from imgtools.engine.direct.session import DirectSession

    with closing(DirectSession(servers(), keys, servers.sectors)) as session:
        return (*given, *session.asked_keys)


def open_request(request: ImageRequest, boot: Boot | None = None) -> AbstractContextManager[Image]:
    """Open what a command asks for, or give what stays open for it; see :func:`open_image`."""
    if (stays := image_that_stays(request)) is not None:
        return nullcontext(stays)
    return open_image(
        request.disks, keys=request.keys, engine=request.engine, backing=request.backing, boot=boot
    )
