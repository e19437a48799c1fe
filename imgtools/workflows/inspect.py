"""Everything that can be said about the operating systems in an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from imgtools.errors import EngineFailed, GuestFileError, OddGuest, ToolMissing, UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sshd import key_files
from imgtools.guest.accounts.users import (
    Account,
    Accounts,
    Privileged,
    may_become_root,
    may_log_in,
    password_state,
    read_accounts,
    read_privileged,
)
from imgtools.guest.boot.bootloader import Boot, find_boot, lacking_initrd
from imgtools.guest.boot.firmware import find_firmware
from imgtools.guest.find.disk_of import disk_of
from imgtools.guest.find.fstab_names import FstabNames, fstab_names, lost_swap
from imgtools.guest.find.release import read_release
from imgtools.guest.guest import Guest, find_guests, no_guest, the_guest
from imgtools.guest.network.program import NetworkConfig, find_network
from imgtools.guest.packages.applications import list_applications
from imgtools.guest.selinux import Selinux, find_selinux
from imgtools.guest.services.started import Init, enabled_services, find_default_target, find_init
from imgtools.guest.settings.facts import Settings, find_icon, find_settings
from imgtools.image.handle import Image, open_request
from imgtools.records.disks import Disk, Layout, Volume
from imgtools.records.packages import Application
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsInfo, OsType, Warned
from imgtools.records.windows import WindowsRow

if TYPE_CHECKING:
    from imgtools.guest.windows.overview import WindowsOverview

KEYS_LIMIT = 1 << 20  # bytes of one authorized_keys


@dataclass(frozen=True, slots=True)
class MountRow:
    """Where a guest mounts a volume."""

    path: str
    device: str
    content: str
    options: str


@dataclass(frozen=True, slots=True)
class FilesystemRow:
    """A filesystem (or swap) that belongs to the guest, or to nobody else.

    ``used``: the guest mounts it, or swaps to it.
    """

    device: str
    content: str
    label: str
    uuid: str
    version: str
    size: int
    used: bool = True


@dataclass(frozen=True, slots=True)
class DriveRow:
    """A drive letter of Windows."""

    letter: str
    device: str


@dataclass(frozen=True, slots=True)
class UserRow:
    """One account. ``None`` and "" are facts that this kind of guest does not have, or that nobody can tell.

    ``password`` is ``set``, ``locked`` or ``empty``; ``password_method`` names the hash, never shows it.
    """

    name: str
    uid: int | None = None
    gid: int | None = None
    sid: str = ""
    full_name: str = ""
    home: str = ""
    shell: str = ""
    groups: tuple[str, ...] = ()
    password: str = ""
    password_method: str = ""
    can_log_in: bool | None = None
    administrator: bool | None = None
    ssh_keys: int | None = None
    last_login: int | None = None
    # Of Windows alone.
    disabled: bool | None = None
    locked: bool | None = None  # after too many wrong passwords
    password_changed: int | None = None
    password_never_set: bool | None = None  # there is none, and there never was
    password_never_expires: bool | None = None
    password_required: bool | None = None


@dataclass(frozen=True, slots=True)
class StartRow:
    """What starts the guest's services, into what state it boots, and what it starts."""

    init: Init = Init.UNKNOWN
    default_target: str = ""
    enabled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InspectedGuest:
    """One operating system. ``applications`` is None if they were not asked for; sections that do not apply too."""

    root: str
    os: OsInfo
    mounts: tuple[MountRow, ...]
    filesystems: tuple[FilesystemRow, ...]
    drives: tuple[DriveRow, ...]
    applications: tuple[Application, ...] | None
    users: tuple[UserRow, ...]
    boot: Boot
    start: StartRow | None
    settings: Settings | None
    selinux: Selinux | None
    network: NetworkConfig | None
    windows: WindowsRow | None
    icon: bytes | None
    # What its fstab names and the image has not: the device is in the words of fstab.
    missing: tuple[MountRow, ...] = ()


@dataclass(frozen=True, slots=True)
class InspectReport:
    """All operating systems of one image."""

    image: str
    engine: Engine
    guests: tuple[InspectedGuest, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What takes time and may be left out."""

    applications: bool = True
    icon: bool = True


def inspect(request: ImageRequest, wanted: Wanted | None = None) -> InspectReport:
    """Inspect every guest of an image, or the one that ``request.root`` names.

    A fact that cannot be read is a warning and does not take the others with it.

    :raises NoGuest: there is no operating system.
    """
    with open_request(request) as image:
        guests = find_guests(image) if request.root is None else (the_guest(image, request.root),)
        if not guests:
            raise no_guest(image)
        reader = _Inspector(image, guests, wanted or Wanted())
        found = tuple(reader.inspect(guest) for guest in guests)
        return InspectReport(request.name, image.served_by, found, tuple(dict.fromkeys(reader.warnings)))


Fact = TypeVar("Fact")


class _Inspector:
    """Asks all that is known about guests, and collects warnings on the way."""

    def __init__(self, image: Image, guests: tuple[Guest, ...], wanted: Wanted) -> None:
        self._image = image
        self._layout = image.layout()
        self._guests = guests
        self._wanted = wanted
        self.warnings: list[Warned] = [warning for guest in guests for warning in guest.warnings]

    def _attempt(self, read: Callable[[], Fact], otherwise: Fact) -> Fact:
        """Return what ``read`` finds; a damaged file of the guest costs only this fact."""
        try:
            return read()
        except (OddGuest, GuestFileError, ToolMissing, UnsupportedGuest, EngineFailed) as error:
            self.warnings.append(Warned(error.message, getattr(error, "path", "")))
            return otherwise

    def inspect(self, guest: Guest) -> InspectedGuest:
        windows = guest.os.type is OsType.WINDOWS
        linux = guest.os.type is OsType.LINUX
        files = guest.files
        overview = self._windows(guest) if windows else None
        none = FstabNames()
        named = self._attempt(lambda: fstab_names(files, guest.root, self._layout), none) if linux else none
        boot = self._attempt(lambda: self._boot(guest, linux), Boot())
        self.warnings.extend((*lost_swap(named), *lacking_initrd(boot)))
        return InspectedGuest(
            root=guest.root.device,
            os=guest.os,
            mounts=tuple(
                MountRow(mount.path, mount.volume.device, mount.volume.content, mount.options)
                for mount in guest.mounts
            ),
            filesystems=guest_filesystems(guest, self._guests, self._layout, named.swap),
            drives=tuple(DriveRow(letter, device) for letter, device in guest.drives),
            applications=overview.applications if overview else self._applications(guest),
            users=windows_users(overview) if windows else self._attempt(lambda: linux_users(files), ()),
            boot=boot,
            start=self._attempt(lambda: _start(files), None) if linux else None,
            settings=self._attempt(lambda: find_settings(files), None) if linux else None,
            selinux=self._attempt(lambda: find_selinux(files), None) if linux else None,
            network=self._attempt(lambda: find_network(files), None) if linux else None,
            windows=overview.row if overview else None,
            icon=self._icon(guest) if self._wanted.icon and linux else None,
            missing=tuple(MountRow(one.path, one.spec, "", one.options) for one in named.missing),
        )

    def _applications(self, guest: Guest) -> tuple[Application, ...] | None:
        if not self._wanted.applications:
            return None
        nothing: tuple[Application, ...] = ()
        return self._attempt(lambda: list_applications(guest.files, guest.os.package_format), nothing)

    def _boot(self, guest: Guest, linux: bool) -> Boot:
        disks = self._disks(guest)
        return find_boot(guest.files, disks) if linux else Boot(find_firmware(guest.files, disks))

    def _disks(self, guest: Guest) -> list[Disk]:
        """The guest's own disks, its root's first: all of them, unless it shares the machine with other guests."""
        found = [disk_of(mount.volume, self._layout) for mount in guest.mounts]
        if len(self._guests) == 1:
            found.extend(self._layout.disks)
        return list({disk.device: disk for disk in found if disk is not None}.values())

    def _windows(self, guest: Guest) -> WindowsOverview | None:
        from imgtools.guest.windows.boot_volume import with_boot_volume
        from imgtools.guest.windows.overview import windows_overview

        others = [mount.volume.device for one in self._guests if one is not guest for mount in one.mounts]
        booting = self._attempt(lambda: with_boot_volume(self._image, guest), guest)
        found = self._attempt(
            lambda: windows_overview(booting, self._layout, others, applications=self._wanted.applications),
            None,
        )
        if found is not None:
            self.warnings.extend(warning for warning in found.warnings if warning not in self.warnings)
        return found

    def _icon(self, guest: Guest) -> bytes | None:
        def read() -> bytes:
            return find_icon(guest.files, guest.os.families, read_release(guest.files).logo)

        return self._attempt(read, b"") or None


def guest_filesystems(
    guest: Guest, guests: tuple[Guest, ...], layout: Layout, swap: frozenset[str] = frozenset()
) -> tuple[FilesystemRow, ...]:
    """Return what the guest mounts, swap, and filesystems that no other guest mounts, sorted by device."""
    own = {mount.volume.device for mount in guest.mounts}
    others = {mount.volume.device for other in guests if other is not guest for mount in other.mounts}
    volumes: dict[str, Volume] = {
        volume.device: volume
        for volume in layout.volumes
        if volume.mountable or volume.content == "swap"
        if volume.device in own or volume.device not in others
    }
    return tuple(
        FilesystemRow(
            volume.device,
            volume.content,
            volume.label,
            volume.uuid,
            volume.version,
            volume.size,
            volume.device in own or volume.device in swap,
        )
        for volume in sorted(volumes.values(), key=lambda volume: volume.device)
    )


def _start(files: GuestReader) -> StartRow:
    init = find_init(files)
    return StartRow(init, find_default_target(files, init), enabled_services(files))


def linux_users(files: GuestReader) -> tuple[UserRow, ...]:
    """Return the accounts of passwd, in its order.

    :raises OddGuest: one of the account files does not parse.
    """
    accounts = read_accounts(files)
    rules = read_privileged(files)
    return tuple(_linux_user(files, accounts, account, rules) for account in accounts.passwd)


def _linux_user(files: GuestReader, accounts: Accounts, account: Account, rules: Privileged) -> UserRow:
    password = password_state(accounts, account)
    return UserRow(
        name=account.name,
        uid=account.uid,
        gid=account.gid,
        full_name=account.gecos.partition(",")[0],
        home=account.home,
        shell=account.shell,
        groups=accounts.groups_of(account),
        password=password.state,
        password_method=password.method,
        can_log_in=may_log_in(account),
        administrator=may_become_root(accounts, account, rules),
        ssh_keys=_ssh_keys(files, account, accounts.groups_of(account)) if may_log_in(account) else 0,
    )


def _ssh_keys(files: GuestReader, account: Account, groups: Sequence[str]) -> int:
    """How many keys may log in as this account."""
    return sum(_keys_in(files, path) for path in key_files(files, account, groups))


def _keys_in(files: GuestReader, path: str) -> int:
    if not path.startswith("/") or not files.is_file(path) or files.stat(path).size > KEYS_LIMIT:
        return 0
    lines = files.read_text(path, limit=KEYS_LIMIT).split("\n")
    return sum(1 for line in lines if line.strip() and not line.lstrip().startswith("#"))


def windows_users(found: WindowsOverview | None) -> tuple[UserRow, ...]:
    """Return the accounts of a Windows guest; none if nothing of it could be read."""
    return tuple(
        UserRow(
            name=user.name,
            sid=user.sid,
            full_name=user.full_name,
            home=user.home,
            password={True: "set", False: "empty", None: ""}[user.password_set],
            can_log_in=None if user.disabled is None else not user.disabled,
            administrator=user.administrator,
            last_login=user.last_login or None,
            disabled=user.disabled,
            locked=user.locked,
            password_changed=user.password_changed or None,
            password_never_set=user.password_never_set,
            password_never_expires=user.password_never_expires,
            password_required=user.password_required,
        )
        for user in (found.users if found is not None else ())
    )
