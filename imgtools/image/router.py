"""Which engine answers: direct where it can, else the appliance, booted at most once.

The laws:

1. Direct first, if it can serve every mount that was asked for.
2. Direct declines with a reason, when a volume is mounted, never in the middle of an answer.
3. A missing file is an answer, not a reason to boot.
4. Once the appliance is up it serves everything of that image until the door closes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from imgtools.engine.api import Session
from imgtools.errors import BadImage, EngineFailed, OddGuest, ToolMissing
from imgtools.filesystems.api import Filesystem
from imgtools.records.disks import Declined, Layout, Mount, Volume
from imgtools.records.request import Engine

if TYPE_CHECKING:
    from imgtools.engine.direct.session import DirectSession
    from imgtools.records.usage import Usage
    from imgtools.volumes.volume_file import DiskFile

log = logging.getLogger(__name__)


class Router:
    """Two engine sessions of one image, each opened when it is first needed.

    :param openers: how to open a session of each engine.
    :param engine: the engine the user insists on, or AUTO.
    """

    def __init__(self, openers: dict[Engine, Callable[[], Session]], engine: Engine = Engine.AUTO) -> None:
        self._openers = openers
        self._wanted = engine
        self._sessions: dict[Engine, Session] = {}
        self._layouts: dict[Engine, Layout] = {}
        self._declined: list[Declined] = []

    @property
    def declined(self) -> tuple[Declined, ...]:
        """What the direct engine did not serve so far, and why."""
        return tuple(self._declined)

    @property
    def served_by(self) -> Engine:
        """The engine that answers now; the appliance's answer is the one that counts once it is up."""
        return self._current().engine

    @property
    def known_layout(self) -> Layout | None:
        """What is known of the disks without asking an engine; the appliance knows best."""
        return self._layouts.get(Engine.APPLIANCE) or next(iter(self._layouts.values()), None)

    def layout(self, *, complete: bool = False) -> Layout:
        """Return what the disks hold; with ``complete``, boot if direct could not look into all of it."""
        layout = self._layout_of(self._current())
        if complete and not layout.is_complete and self._may_boot():
            self._decline(layout.unread)
            return self._layout_of(self._boot())
        return layout

    def mount(self, mounts: Sequence[Mount]) -> dict[str, Filesystem]:
        """Mount every volume where it is asked for, all by one engine.

        :raises EngineFailed: the engine the user insists on cannot serve one of them.
        :raises OddGuest: one of them is damaged so that no engine can.
        """
        mounted, reasons = self._mount_all(self._current(), mounts)
        if not reasons:
            return mounted
        if damaged := next((reason for reason in reasons if reason.damaged), None):
            raise OddGuest(
                f"{damaged.what} cannot be read: {damaged.reason}",
                hint=damaged.hint
                or "a checker of its filesystem (e2fsck, xfs_repair, fsck.fat, chkdsk) tells more",
            )
        if not self._may_boot():
            raise self._cannot(reasons[0])
        self._decline(reasons)
        mounted, reasons = self._mount_all(self._boot(), mounts)
        if reasons:
            raise self._cannot(reasons[0])
        return mounted

    def try_mount(self, volume: Volume) -> Filesystem | Declined:
        """Mount one volume with the engine that answers now, without booting another."""
        return self._current().mount(volume)

    def try_bytes(self, device: str) -> DiskFile | None:
        """Return the bytes of a disk or volume, whichever engine reads the files; None where direct does not see it."""
        try:
            session = cast("DirectSession", self.direct())
            return session.volume_file(device) or session.disk_file(device)
        except ToolMissing:
            return None

    def try_usage(self, volume: Volume) -> Usage | Declined:
        """Return the statvfs numbers of one volume, by whichever engine can, or why none can."""
        answer = self._current().mount(volume)
        if isinstance(answer, Declined) and not answer.damaged and self._may_boot():
            self._decline([answer])
            answer = self._boot().mount(volume)
        if isinstance(answer, Declined):
            return answer
        try:
            return answer.usage()
        except (OddGuest, BadImage) as error:
            return Declined(volume.device, error.message, damaged=True)

    def appliance(self) -> Session:
        """Return the appliance's session, booted if it is not up yet; from now on it serves everything."""
        return self._boot()

    def direct(self) -> Session:
        """Return the direct engine's session."""
        return self._session(Engine.DIRECT)

    def has_booted(self) -> bool:
        """Whether the appliance is up."""
        return Engine.APPLIANCE in self._sessions

    def shut_down(self) -> None:
        """Close the appliance, so that it boots again when it is needed."""
        session = self._sessions.pop(Engine.APPLIANCE, None)
        if session is not None:
            session.close()

    def close(self) -> None:
        """Close what was opened; the last opened first."""
        while self._sessions:
            self._sessions.popitem()[1].close()

    # -- engines -------------------------------------------------------------------------------------------

    def _current(self) -> Session:
        if Engine.APPLIANCE in self._sessions:
            return self._sessions[Engine.APPLIANCE]
        if self._wanted is not Engine.AUTO:
            return self._session(self._wanted)
        try:
            return self._session(Engine.DIRECT)
        except ToolMissing as error:
            # Half of the direct engine is not installed: the appliance may still do it all.
            self._decline([Declined("direct engine", error.message)])
            return self._boot()

    def _session(self, engine: Engine) -> Session:
        if engine not in self._sessions:
            self._sessions[engine] = self._openers[engine]()
        return self._sessions[engine]

    def _may_boot(self) -> bool:
        return self._wanted is Engine.AUTO and Engine.APPLIANCE not in self._sessions

    def _boot(self) -> Session:
        return self._session(Engine.APPLIANCE)

    def _layout_of(self, session: Session) -> Layout:
        if session.engine not in self._layouts:
            self._layouts[session.engine] = session.layout()
        return self._layouts[session.engine]

    def _mount_all(
        self, session: Session, mounts: Sequence[Mount]
    ) -> tuple[dict[str, Filesystem], list[Declined]]:
        mounted: dict[str, Filesystem] = {}
        reasons: list[Declined] = []
        for mount in mounts:
            answer = session.mount(mount.volume, mount.options)
            if isinstance(answer, Declined):
                reasons.append(answer)
            else:
                mounted[mount.path] = _below(answer, mount.inner) if mount.inner else answer
        return mounted, reasons

    def _decline(self, reasons: Sequence[Declined]) -> None:
        for reason in reasons:
            if reason not in self._declined:
                log.info("not read directly: %s: %s", reason.what, reason.reason)
                self._declined.append(reason)

    def _cannot(self, reason: Declined) -> EngineFailed:
        name = self._current().engine.value
        hint = "" if self._wanted is Engine.AUTO else "leave --engine away, or use --engine auto"
        return EngineFailed(f"the {name} engine cannot read {reason.what}: {reason.reason}", hint=hint)


def _below(filesystem: Filesystem, inner: str) -> Filesystem:
    from imgtools.files.subtree import Subtree  # late: only OSTree's systems have their root in a folder

    return Subtree(filesystem, inner)
