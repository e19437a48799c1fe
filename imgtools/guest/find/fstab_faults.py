"""What keeps lines of fstab from being mounted: a source that is gone, a wrong type, two lines for one place.

A source is only called gone if every volume of the disks could be looked at: it may be in what is locked.

Source: fstab(5) and mount(8) of util-linux, systemd-fstab-generator(8).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.checks import MOUNTED_AS, fields_of_fstab
from imgtools.guest.find.devices import Devices, is_passing, read_names
from imgtools.guest.find.fstab import FSTAB, FSTAB_LIMIT, FstabEntry, parse_fstab
from imgtools.guest.find.mount_options import foreign_options, lacks_netdev
from imgtools.guest.services.started import Init, find_init
from imgtools.records.disks import Disk, Holder, Layout, Partition, Volume
from imgtools.volumes.names import mapper_name

# Made anew at each boot: what is mounted there finds its folder made by init.
VOLATILE = ("/dev", "/proc", "/sys", "/run", "/tmp", "/var/run")
# What partitions are for, by their types' GUIDs (the Discoverable Partitions Specification) and MBR bytes.
_ROLES = {
    "C12A7328-F81F-11D2-BA4B-00A0C93EC93B": ("/boot/efi", "/efi", "/boot"),
    "0xef": ("/boot/efi", "/efi", "/boot"),
    "BC13C2FF-59E6-4262-A352-B275FD6F7172": ("/boot",),
    "933AC7E1-2EB4-4F13-B844-0E14E2AEF915": ("/home",),
    "3B8F8425-20E0-4F3B-907F-1A25A76F98E8": ("/srv",),
    "4D21B016-B534-45C2-A9FB-5C16E091FD2D": ("/var",),
    "7EC6F557-3BC5-4ACA-B293-16EF5DF639D1": ("/var/tmp",),
}
# Names that say what a volume is for, where they are not the last part of the place itself.
_CALLED = {"boot": "/boot", "efi": "/boot/efi", "esp": "/boot/efi", "uefi": "/boot/efi", "root": "/"}


class FaultKind(StrEnum):
    """What is wrong with a line."""

    GONE = "source-missing"
    TYPE = "type-wrong"
    TWICE = "duplicate"
    NO_FOLDER = "mount-point-missing"
    SYNTAX = "syntax"
    OPTION = "option"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class FstabFault:
    """One thing that is wrong with a line. ``line`` counts from 1.

    :param volume: what the line means (a wrong type), or the only volume that fits in its place; None: none does.
    :param candidates: how many volumes would fit, where the source is gone.
    :param other: the line that a duplicate repeats.
    """

    kind: FaultKind
    entry: FstabEntry
    text: str
    volume: Volume | None = None
    candidates: int = 0
    other: int = 0

    @property
    def line(self) -> int:
        """The number of the line."""
        return self.entry.line


def fstab_text(files: GuestReader) -> str:
    """Return the guest's fstab; "" if it has none, or one that is too large to be one."""
    if not files.is_file(FSTAB) or files.stat(FSTAB).size > FSTAB_LIMIT:
        return ""
    return files.read_text(FSTAB, limit=FSTAB_LIMIT)


def fstab_faults(files: GuestReader, layout: Layout, root: Volume) -> tuple[FstabFault, ...]:
    """Return what is wrong with the lines of the guest's fstab, those that are none first.

    Lines that the guest itself does without (``noauto``, and ``nofail`` where the source is gone) have none.
    """
    return tuple(_Judge(files, layout, root).faults())


def unknown_sources(files: GuestReader, layout: Layout, root: Volume) -> tuple[FstabEntry, ...]:
    """Return the lines of which nobody can tell whether their source is there: it may be in what is not seen."""
    return tuple(_Judge(files, layout, root).unknown())


def all_is_seen(layout: Layout) -> bool:
    """Whether a name that fits no volume fits none at all: nothing is locked, unread or lacks a part."""
    return not layout.unread and not layout.locked


class _Judge:
    """One look at fstab."""

    def __init__(self, files: GuestReader, layout: Layout, root: Volume) -> None:
        self._files, self._layout, self._root = files, layout, root
        self._devices = Devices(layout, root, read_names(files))
        text = fstab_text(files)
        self._entries = parse_fstab(text).entries
        self._lines = text.split("\n")
        for entry in self._entries:
            if entry.path == "/":
                self._devices.learn(entry.spec)
        self._found = {entry.line: self._volume(entry) for entry in self._entries}

    def _volume(self, entry: FstabEntry) -> Volume | None:
        return self._devices.find(entry.spec) if is_about_a_volume(entry) else None

    def faults(self) -> Iterator[FstabFault]:
        """Yield what is wrong."""
        read = {entry.line for entry in self._entries}
        for number, line in enumerate(self._lines, 1):
            if number not in read and (said := fields_of_fstab(line)):
                yield FstabFault(FaultKind.SYNTAX, FstabEntry(line.split()[0], "", line=number), said)
        twice = {one.line: one for one in self._duplicates()}
        for entry in self._entries:
            bad = self._syntax(entry) or twice.get(entry.line)
            faults = (self._source(entry), self._options(entry), self._folder(entry))
            yield from (one for one in ((bad,) if bad is not None else faults) if one is not None)

    def _syntax(self, entry: FstabEntry) -> FstabFault | None:
        """A line that is none of fstab(5); two fields are enough for libmount, and the root is never given up."""
        said = fields_of_fstab(self._lines[entry.line - 1])
        if not said or said.startswith("2 ") or entry.path == "/":
            return None
        return FstabFault(FaultKind.SYNTAX, entry, said)

    def unknown(self) -> Iterator[FstabEntry]:
        """Yield the lines whose source is not found, while not everything is seen."""
        for entry in self._entries if not all_is_seen(self._layout) else ():
            if is_about_a_volume(entry) and self._found[entry.line] is None and not entry.may_be_missing:
                yield entry

    def _duplicates(self) -> Iterator[FstabFault]:
        """Of lines for one place the first whose source is there stays; systemd takes no second one either."""
        places: dict[str, list[FstabEntry]] = {}
        for entry in self._entries:
            if is_about_a_volume(entry) and entry.option("noauto") is None:
                is_swap = entry.type in MOUNTED_AS["swap"]
                found = self._found[entry.line]
                place = f"swap {found.device if found else entry.spec}" if is_swap else entry.path
                places.setdefault(place, []).append(entry)
        for entries in places.values():
            kept = next((one for one in entries if self._found[one.line]), entries[0])
            for one in entries:
                if one is not kept:
                    text = f"{one.path} is mounted by line {kept.line} already"
                    yield FstabFault(FaultKind.TWICE, one, text, other=kept.line)

    def _source(self, entry: FstabEntry) -> FstabFault | None:
        if not is_about_a_volume(entry):
            return None
        volume = self._found[entry.line]
        if volume is not None:
            return _wrong_type(entry, volume)
        if entry.may_be_missing or not all_is_seen(self._layout):
            return None
        fits = self._candidates(entry)
        text = f"{entry.spec} for {entry.path} is on no disk"
        return FstabFault(
            FaultKind.GONE, entry, text, fits[0] if len(fits) == 1 else None, candidates=len(fits)
        )

    def _options(self, entry: FstabEntry) -> FstabFault | None:
        if lacks_netdev(entry):
            text = f"{entry.path} is on the network, and nothing says so: _netdev is missing"
            return FstabFault(FaultKind.NETWORK, entry, text)
        volume = self._found[entry.line]
        if volume is None or entry.type in MOUNTED_AS["swap"] or not foreign_options(entry, volume):
            return None
        foreign = ", ".join(foreign_options(entry, volume))
        return FstabFault(
            FaultKind.OPTION, entry, f"{volume.content} does not know the option {foreign}", volume
        )

    def _candidates(self, entry: FstabEntry) -> list[Volume]:
        """The volumes that may be meant: nobody else's, of the type, and not there for something else."""
        if entry.path == "/":
            return [self._root]
        used = {one.device for one in self._found.values() if one} | {self._root.device}
        used |= {_base(self._root.device)}
        fits = [
            one
            for one in self._layout.volumes
            if one.device not in used
            and one.holder is not Holder.SUBVOLUME
            and (one.uuid or one.part_uuid)
            and _is_of_type(entry, one)
        ]
        roles = {one.device: places_of(one, self._layout) for one in fits}
        said = [one for one in fits if _place(entry) in roles[one.device]]
        return said or [one for one in fits if not roles[one.device]]

    def _folder(self, entry: FstabEntry) -> FstabFault | None:
        path = entry.path
        if not path.startswith("/") or path == "/" or entry.type in (*MOUNTED_AS["swap"], "none", "ignore"):
            return None
        if entry.option("noauto") is not None or any(f"{path}/".startswith(f"{one}/") for one in VOLATILE):
            return None
        if find_init(self._files) is Init.SYSTEMD or self._files.lstat(path) is not None:
            return None  # systemd makes what it mounts on
        if not self._is_on_root(path):
            return None
        return FstabFault(FaultKind.NO_FOLDER, entry, f"there is no folder {path}")

    def _is_on_root(self, path: str) -> bool:
        """Whether the folder would be in what is mounted here, and not below what another line mounts and is not."""
        above = [entry.path for entry in self._entries if entry.path.startswith("/") and entry.path != path]
        return not any(
            path.startswith(f"{one.rstrip('/')}/") and not self._files.is_dir(one) for one in above
        ) and self._files.is_dir(_first_there(self._files, path))


def is_about_a_volume(entry: FstabEntry) -> bool:
    """Whether a line is about a volume of a disk that does not come and go: also one that is swapped to."""
    if is_passing(entry.spec):
        return False
    if entry.type in MOUNTED_AS["swap"]:
        return entry.spec.startswith("/dev/") or "=" in entry.spec
    return entry.on_a_device


def _wrong_type(entry: FstabEntry, volume: Volume) -> FstabFault | None:
    if volume.content not in MOUNTED_AS or volume.content == "swap":
        return None
    if entry.type in MOUNTED_AS["swap"] or not entry.path.startswith("/"):
        return None
    if set(entry.type.split(",")) & (MOUNTED_AS[volume.content] | {"auto"}):
        return None
    text = f"{entry.spec} is {volume.content}, not {entry.type}"
    return FstabFault(FaultKind.TYPE, entry, text, volume)


def _is_of_type(entry: FstabEntry, volume: Volume) -> bool:
    names = MOUNTED_AS.get(volume.content, frozenset({volume.content}))
    if entry.type in MOUNTED_AS["swap"]:
        return volume.content == "swap"
    return volume.mountable and ("auto" in entry.type or bool(names & set(entry.type.split(","))))


def _place(entry: FstabEntry) -> str:
    return "swap" if entry.type in MOUNTED_AS["swap"] else entry.path


def places_of(volume: Volume, layout: Layout) -> tuple[str, ...]:
    """Return where a volume is meant to be mounted, as its partition's type and its names say; empty: nobody says."""
    if volume.content == "swap":
        return ("swap",)
    found = list(_ROLES.get(_type_of(volume, layout), ()))
    name = volume.device.rpartition("/")[2] if volume.holder is Holder.LV else ""
    for one in (volume.label, volume.part_label, name):
        word = one.casefold().strip("/")
        if word in _CALLED:
            found.append(_CALLED[word])
        elif one.startswith("/"):
            found.append(one)
        elif word in ("home", "srv", "var", "opt", "usr", "tmp", "data"):
            found.append(f"/{word}")
    return tuple(dict.fromkeys(found))


def _type_of(volume: Volume, layout: Layout) -> str:
    parts: Sequence[tuple[Disk, Partition]] = [(d, p) for d in layout.disks for p in d.partitions]
    return next((part.type for _disk, part in parts if part.device == volume.device), "")


def _base(device: str) -> str:
    """The device below a btrfs subvolume: ``btrfsvol:/dev/sda2/@`` is on /dev/sda2."""
    return "/".join(device.removeprefix("btrfsvol:").split("/")[:3]) if device.startswith("btrfsvol:") else ""


def _first_there(files: GuestReader, path: str) -> str:
    while path != "/" and not files.exists(path):
        path = parent_of(path)
    return path


def name_as(spec: str, volume: Volume) -> str:
    """Return a name for a volume in the way in which a line named another; "" if it has none.

    Names of disks, which depend on the order in which they are found, become UUIDs.
    """
    tag = spec.partition("=")[0].upper() if "=" in spec and not spec.startswith("/") else ""
    if tag == "LABEL" and volume.label and not any(letter.isspace() for letter in volume.label):
        return f"LABEL={volume.label}"
    if tag in ("PARTUUID", "PARTLABEL") and volume.part_uuid:
        return f"PARTUUID={volume.part_uuid.lower()}"
    if volume.holder is Holder.LV and not tag:
        group, _, name = volume.device.removeprefix("/dev/").partition("/")
        return f"/dev/mapper/{mapper_name(group, name)}" if spec.startswith("/dev/mapper/") else volume.device
    if volume.uuid:
        return f"UUID={volume.uuid}"
    return f"PARTUUID={volume.part_uuid.lower()}" if volume.part_uuid else ""
