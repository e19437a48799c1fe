"""The appliance's writing half: it has booted on the overlays, reads them, and then writes to them."""

from __future__ import annotations

import logging
import secrets
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.engine.appliance.chroot import chroot_script, failure_of
from imgtools.engine.appliance.files import encode
from imgtools.engine.appliance.launch import Drive
from imgtools.engine.appliance.mend import CHECKED_AFTERWARDS, mending_script, read_mending, uuid_script
from imgtools.engine.appliance.outside import Outside
from imgtools.engine.appliance.session import (
    SYSROOT,
    ApplianceSession,
    Boot,
    filesystem_device,
)
from imgtools.engine.appliance.write_calls import WriteCalls
from imgtools.engine.appliance.write_files import ApplianceWriter
from imgtools.engine.qemu.storage_daemon import serve_overlays
from imgtools.engine.subvolumes import subvolume_option
from imgtools.errors import ApplianceFailed, EditFailed, RolledBack
from imgtools.filesystems.api import Filesystem, FilesystemWriter
from imgtools.records.disks import Declined, Mount, Volume
from imgtools.records.image import Layer
from imgtools.records.request import Engine, Key
from imgtools.volumes.volume_file import DiskServer

if TYPE_CHECKING:
    from imgtools.engine.direct.session import DirectSession

log = logging.getLogger(__name__)

# nouuid: a clone of the same filesystem may be mounted beside it. norecover: nothing that Windows has not shut down.
WRITE_OPTIONS = {
    "xfs": "rw,noatime,nouuid",
    "vfat": "rw,noatime,utf8",
    "ntfs": "rw,noatime,windows_names,norecover",
}
REMOUNTED = frozenset({"ext2", "ext3", "ext4"})  # what a remount makes writable as a new mount would
# What reads only, and exits with 0 if it finds nothing. $1 is the device.
CHECKERS = {
    "ext2": "e2fsck -f -n",
    "ext3": "e2fsck -f -n",
    "ext4": "e2fsck -f -n",
    "xfs": "xfs_repair -n",
    "btrfs": "btrfs check --readonly",
    "ntfs": "ntfsfix -n",
    "vfat": "fsck.fat -n",
}
CHECK_SECONDS = 4 * 3600.0
RUN_SECONDS = 24 * 3600.0  # a program that runs in the guest; the user can end it
WINDOWS_HINT = "start Windows and shut it down fully (shutdown /s /t 0), with fast startup switched off"


class BootedSession(ApplianceSession):
    """The appliance on overlays; reading is as ever, ``writer`` is its other half."""

    def __init__(
        self,
        servers: Sequence[DiskServer],
        keys: Sequence[Key],
        drives: Sequence[Drive],
        outside: Outside,
        *,
        network: bool,
        boot: Boot | None = None,
        sectors: Sequence[int] = (),
    ) -> None:
        super().__init__(servers, keys, drives=drives, network=network, boot=boot, sectors=sectors)
        self.has_network = network
        self.writer = ApplianceWriteSession(self, outside)


@contextmanager
def open_booted(
    servers: Sequence[DiskServer],
    disks: Sequence[tuple[Path, Sequence[Layer]]],
    keys: Sequence[Key],
    reader: Callable[[], DirectSession],
    *,
    network: bool = False,
    boot: Boot | None = None,
    sectors: Sequence[int] = (),
) -> Iterator[BootedSession]:
    """Boot the appliance on overlays until the block ends.

    :param servers: the images without their overlays, for what is read on this side: partition tables.
    :param disks: each overlay, with the chain of the image below it.
    :param reader: knows where on the disks the volumes are, for what is done on this side.
    :param boot: boots it in another way than :func:`boot_alone`.
    :param sectors: bytes of a sector of each disk, 0 where nobody has said it.
    """
    with serve_overlays(disks) as daemon:
        names = daemon.export_nbd()
        drives = [Drive(socket=daemon.nbd_socket, export=name, read_only=False) for name in names]
        outside = Outside(daemon, reader)
        session = BootedSession(servers, keys, drives, outside, network=network, boot=boot, sectors=sectors)
        try:
            yield session
        finally:
            session.close()


@dataclass(frozen=True, slots=True)
class _Checked:
    """A filesystem that is to be checked."""

    device: str
    content: str


class ApplianceWriteSession:
    """Overlays open for writing in the appliance; implements :class:`imgtools.engine.api.GuestRunner`."""

    engine = Engine.APPLIANCE

    def __init__(self, session: ApplianceSession, outside: Outside) -> None:
        self._session = session
        self._outside = outside
        self._appliance = session.appliance
        self._calls = self._appliance.call(lambda: WriteCalls(self._appliance.handle))
        self._writers: dict[tuple[str, str], tuple[str, ApplianceWriter]] = {}
        self._touched: dict[str, _Checked] = {}

    def mount(self, volume: Volume, options: str = "") -> FilesystemWriter | Declined:
        """Mount ``volume`` for writing, or say why not."""
        key = (volume.device, subvolume_option(options))
        if key not in self._writers:
            device = filesystem_device(volume)
            point = self._attach(volume, device, key[1])
            if isinstance(point, Declined):
                return self._explain(volume, point)
            self._touched[device] = _Checked(device, volume.content)
            self._writers[key] = (point, ApplianceWriter(self._appliance, self._calls, point, volume.content))
        return self._writers[key][1]

    def _attach(self, volume: Volume, device: str, subvolume: str) -> str | Declined:
        flags = WRITE_OPTIONS.get(volume.content, "rw,noatime")
        if device not in self._touched:
            # The kernel mounts a filesystem either for reading or for writing.
            if volume.content in REMOUNTED and (point := self._session.remount(device, flags)):
                return point
            self._session.detach(device)
        if volume.content == "ntfs":
            self._refuse_ntfs(device)
        return self._session.attach(volume, subvolume, flags)

    def _refuse_ntfs(self, device: str) -> None:
        """Stop before ntfs-3g writes to what Windows has not let go of; it would mount a dirty volume.

        :raises EditFailed: the volume is dirty, its log is open (15 in ntfs-3g.probe(8)), or Windows hibernates (14).
        """
        kernel = shlex.quote(self._session.kernel_name(device))
        told = self._appliance.shell(
            f"ntfs-3g.probe --readwrite {kernel} >/dev/null 2>&1; echo $?; ntfsinfo -m -f {kernel} 2>/dev/null"
        ).decode("utf-8", "replace")
        code, _, facts = told.partition("\n")
        is_dirty = any("Volume Flags:" in line and "DIRTY" in line for line in facts.splitlines())
        reasons = {"14": "Windows is hibernated on it", "15": "its log is not closed"}
        reason = reasons.get(code.strip(), "it is marked dirty" if is_dirty else "")
        if reason:
            raise EditFailed(f"{device} is not written: NTFS, and {reason}", hint=WINDOWS_HINT)

    @staticmethod
    def _explain(volume: Volume, declined: Declined) -> Declined:
        if volume.content != "ntfs":
            return declined
        return Declined(declined.what, f"{declined.reason}; {WINDOWS_HINT}")

    def finish(self) -> None:
        """Unmount and check every filesystem that was written.

        :raises RolledBack: one is not clean.
        """
        self._release()
        while self._touched:
            device, touched = next(iter(self._touched.items()))
            self._check(touched)
            del self._touched[device]

    def _release(self) -> None:
        """Unmount everything; errors of the last writes surface here."""
        for _, writer in self._writers.values():
            writer.flush()
        self._writers.clear()
        complaint = self._session.detach()
        if complaint:
            raise RolledBack(f"a filesystem cannot be unmounted: {complaint.splitlines()[0]}")

    def check(self, volume: Volume) -> None:
        """Have a filesystem checked that was not written.

        :raises RolledBack: it is not clean as it is.
        """
        self._session.detach(filesystem_device(volume))
        self._check(_Checked(filesystem_device(volume), volume.content))

    def _check(self, checked: _Checked) -> None:
        if not self._outside.is_clean(checked.device, checked.content):
            self._check_inside(checked)

    def _check_inside(self, checked: _Checked) -> None:
        checker = CHECKERS.get(checked.content)
        if checker is None:
            log.info("nobody checks %s on %s", checked.content, checked.device)
            return
        kernel = self._session.kernel_name(checked.device)
        mark = secrets.token_hex(8)
        script = (
            f"{checker} {shlex.quote(kernel)} >/run/imgtools-check 2>&1; echo {mark} $?; "
            "grep -v '^Pass\\|^Phase\\|^ *- ' /run/imgtools-check | tail -n 20"
        )
        told = self._appliance.shell(script, seconds=CHECK_SECONDS).decode("utf-8", "replace")
        code, _, words = told.partition(f"{mark} ")[2].partition("\n")
        if code.strip() != "0":
            lines = [line.strip() for line in words.splitlines() if line.strip()]
            program = checker.partition(" ")[0]
            finding = lines[0] if lines else f"exit code {code.strip()}"
            raise RolledBack(f"{program} does not find {checked.device} clean after the edit: {finding}")

    def reread(self, volume: Volume, options: str = "") -> Filesystem | Declined:
        """Mount ``volume`` read-only, to read again what was written."""
        return self._outside.mount(volume) or self._session.mount(volume, options)

    def close(self) -> None:
        """The session lives as long as its reading half."""

    # -- whole volumes -------------------------------------------------------------------------------------

    def set_uuid(self, device: str, uuid: str) -> None:
        """Give a filesystem a new UUID.

        :raises EditFailed: it cannot have one, or not this one.
        """
        self._release()
        where = device.removeprefix("btrfsvol:")
        if uuid:
            # libguestfs' set_uuid gives no reason where tune2fs wants a filesystem that was just checked.
            mark = secrets.token_hex(8)
            kernel = shlex.quote(self._session.kernel_name(where))
            told = self._appliance.shell(uuid_script(kernel, shlex.quote(uuid), mark)).decode(
                "utf-8", "replace"
            )
            if mark not in told:
                lines = told.strip().splitlines()
                raise EditFailed(
                    f"cannot give {device} a new UUID: {lines[-1] if lines else 'no reason given'}"
                )
            return
        handle = self._appliance.handle
        try:
            self._appliance.call(lambda: handle.set_uuid_random(where))
        except ApplianceFailed as error:
            raise EditFailed(f"cannot give {device} a new UUID: {error.message}") from None

    def new_lvm_uuids(self, groups: Sequence[str], keep_groups: Sequence[str]) -> Declined | None:
        """Give volume groups and their physical volumes new UUIDs.

        :raises EditFailed: LVM refuses.
        """
        if self._outside.new_lvm_uuids(groups, keep_groups):
            return None
        self._release()
        for group in groups:
            self._run_lvm(group, keep=group in keep_groups)
        return None

    def _run_lvm(self, group: str, *, keep: bool) -> None:
        name = shlex.quote(group)
        # pvchange takes what it is to change as a selection, too; each start of lvm costs a quarter of a second.
        steps = [
            f"lvm vgchange -an {name}",
            f"lvm pvchange --uuid -S vg_name={name}",
            *([] if keep else [f"lvm vgchange --uuid {name}"]),
            f"lvm vgchange -ay {name}",
        ]
        mark = secrets.token_hex(8)
        script = f"( set -e; {'; '.join(steps)} ) >/run/imgtools-lvm 2>&1 || {{ echo {mark}; cat /run/imgtools-lvm; }}"
        told = self._appliance.shell(script).decode("utf-8", "replace")
        if mark in told:
            lines = [line.strip() for line in told.partition(mark)[2].splitlines() if line.strip()]
            raise EditFailed(
                f"LVM does not give {group} new UUIDs: {lines[-1] if lines else 'no reason given'}"
            )

    def discard_hibernation(self, device: str) -> None:
        """Throw away the memory image of a Windows that is hibernated on an NTFS volume, as ntfs-3g(8) does it.

        :raises EditFailed: Windows has not let go of the volume for another reason too: its log is open, it is dirty.
        """
        self._release()
        point, kernel = "/run/imgtools-hibernated", shlex.quote(self._session.kernel_name(device))
        options = "remove_hiberfile,norecover,noatime"
        script = (
            f"mkdir -p {point} && ntfs-3g -o {options} {kernel} {point} 2>&1 && umount {point} && echo done"
        )
        told = self._appliance.shell(script).decode("utf-8", "replace").strip().splitlines()
        if told[-1:] != ["done"]:
            raise EditFailed(
                f"the hibernated session on {device} is not discarded: {told[0] if told else 'ntfs-3g says nothing'}",
                hint=WINDOWS_HINT,
            )
        self._refuse_ntfs(device)
        self._touched[device] = _Checked(device, "ntfs")

    def write_disk(self, device: str, offset: int, content: bytes, before: str = "") -> None:
        """Write over bytes of a disk or volume from outside; the appliance then looks at it again.

        :raises CannotWrite: nobody knows where it lies.
        :raises EditConflict: other bytes than the plan saw are there now.
        """
        self._release()
        self._outside.write_disk(device, offset, content, before)
        kernel = shlex.quote(self._session.kernel_name(device))
        self._appliance.shell(
            f"blockdev --flushbufs {kernel}; blockdev --rereadpt {kernel} 2>/dev/null; udevadm settle; "
            "lvm vgchange -ay >/dev/null 2>&1; true"
        )

    def mend(self, device: str, kind: str, *, force: bool) -> tuple[str, ...]:
        """Have the checker of a filesystem mend it; what it says that it did is returned, a line each.

        :raises WouldLoseData: only what may lose data would mend it.
        :raises EditFailed: the checker does not mend it.
        """
        self._release()
        mark = secrets.token_hex(8)
        script = mending_script(kind, shlex.quote(self._session.kernel_name(device)), mark, force=force)
        told = self._appliance.shell(script, seconds=CHECK_SECONDS).decode("utf-8", "replace")
        remarks = read_mending(kind, device, told, mark)
        if kind in CHECKED_AFTERWARDS:
            self._touched[device] = _Checked(device, kind)
        return remarks

    # -- in the guest's tree -------------------------------------------------------------------------------

    def run(
        self, mounts: Sequence[Mount], script: str, *, network: bool, devices: Sequence[str] = ()
    ) -> None:
        """Run a shell script in the guest's tree, with its own programs.

        :param devices: the script gets their names in here as its arguments.

        :raises EditFailed: it ends with an error; the message has its last words.
        """
        points: list[tuple[str, str]] = []
        for mount in mounts:
            answer = self.mount(mount.volume, mount.options)
            if isinstance(answer, Declined):
                raise EditFailed(f"{answer.what} cannot be mounted for writing: {answer.reason}")
            point = self._writers[(mount.volume.device, subvolume_option(mount.options))][0]
            points.append((mount.path, f"{SYSROOT}{point}"))
        for _, writer in self._writers.values():
            writer.flush()
        mark = secrets.token_hex(8)
        names = [self._session.kernel_name(device) for device in devices]
        text = encode(chroot_script(sorted(points), script, mark, names, network=network))
        told = self._appliance.shell(text, seconds=RUN_SECONDS).decode("utf-8", "replace")
        failure = failure_of(told, mark)
        for _, writer in self._writers.values():
            writer.forget_all()
        if failure:
            raise EditFailed(failure)
        log.debug("in the guest: %s", told.partition(mark)[0].strip())

    def relabel(self, mounts: Sequence[Mount], paths: Sequence[str]) -> None:
        """Give files the labels of the guest's policy, with its own setfiles; else have it done at the next boot."""
        self.run(mounts, relabel_script(paths), network=False)


def relabel_script(paths: Sequence[str]) -> str:
    """The script that relabels in the guest's tree; without setfiles, /.autorelabel does it when the guest boots."""
    where = " ".join(shlex.quote(path) for path in paths) or "/"
    return f"""
. /etc/selinux/config
contexts=/etc/selinux/$SELINUXTYPE/contexts/files/file_contexts
if command -v setfiles >/dev/null && [ -e "$contexts" ]; then
  setfiles -F -m "$contexts" {where}
else
  : > /.autorelabel
fi
"""
