"""What only a kernel can make or fill of a new disk, in files of the host that stand for partitions. One boot."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.engine.appliance.launch import Appliance, Drive, launch_appliance
from imgtools.engine.appliance.names import DeviceNames
from imgtools.engine.appliance.survey import look
from imgtools.engine.appliance.write import CHECKERS
from imgtools.errors import ApplianceFailed, EditFailed, RolledBack, TooSmall
from imgtools.volumes.names import disk_device

SECONDS = 24 * 3600.0
LOG = "/run/imgtools-fill"
POINT = "/run/imgtools-filled"
UNIX = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "udf"})
OPTIONS = {"vfat": "utf8", "ntfs": "windows_names"}
MOUNTED_AS = {"ntfs": "ntfs-3g"}
WITH_ALL = "--numeric-owner --same-owner -p --xattrs --xattrs-include='*'"
WITHOUT = "--no-same-owner --no-same-permissions --no-xattrs"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a device in the appliance becomes: a filesystem with files, or a volume group with such volumes.

    :param kind: of the filesystem; "LVM2_member" for a group.
    :param archive: a plain tar archive of its files; None: there are none.
    :param make: the command without the device that makes the filesystem; empty: it is there already.
    :param subvolumes: paths of btrfs subvolumes that are made before the files come, outer ones first.
    :param group: name of the volume group.
    :param volumes: name, bytes and contents of its logical volumes; one of 0 bytes gets the rest.
    """

    kind: str = ""
    archive: Path | None = None
    make: tuple[str, ...] = ()
    subvolumes: tuple[str, ...] = ()
    default_subvolume: str = ""
    group: str = ""
    volumes: tuple[tuple[str, int, Contents], ...] = ()

    def archives(self) -> Iterator[Path]:
        """Yield the archives in it."""
        if self.archive is not None:
            yield self.archive
        for _, _, inner in self.volumes:
            yield from inner.archives()


def fill_in_appliance(jobs: Sequence[tuple[Path, Contents]]) -> None:
    """Make the contents of files that stand for partitions, all in one boot.

    :raises TooSmall: the files do not fit.
    :raises EditFailed: something cannot be made, or unpacked.
    :raises RolledBack: a filesystem's checker finds something.
    :raises ApplianceFailed: the appliance does not start.
    """
    drives = [Drive(host_path=host_path, read_only=False) for host_path, _ in jobs]
    archives = [path for _, contents in jobs for path in contents.archives()]
    drives += [Drive(host_path=path) for path in archives]
    appliance = launch_appliance(drives)
    try:
        names = DeviceNames(look(appliance).targets, len(drives))
        devices = [names.kernel(disk_device(number)) for number in range(len(drives))]
        places = dict(zip(archives, devices[len(jobs) :], strict=True))
        for device, (_, contents) in zip(devices, jobs, strict=False):
            for script, what in _scripts(device, contents, places):
                run_script(appliance, script, what)
    finally:
        appliance.close()


def _scripts(device: str, contents: Contents, places: Mapping[Path, str]) -> Iterator[tuple[str, str]]:
    """Yield what is run, one after the other, and what each is about."""
    quoted = shlex.quote(device)
    if contents.group:
        group = shlex.quote(contents.group)
        yield f"lvm pvcreate -q -y {quoted}; lvm vgcreate -q {group} {quoted}", f"group {contents.group}"
        for name, size, inner in contents.volumes:
            room = f"-L {size}b" if size else "-l 100%FREE"
            volume = f"/dev/{contents.group}/{name}"
            yield (
                f"lvm lvcreate -q -y -W n -Z n {room} -n {shlex.quote(name)} {group}; udevadm settle",
                f"logical volume {name}",
            )
            yield from _scripts(volume, inner, places)
        yield f"lvm vgchange -q -an {group}; sync", f"group {contents.group}"
        return
    if contents.make:
        yield f"{shlex.join(contents.make)} {quoted}; sync", contents.kind
    if contents.archive is not None or contents.subvolumes:
        yield _fill(contents, quoted, places), contents.kind
    if contents.kind in CHECKERS:
        yield f"{CHECKERS[contents.kind]} {quoted} || exit 4", contents.kind


def _fill(contents: Contents, device: str, places: Mapping[Path, str]) -> str:
    kind = contents.kind
    options = f"-o noatime,{OPTIONS[kind]}" if kind in OPTIONS else "-o noatime"
    lines = [f"mkdir -p {POINT}; mount -t {MOUNTED_AS.get(kind, kind)} {options} {device} {POINT}"]
    for path in contents.subvolumes:
        place = shlex.quote(f"{POINT}{path}")
        lines.append(f"mkdir -p $(dirname {place}); btrfs -q subvolume create {place}")
    if contents.archive is not None:
        how = WITH_ALL if kind in UNIX else WITHOUT
        archive = shlex.quote(places[contents.archive])
        lines.append(f"tar -xf {archive} -C {POINT} {how} || {{ umount {POINT}; exit 3; }}")
    if contents.default_subvolume:
        lines.append(f"btrfs -q subvolume set-default {shlex.quote(POINT + contents.default_subvolume)}")
    return "; ".join([*lines, f"umount {POINT}"])


def run_script(appliance: Appliance, script: str, what: str) -> None:
    """Run a script that stops at its first error: exit code 3 is an archive's, 4 a checker's.

    :raises TooSmall: there is no room.
    :raises EditFailed: it stops.
    """
    mark = secrets.token_hex(8)
    whole = f"( set -e; {script} ) >{LOG} 2>&1; echo {mark} $?; tail -n 20 {LOG}"
    told = appliance.shell(whole, seconds=SECONDS).decode("utf-8", "replace")
    code, _, words = told.partition(f"{mark} ")[2].partition("\n")
    if code.strip() == "0":
        return
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    if not code.strip():
        raise ApplianceFailed(f"the appliance does not say what became of {what}")
    if any("No space left" in line or "insufficient free space" in line for line in lines):
        raise TooSmall(
            f"the new {what} has no room for its files", hint="--size auto finds out how much they need"
        )
    said = next((line for line in lines if "error" in line.lower() or "cannot" in line.lower()), "")
    said = said or (lines[-1] if lines else f"exit code {code.strip()}")
    if code.strip() == "4":
        raise RolledBack(f"the checker of {what} does not find it in order: {said}")
    raise EditFailed(f"the appliance cannot make or fill {what}: {said}")
