"""The files that a command works on: those of the guest, of chosen volumes, or of a disk without a system."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from imgtools.engine.keys import locked_volume
from imgtools.errors import EngineFailed, NoGuest, OddGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest, guest_path, the_guest
from imgtools.image.handle import Image
from imgtools.records.disks import ENCRYPTED, Holder, Mount, Volume
from imgtools.records.request import ImageRequest
from imgtools.records.system import Warned
from imgtools.volumes.names import is_called

_BEGINS_ABOVE = re.compile(
    r"[/\\]|[A-Za-z]:(?=[\\/]|$)"
)  # a path that says where it begins: /etc, C:\Windows


class FileView(NamedTuple):
    """Files to read, and how the user's words become paths among them."""

    files: GuestReader
    mounts: tuple[Mount, ...]
    guest: Guest | None = None
    warnings: tuple[Warned, ...] = ()
    folder: str = "/"  # where a path begins that does not begin with /

    def path(self, text: str) -> str:
        """Return the path that ``text`` means: ``C:\\Windows`` works for a Windows guest."""
        if text == ".":
            text = self.folder
        elif self.folder != "/" and not _BEGINS_ABOVE.match(text):
            text = f"{self.folder}/{text}"
        return text if self.guest is None else guest_path(self.guest, text)

    def named(self, text: str) -> list[str]:
        """Return the paths that ``text`` names: the file of that name, else all that it matches as a pattern.

        :raises NoSuchGuestFile: there is nothing; the hint has the name that is most like it.
        """
        path = self.path(text)
        if self.files.lstat(path) is not None:
            return [path]
        from imgtools.files.patterns import named_paths  # late: most paths are names

        return named_paths(self.files, path)


def view_files(image: Image, request: ImageRequest, *, change: bool = False) -> FileView:
    """Return the files that ``request`` asks for.

    With ``-m``, the volumes it names. Else the guest's own mounts. Else, when there is no guest and nothing that may
    be one, the only volume with files (an ISO, a floppy, a data disk).

    :param change: they are to be changed: then a volume that is only a part of its disk has to be named.
    :raises NoGuest: no guest, and several volumes to choose from, none, or one that only boots a system.
    :raises KeyNeeded: no guest, and a volume that is locked.
    :raises ManyGuests: several guests, and none was chosen.
    """
    if request.mounts:
        mounts = tuple(_parse_mount(text, image) for text in request.mounts)
        return FileView(image.files(mounts), mounts, warnings=image.warnings, folder=request.folder)
    try:
        guest = the_guest(image, request.root)
    except NoGuest as error:
        if request.root is not None:
            raise
        from imgtools.guest.find.only_volume import only_volume  # late: most images hold a system

        mounts = (Mount("/", only_volume(image, error, change=change)),)
        return FileView(image.files(mounts), mounts, warnings=image.warnings, folder=request.folder)
    return FileView(guest.files, guest.mounts, guest, _about_files(guest), request.folder)


def _about_files(guest: Guest) -> tuple[Warned, ...]:
    """The warnings for who looks at files: how a registry hive was closed matters to who reads the registry."""
    hives = f"{guest.os.windows_systemroot}/System32/config/"
    return tuple(
        one for one in guest.warnings if not (guest.os.windows_systemroot and one.path.startswith(hives))
    )


def _parse_mount(text: str, image: Image) -> Mount:
    """Read ``DEVICE[:PATH[:OPTIONS]]``, as virt-cat's -m has it."""
    device, _, rest = text.partition(":") if not text.startswith("btrfsvol:") else _split_subvolume(text)
    path, _, options = rest.partition(":")
    return Mount(path or "/", find_volume(image, device), options)


def _split_subvolume(text: str) -> tuple[str, str, str]:
    device, separator, rest = text.removeprefix("btrfsvol:").partition(":")
    return f"btrfsvol:{device}", separator, rest


def find_volume(image: Image, name: str) -> Volume:
    """Return the volume that a person names: by its device, UUID or label, as keys are given for it too.

    Of an encrypted volume, what it holds is meant.

    :raises UsageError: there is none of that name; the hint lists what there is.
    :raises OddGuest: it is there, and no engine can put it together.
    :raises KeyNeeded: it is locked.
    """
    volumes: Sequence[Volume] = image.layout().volumes
    found = _named(volumes, name)
    if found is None or found.content in ENCRYPTED:
        volumes = image.volumes()
        found = _named(volumes, name)
    if found is None:
        if broken := next((one for one in image.layout().unread if one.what == name), None):
            raise OddGuest(f"{name} cannot be put together: {broken.reason}", hint=broken.hint)
        known = ", ".join(volume.device for volume in volumes) or "none"
        raise UsageError(f"no such volume: {name}", hint=f"there are: {known}")
    if found.content in ENCRYPTED:
        if reason := next((one.reason for one in image.layout().unread if one.what == found.device), ""):
            raise EngineFailed(
                f"{found.device} is not opened: {reason}", hint="--engine auto asks the appliance"
            )
        raise locked_volume(found)
    return found


def _named(volumes: Sequence[Volume], name: str) -> Volume | None:
    """Return the volume of a name; in place of an encrypted one that is open, the one inside.

    :raises UsageError: several are called so.
    """
    found = next((one for one in volumes if one.device == name), None)
    if found is None:
        # A btrfs's subvolumes have its UUID and label, and stand behind it.
        fit = [one for one in volumes if is_called(one, name)]
        fit = [one for one in fit if one.holder is not Holder.SUBVOLUME] or fit[:1]
        if len(fit) > 1:
            names = ", ".join(one.device for one in fit)
            raise UsageError(f"{len(fit)} volumes are called {name}", hint=f"name one by its device: {names}")
        found = next(iter(fit), None)
    while found is not None and found.content in ENCRYPTED:
        outer = found.device
        inner = (one for one in volumes if one.holder is Holder.CRYPT and outer in one.parents)
        opened = next(inner, None)
        if opened is None:
            break
        found = opened
    return found
