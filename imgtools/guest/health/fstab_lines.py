"""/etc/fstab line by line, against the volumes that are there: what stops the boot, what only fails.

The station tells it, and the repair mends by it. A source is only called gone if it cannot be in what is locked, and
only for sure if everything else could be looked into.

Sources: fstab(5), systemd-fstab-generator(8), systemd.mount(5), mount(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import Devices, is_by_order, is_passing, read_names
from imgtools.guest.find.disk_of import disk_of
from imgtools.guest.find.fstab import FstabEntry, fields_of_fstab, fstab_text, parse_fstab
from imgtools.guest.find.mount_options import foreign_options, is_swap, lacks_netdev, wrong_type
from imgtools.guest.find.stand_ins import stand_ins
from imgtools.guest.find.subvolumes import lost_subvolume
from imgtools.guest.services.started import Init, find_init
from imgtools.records.disks import Holder, Layout, Volume

# The directories of a system; without their volumes it is not itself, and no other disk of the guest has them.
SYSTEM = (
    "/",
    "/boot",
    "/boot/efi",
    "/efi",
    "/usr",
    "/var",
    "/home",
    "/opt",
    "/tmp",
    "/var/log",
    "/var/tmp",
    "/root",
)
# Made anew at each boot: what is mounted there finds its folder made by init.
VOLATILE = ("/dev", "/proc", "/sys", "/run", "/tmp", "/var/run")
NO_TYPE = ("none", "ignore")


class Wrong(StrEnum):
    """What is wrong with a line."""

    SYNTAX = "syntax"
    SOURCE = "source"
    SWAP = "swap"
    LOCKED = "locked"
    TYPE = "type"
    OPTION = "option"
    PLACE = "place"
    NETWORK = "network"
    TWICE = "twice"
    AMBIGUOUS = "ambiguous"
    SUBVOLUME = "subvolume"
    UNSTABLE = "unstable"
    NOFAIL = "nofail"


@dataclass(frozen=True, slots=True)
class FstabProblem:
    """What is wrong with a line. ``stops``: the boot ends in emergency mode for it.

    :param raw: the line as it stands there.
    :param volume: what the line names (a wrong type or option), or the only one that may be meant; None: none.
    :param candidates: how many volumes may be meant, where the source is gone.
    :param mendable: whether anything can be done about it in fstab, or by making a folder.
    """

    wrong: Wrong
    entry: FstabEntry
    text: str
    raw: str
    stops: bool = False
    volume: Volume | None = None
    candidates: int = 0
    mendable: bool = True

    @property
    def line(self) -> int:
        """The number of the line, from 1."""
        return self.entry.line

    @property
    def is_system(self) -> bool:
        """Whether it is about a directory of the system itself."""
        return self.entry.path in SYSTEM


def fstab_problems(
    files: GuestReader, root: Volume, layout: Layout, *, bare: GuestReader | None = None
) -> tuple[FstabProblem, ...]:
    """Return what is wrong with the lines of the guest's fstab, in their order.

    Lines that the guest itself does without (``noauto``, and ``nofail`` where the source is gone) have nothing.

    :param bare: the files of the root alone, where what is mounted on does not hide what it is mounted on.
    """
    return tuple(_Judge(files, bare or files, root, layout).problems())


def is_about_a_volume(entry: FstabEntry) -> bool:
    """Whether a line is about a volume of a disk that does not come and go: also one that is swapped to."""
    if is_passing(entry.spec):
        return False
    if is_swap(entry):
        return entry.spec.startswith("/dev/") or "=" in entry.spec
    return entry.on_a_device


class _Judge:
    """One look at fstab."""

    def __init__(self, files: GuestReader, bare: GuestReader, root: Volume, layout: Layout) -> None:
        self._files, self._bare, self._root, self._layout = files, bare, root, layout
        # systemd makes mount points itself, and waits for what is missing.
        self._systemd = find_init(files) is Init.SYSTEMD
        self._names = read_names(files)
        devices = Devices(layout, root, self._names)
        text = fstab_text(files)
        self._lines = text.split("\n")
        self._entries = parse_fstab(text).entries
        for entry in self._entries:
            if entry.path == "/":
                devices.learn(entry.spec)
        self._found = {
            one.line: devices.find(one.spec) if is_about_a_volume(one) else None for one in self._entries
        }

    def problems(self) -> Iterator[FstabProblem]:
        """Yield what is wrong, line by line; what gives a line up comes first."""
        entries = {one.line: one for one in self._entries}
        kept = self._kept()
        for number, line in enumerate(self._lines, 1):
            entry = entries.get(number)
            if said := self._syntax(line, entry):
                lost = entry or FstabEntry(line.split()[0], "", line=number)
                # The root's line is never given up.
                yield self._problem(Wrong.SYNTAX, lost, said, mendable=lost.path != "/")
            elif entry is not None:
                if number in kept:
                    what = "swapped to" if is_swap(entry) else "mounted"
                    place = entry.spec if is_swap(entry) else entry.path
                    yield self._problem(
                        Wrong.TWICE, entry, f"{place} is {what} by line {kept[number]} already"
                    )
                yield from self._look(entry)

    def _problem(
        self,
        wrong: Wrong,
        entry: FstabEntry,
        text: str,
        *,
        stops: bool = False,
        volume: Volume | None = None,
        candidates: int = 0,
        mendable: bool = True,
    ) -> FstabProblem:
        raw = self._lines[entry.line - 1].strip()[:200]
        return FstabProblem(wrong, entry, text, raw, stops, volume, candidates, mendable)

    def _syntax(self, line: str, entry: FstabEntry | None) -> str:
        """What keeps it from being a line of fstab(5); libmount takes one of two fields, with the type auto."""
        said = fields_of_fstab(line.replace("\0", ""))
        return "" if said.startswith("2 fields") and entry is not None else said

    def _kept(self) -> dict[int, int]:
        """Of lines for one place the first whose source is there stays: the others, and which line that is."""
        places: dict[str, list[FstabEntry]] = {}
        for entry in self._entries:
            if is_about_a_volume(entry) and entry.option("noauto") is None:
                found = self._found[entry.line]
                place = f"swap {found.device if found else entry.spec}" if is_swap(entry) else entry.path
                places.setdefault(place, []).append(entry)
        kept: dict[int, int] = {}
        for entries in places.values():
            stays = next((one for one in entries if self._found[one.line]), entries[0]).line
            kept |= {one.line: stays for one in entries if one.line != stays}
        return kept

    def _look(self, entry: FstabEntry) -> Iterator[FstabProblem]:
        if lacks_netdev(entry):
            said = f"{entry.path} is on the network, and nothing says so: _netdev is missing"
            yield self._problem(Wrong.NETWORK, entry, said)
        volume = self._found[entry.line]
        stops = volume is not None and not is_swap(entry) and self._stops(entry)
        if volume is not None:
            yield from self._of_volume(entry, volume, stops=stops)
        elif is_about_a_volume(entry) and not entry.may_be_missing:
            yield self._lost(entry)
            return
        if said := self._wrong_place(entry):
            there = self._bare.exists(entry.path)
            yield self._problem(Wrong.PLACE, entry, said, stops=stops and there, mendable=not there)

    def _of_volume(self, entry: FstabEntry, volume: Volume, *, stops: bool) -> Iterator[FstabProblem]:
        if said := wrong_type(entry, volume):
            # Swap is no filesystem, and no filesystem is swap: which of both is wrong, nobody can tell.
            is_a_mount = entry.path.startswith("/") and not is_swap(entry) and volume.content != "swap"
            yield self._problem(Wrong.TYPE, entry, said, stops=stops, volume=volume, mendable=is_a_mount)
        foreign = () if is_swap(entry) else foreign_options(entry, volume)
        if foreign:
            said = f"{volume.content} does not know the option {', '.join(foreign)}"
            yield self._problem(Wrong.OPTION, entry, said, stops=stops, volume=volume)
        if name := lost_subvolume(entry.options, volume, self._layout):
            said = f"{entry.spec} has no subvolume {name}"
            yield self._problem(Wrong.SUBVOLUME, entry, said, stops=stops, mendable=False)
        yield from self._by_place(entry, volume, stops=stops)
        if others := self._others(entry, volume):
            said = f"{entry.spec} is on {volume.device} and on {', '.join(others)}"
            yield self._problem(Wrong.AMBIGUOUS, entry, said, mendable=False)

    def _by_place(self, entry: FstabEntry, volume: Volume, *, stops: bool) -> Iterator[FstabProblem]:
        """What only goes well as long as the disks of the machine stay the same."""
        if stops and not _is_of_system(entry.path) and not self._is_beside_root(volume):
            said = f"{entry.spec} for {entry.path} is on another disk than the system, and the boot ends without it"
            yield self._problem(Wrong.NOFAIL, entry, said, mendable=False)
        if len(self._layout.disks) > 1 and is_by_order(entry.spec):
            said = f"{entry.spec} is found by the order of {len(self._layout.disks)} disks, which may change"
            yield self._problem(Wrong.UNSTABLE, entry, said, mendable=False)

    def _is_beside_root(self, volume: Volume) -> bool:
        """Whether a volume is on the root's disk, so that it cannot be taken away alone, or nobody knows."""
        disk, root = disk_of(volume, self._layout), disk_of(self._root, self._layout)
        return disk is None or root is None or disk == root

    def _lost(self, entry: FstabEntry) -> FstabProblem:
        if self._is_locked(entry.spec):
            said = f"whether {entry.spec} is in a volume that could not be opened"
            return self._problem(Wrong.LOCKED, entry, said, mendable=False)
        wrong, where = (Wrong.SWAP, "swap") if is_swap(entry) else (Wrong.SOURCE, entry.path)
        used = (one for one in self._found.values() if one is not None)
        fits = stand_ins(entry, used, self._root, self._layout)
        return self._problem(
            wrong,
            entry,
            f"{entry.spec} for {where} is on no disk",
            stops=wrong is Wrong.SOURCE and self._stops(entry),
            volume=fits[0] if len(fits) == 1 else None,
            candidates=len(fits),
            mendable=not self._layout.unread,  # it may be on what is damaged
        )

    def _stops(self, entry: FstabEntry) -> bool:
        """Whether the boot ends if this mount fails: systemd's local-fs.target, fsck of the older inits.

        Under systemd the root stays as the kernel or the initramfs has mounted it: a Debian 12 boots to its login.
        """
        if entry.path == "/" and self._systemd:
            return False
        if entry.may_be_missing or entry.option("_netdev") is not None:
            return False
        if entry.option("x-systemd.automount") is not None and self._systemd:
            return False
        return self._systemd or entry.path in ("/", "/usr") or self._is_checked(entry)

    def _is_checked(self, entry: FstabEntry) -> bool:
        fields = self._lines[entry.line - 1].split()
        return len(fields) > 5 and fields[5].strip("0") not in ("", "#")

    def _is_locked(self, spec: str) -> bool:
        """Whether a device may be in what could not be opened: then nobody can tell whether it is there."""
        if any(not one.damaged for one in self._layout.unread):
            return True
        if not self._layout.locked:
            return False
        name = spec.removeprefix("/dev/mapper/")
        if name in self._names.crypt or spec.startswith(
            ("UUID=", "LABEL=", "/dev/disk/by-uuid/", "/dev/disk/by-label/")
        ):
            return True
        return spec.startswith("/dev/") and not spec.startswith(
            ("/dev/sd", "/dev/vd", "/dev/nvme", "/dev/xvd")
        )

    def _wrong_place(self, entry: FstabEntry) -> str:
        path = entry.path
        if not path.startswith("/") or path == "/" or is_swap(entry) or entry.type in NO_TYPE:
            return ""
        if entry.option("noauto") is not None or is_passing(entry.spec):
            return ""
        if any(f"{path}/".startswith(f"{one}/") for one in VOLATILE):
            return ""
        if self._bare.exists(path):
            return "" if self._bare.is_dir(path) else f"{path} is no directory"
        if self._files.lstat(path) is not None or not self._is_on_root(path):
            return ""  # below another mount
        made = any(entry.option(one) is not None for one in ("X-mount.mkdir", "x-mount.mkdir"))
        return "" if made or self._systemd else f"the directory {path} is not there"

    def _is_on_root(self, path: str) -> bool:
        """Whether the folder would be in what is mounted here, and not below what another line mounts and is not."""
        above = [entry.path for entry in self._entries if entry.path.startswith("/") and entry.path != path]
        return not any(
            path.startswith(f"{one.rstrip('/')}/") and not self._files.is_dir(one) for one in above
        ) and self._files.is_dir(_first_there(self._files, path))

    def _others(self, entry: FstabEntry, volume: Volume) -> list[str]:
        """Further volumes of the same UUID or label: which one is mounted, is chance."""
        tag, _, value = entry.spec.partition("=")
        if tag not in ("UUID", "LABEL") or volume.content == "btrfs":
            return []
        snapshots = {one.device for one in self._layout.lvs if one.kind == "snapshot"}
        return [
            one.device
            for one in self._layout.volumes
            if one.holder in (Holder.PARTITION, Holder.LV, Holder.DISK)
            and one.device not in (volume.device, *volume.parents, *snapshots)
            and one.mountable
            and volume.device not in one.parents
            and volume.device not in snapshots
            and (one.uuid if tag == "UUID" else one.label) == value
        ]


def _is_of_system(path: str) -> bool:
    return path == "/" or any(f"{path}/".startswith(f"{one}/") for one in SYSTEM if one != "/")


def _first_there(files: GuestReader, path: str) -> str:
    while path != "/" and not files.exists(path):
        path = parent_of(path)
    return path
