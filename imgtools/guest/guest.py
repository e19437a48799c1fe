"""Find the operating systems in an image. ``Guest`` is what every operation gets to see."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from imgtools.engine.keys import locked_volume
from imgtools.errors import (
    BadImage,
    EngineFailed,
    ImgtoolsError,
    KeyNeeded,
    ManyGuests,
    NoGuest,
    NoSuchGuestFile,
    OddGuest,
)
from imgtools.files.paths import normalise_keeping_dots
from imgtools.files.tree import GuestReader, GuestTree
from imgtools.guest.find.linux import recognise_linux
from imgtools.guest.find.recognised import Recognised
from imgtools.records.disks import ENCRYPTED, MORE_DISKS, Declined, Holder, Layout, Mount, Volume
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType, Warned
from imgtools.volumes.names import is_called

if TYPE_CHECKING:
    from imgtools.image.handle import Image
    from imgtools.volumes.volume_file import DiskFile


@dataclass(frozen=True, slots=True)
class Guest:
    """One operating system of an image, with its files mounted as it would mount them itself."""

    root: Volume
    os: OsInfo
    mounts: tuple[Mount, ...]
    files: GuestReader
    drives: tuple[tuple[str, str], ...] = ()  # letter -> device, Windows
    warnings: tuple[Warned, ...] = ()
    # Where it mounts what is not in the image or cannot be opened: what is written there is hidden when it runs.
    unmounted: tuple[str, ...] = ()
    read_only: tuple[
        str, ...
    ] = ()  # where it mounts what it never writes itself, and may check by its hashes
    layout: Layout | None = None  # the disks that it is on, where somebody has to compare names with them
    # The bytes of a disk or volume, for what lies outside of filesystems; None: nobody can read them without a boot.
    open_device: Callable[[str], DiskFile | None] = field(
        default_factory=lambda: lambda device: None, compare=False, repr=False
    )


class _Candidate(NamedTuple):
    volume: Volume
    files: GuestReader
    found: Recognised

    @property
    def root(self) -> Volume:
        """What is mounted at ``/``; the volume that was looked at, or its root partition, if it is a /usr."""
        return self.found.mounts[0].volume


class _Search:
    """One look at all volumes of an image."""

    def __init__(self) -> None:
        self.candidates: list[_Candidate] = []
        self.declined: list[Declined] = []
        self.damage: list[ImgtoolsError] = []  # where a system may be that cannot be read

    @property
    def claimed(self) -> set[str]:
        """Devices that a guest mounts, its root included."""
        return {mount.volume.device for one in self.candidates for mount in one.found.mounts}

    def has(self, root: str) -> bool:
        """Whether a guest on that device was found, and all that it mounts is there."""
        return any(one.root.device == root and not one.found.unresolved for one in self.candidates)


def find_guests(image: Image) -> tuple[Guest, ...]:
    """Return every operating system in the image, in the order of the volumes.

    Without booting, as far as that goes; an engine is booted only if a volume that no guest explains cannot be
    read directly, because another guest may be in it.

    :raises OddGuest: none was found, and a volume on which one may be is damaged.
    """
    return _find(image)


def _find(image: Image, root: str = "") -> tuple[Guest, ...]:
    """Find guests; the one whose root is the device ``root`` is enough, where it can be read without booting."""
    layout = image.layout()
    search = _search(image, layout, _mount_now(image))
    if _is_incomplete(search, layout) and not search.has(root):
        layout = image.layout(complete=True)
        search = _search(image, layout, _mount_booting(image))
    guests = [_guest(image, one) for one in _without_copies(search.candidates)]
    if search.damage and not guests:
        raise search.damage[0]
    if guests:
        guests[0] = replace(guests[0], warnings=(*guests[0].warnings, *_overlooked(search, layout)))
    return tuple(replace(guest, warnings=(*image.warnings, *guest.warnings)) for guest in guests)


def _overlooked(search: _Search, layout: Layout) -> list[Warned]:
    """Name the volumes that no engine allowed could read: another system may be there."""
    broken = (one for one in layout.unread if one.damaged)
    return [
        Warned(f"not looked into for another system: {reason.reason}", reason.what)
        for reason in (*search.declined, *broken)
        if reason.what not in search.claimed
    ]


def the_guest(image: Image, root: str | None = None) -> Guest:
    """Return the one guest of the image, or the one whose root is called ``root``.

    :param root: its device, UUID or label, as keys are given for it, those of the encrypted volume that it is in, or
        the letter of its drive in its own Windows, if no other system has the same. Where its device is named, nothing
        is booted to look for others.
    :raises NoGuest: there is none, or none at ``root``.
    :raises KeyNeeded: there is none, and a volume that may hold it is locked.
    :raises ManyGuests: there are several, and ``root`` was not given, or means several of them.
    """
    if root is not None:
        return _at_root(_find(image, root), root, image)
    guests = find_guests(image)
    if not guests:
        raise no_guest(image)
    if len(guests) > 1:
        raise ManyGuests(
            f"{len(guests)} operating systems in this image: {_describe(guests)}",
            hint=f"choose one: --root {guests[0].root.device}",
        )
    return guests[0]


def _at_root(guests: Sequence[Guest], root: str, image: Image) -> Guest:
    found = _called(guests, root, image)
    if len(found) > 1:
        raise ManyGuests(
            f"{len(found)} operating systems have their root at {root}: {_describe(found)}",
            hint=f"choose one: --root {found[0].root.device}",
        )
    if found:
        return found[0]
    if locked := next((one for one in image.layout().locked if is_called(one, root)), None):
        raise locked_volume(locked)
    there = f"there is {_describe(guests)}" if guests else "there is none elsewhere either"
    raise NoGuest(f"no operating system has its root at {root}", hint=there)


def _called(guests: Sequence[Guest], root: str, image: Image) -> list[Guest]:
    """Return the guests whose root a person may mean; its device means that one alone."""
    if exact := [guest for guest in guests if guest.root.device in (root, f"btrfsvol:{root}")]:
        return exact
    holders = [one for one in image.layout().volumes if one.content in (*ENCRYPTED, "btrfs")]
    letter = root.rstrip("\\/").removesuffix(":").upper()

    def is_meant(guest: Guest) -> bool:
        inside = [one for one in holders if one.device in guest.root.parents]
        drives = [device for name, device in guest.drives if name.upper().rstrip(":") == letter]
        return any(is_called(one, root) for one in (guest.root, *inside)) or guest.root.device in drives

    return [guest for guest in guests if is_meant(guest)]


def _describe(guests: Sequence[Guest]) -> str:
    return ", ".join(f"{guest.root.device} ({guest.os.product_name or guest.os.distro})" for guest in guests)


def no_guest(image: Image) -> NoGuest | KeyNeeded:
    """Say that no operating system was found, and what was found instead."""
    layout = image.layout()
    volumes = layout.volumes
    if locked := next(iter(layout.locked), None):
        return _locked(locked, volumes)
    for volume in volumes:
        answer = image.try_mount(volume) if volume.mountable else None
        if isinstance(answer, Declined):
            return NoGuest(
                f"no operating system found; {volume.device} ({volume.content}) cannot be read: {answer.reason}",
                hint="with --engine auto, what one engine cannot read the other may"
                if image.served_by is Engine.DIRECT
                else "it is damaged, or needs a newer kernel",
            )
    listed = {volume.device for volume in volumes}
    for one in (*layout.unread, *image.declined):
        if one.what not in listed and one.what.startswith("/dev/"):
            return NoGuest(
                f"no operating system found; {one.what} cannot be put together: {one.reason}",
                hint=one.hint or MORE_DISKS,
            )
    contents = [f"{volume.device} ({volume.content})" for volume in volumes if volume.content]
    if not contents:
        from imgtools.guest.find.nothing_known import nothing_known

        return nothing_known(image.layout())
    hint = "see what is on it: imgtools filesystems"
    if any(volume.content == "iso9660" for volume in volumes):
        hint = "an ISO image has files, but no installed system: imgtools ls works on it"
    return NoGuest(f"no operating system found, only {', '.join(contents[:8])}", hint=hint)


def _locked(volume: Volume, volumes: Sequence[Volume]) -> KeyNeeded:
    """Say that a locked volume may be what is looked for; another one is never taken in its place."""
    other = next((f", or look at one volume: -m {one.device}" for one in volumes if one.mountable), "")
    return KeyNeeded(
        f"no operating system found; {volume.device} is encrypted ({volume.content}), and no key opens it",
        hint=f"give its key: --key {volume.device}:file:PATH{other}",
    )


# -- looking -----------------------------------------------------------------------------------------------

MountOne = Callable[[Volume], GuestReader | Declined]


def _mount_now(image: Image) -> MountOne:
    """Mount with the engine that answers now."""

    def mount(volume: Volume) -> GuestReader | Declined:
        answer = image.try_mount(volume)
        return answer if isinstance(answer, Declined) else GuestTree({"/": answer}, image.served_by)

    return mount


def _mount_booting(image: Image) -> MountOne:
    """Mount with whatever engine can, booted if need be."""

    def mount(volume: Volume) -> GuestReader | Declined:
        try:
            return image.files([Mount("/", volume)])
        except (EngineFailed, OddGuest) as error:
            again = image.try_mount(volume)
            return again if isinstance(again, Declined) else Declined(volume.device, error.message)

    return mount


def _search(image: Image, layout: Layout, mount: MountOne) -> _Search:
    search = _Search()
    for volume in layout.volumes:
        if not volume.mountable:
            continue
        files = mount(volume)
        if isinstance(files, Declined):
            search.declined.append(replace(files, what=volume.device))
            continue
        try:
            found = _recognise(image, files, volume, layout)
        except (OddGuest, BadImage) as error:
            search.declined.append(Declined(volume.device, error.message, damaged=True))
            search.damage.append(error)
            continue
        if found is not None:
            search.candidates.append(_Candidate(volume, files, found))
    return search


def _recognise(image: Image, files: GuestReader, volume: Volume, layout: Layout) -> Recognised | None:
    """Ask every recogniser; the first that knows the volume wins."""
    linux = recognise_linux(files, volume, layout, image.files)
    if linux is not None:
        return linux
    from imgtools.guest.windows.systemroot import find_systemroot

    if find_systemroot(files) is None:
        return None
    from imgtools.guest.windows.system import recognise_windows  # late: it brings all of the registry

    return recognise_windows(files, volume, layout)


def _is_incomplete(search: _Search, layout: Layout) -> bool:
    """Whether another engine may find what this one could not see."""
    claimed = search.claimed
    if any(reason.what not in claimed and not reason.damaged for reason in search.declined):
        return True
    lost = any(one.found.unresolved for one in search.candidates)
    return not layout.is_complete and (lost or not search.candidates)


# -- which of the candidates are roots -----------------------------------------------------------------------


def _without_copies(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Leave out what only looks like a root: volumes that a guest mounts elsewhere, and snapshots of a root."""
    elsewhere = {
        mount.volume.device
        for one in candidates
        for mount in one.found.mounts
        if mount.path != "/" and mount.volume not in (one.root, one.volume)
    }
    roots = [one for one in candidates if one.found.names_itself or one.volume.device not in elsewhere]
    return [
        one
        for index, one in enumerate(roots)
        if not _is_snapshot(one, roots) and one.root not in [other.root for other in roots[:index]]
    ]


_SNAPSHOT = r"/(\.?snapshots?|@snapshots|timeshift-btrfs|snapper)/"


def _is_snapshot(one: _Candidate, roots: Sequence[_Candidate]) -> bool:
    """Whether a btrfs subvolume is a copy of another root: snapper and timeshift keep dozens of them.

    The device itself mounts the default subvolume, which boots. Another system on the same filesystem says in its
    fstab which subvolume it is; a snapshot says what its original said.
    """
    if _stands_alone(one):
        return False
    same = [other for other in roots if other.root.uuid == one.root.uuid]
    if any(_stands_alone(other) for other in same):
        return True
    plain = [other for other in same if not re.search(_SNAPSHOT, other.root.device)]
    return one not in (plain or same)


def _stands_alone(one: _Candidate) -> bool:
    if one.root.holder is not Holder.SUBVOLUME:
        return True
    return one.found.names_itself and not re.search(_SNAPSHOT, one.root.device)


def _guest(image: Image, one: _Candidate) -> Guest:
    """Mount everything that the guest mounts; what no engine can read is left out with a warning."""
    found, mounts, refused = one.found, list(one.found.mounts), list[Warned]()
    files = one.files
    if len(mounts) > 1:
        try:
            files = image.files(mounts)
        except (EngineFailed, OddGuest):
            mounts, refused = _readable(image, mounts)
            files = image.files(mounts)
    warnings = (*found.warnings, *refused)
    unmounted = (*found.unmounted, *(warning.path for warning in refused))
    return Guest(one.root, found.os, tuple(mounts), files, found.drives, warnings, unmounted, found.read_only)


def _readable(image: Image, mounts: Sequence[Mount]) -> tuple[list[Mount], list[Warned]]:
    """Split mounts into those that can be read and warnings about those that cannot."""
    good: list[Mount] = []
    refused: list[Warned] = []
    for mount in mounts:
        try:
            image.files([replace(mount, path="/")])
        except (EngineFailed, OddGuest) as error:
            if mount.path == "/":
                raise
            refused.append(Warned(f"not mounted: {error.message}", mount.path))
        else:
            good.append(mount)
    return good, refused


def bare_guest(image: Image, why: str) -> Guest:
    """Return a guest of which only the disks are known, because none can be read: it has no files, and no system.

    :param why: none can be read; a warning of the guest.
    """
    from imgtools.files.empty import EmptyFilesystem  # what can be read has files

    nothing = GuestTree({"/": EmptyFilesystem()}, image.served_by)
    root = Volume("", Holder.DISK, 0)
    warnings = (*image.warnings, Warned(why))
    system = OsInfo(OsType.UNKNOWN)
    return Guest(
        root, system, (), nothing, warnings=warnings, layout=image.layout(), open_device=image.try_bytes
    )


# -- paths as people write them --------------------------------------------------------------------------------


def guest_path(guest: Guest, text: str) -> str:
    r"""Turn a path as people write it into a guest path: ``C:\Windows\System32`` -> ``/Windows/System32``.

    :raises NoSuchGuestFile: the guest has no such drive.
    """
    match = re.match(r"([A-Za-z]):(?=[\\/]|$)", text)
    if not guest.drives and not (match and guest.os.windows_systemroot):
        return normalise_keeping_dots(text)
    rest = normalise_keeping_dots((text[match.end() :] if match else text).replace("\\", "/"))
    return rest if match is None else _below_drive(guest, match[1].upper(), rest)


def _below_drive(guest: Guest, letter: str, rest: str) -> str:
    device = dict(guest.drives).get(letter, guest.root.device if letter == "C" else "")
    for mount in guest.mounts:
        if mount.volume.device == device:
            return rest if mount.path == "/" else normalise_keeping_dots(mount.path + rest)
    fact = f"drive {letter}: is {device}, which cannot be read" if device else f"there is no drive {letter}:"
    known = ", ".join(f"{name}:" for name, _device in guest.drives)
    raise NoSuchGuestFile(fact, path=f"{letter}:", hint=f"the guest's drives: {known or 'C:'}")
