r"""The registry of a Windows guest: which hive file holds a key, and reading it.

A key is named as in regedit: ``HKLM\SOFTWARE\...``, ``HKEY_USERS\.DEFAULT``, ``HKU\S-1-5-21-...``, ``HKU\alice``.
``CurrentControlSet``, which only a running Windows has, stands for the one that boots next.

Where Windows keeps its hives: "Registry Hives" (learn.microsoft.com), virt-win-reg(1).
"""

from __future__ import annotations

import ntpath
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from imgtools.change.reg_text import hive_name
from imgtools.engine.hive import Hive, HiveKey, HiveState, open_hive
from imgtools.engine.hive_log import MAX_LOG, SECTOR, read_base_block
from imgtools.engine.regvalue import RegistryType, RegistryValue
from imgtools.errors import HostError, NoSuchGuestFile, NoSuchRegistryKey, OddGuest, UsageError
from imgtools.files.host_folder import HostFolder
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader, GuestTree
from imgtools.records.request import Engine
from imgtools.records.system import Warned

__all__ = [
    "Hive",
    "HiveKey",
    "HivePlace",
    "HiveState",
    "Registry",
    "RegistryType",
    "RegistryValue",
    "open_registry",
]

MACHINE = "HKEY_LOCAL_MACHINE"
USERS = "HKEY_USERS"
SHORT_NAMES = {
    "HKLM": MACHINE,
    "HKU": USERS,
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKCU": "HKEY_CURRENT_USER",
    "HKCC": "HKEY_CURRENT_CONFIG",
}
MACHINE_HIVES = ("SAM", "SECURITY", "SOFTWARE", "SYSTEM", "COMPONENTS", "DRIVERS")
BOOT_HIVE = "BCD00000000"
# On the system volume, which has no letter; who wants it mounts it at /S:, as `mountvol S: /S` does.
BOOT_VOLUME = "/S:"
BOOT_FILES = ("/EFI/Microsoft/Boot/BCD", "/Boot/BCD")
BOOT_HIVE_PATHS = (*BOOT_FILES, *(f"{BOOT_VOLUME}{path}" for path in BOOT_FILES))
PROFILE_LIST = rf"{MACHINE}\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
SERVICE_ACCOUNTS = {"localsystem": "S-1-5-18", "localservice": "S-1-5-19", "networkservice": "S-1-5-20"}
NEW_USERS = (
    "Default",
    "Default User",
)  # the folder that a new user's hive is copied from, since Vista and before
HOMES = ("/Users", "/Documents and Settings")
# Below a home: the per-user part of HKEY_CLASSES_ROOT, since Vista and before.
CLASSES = (
    "AppData/Local/Microsoft/Windows/UsrClass.dat",
    "Local Settings/Application Data/Microsoft/Windows/UsrClass.dat",
)


class HivePlace(NamedTuple):
    """Where a key is kept: the hive file, and the key's path in it."""

    prefix: str  # what regedit calls the hive's root: HKEY_LOCAL_MACHINE\SOFTWARE
    path: str  # the hive's file in the guest, as the guest spells it
    key: str  # below the hive's root; "" is the root itself

    @property
    def name(self) -> str:
        """The key's full name, as regedit writes it."""
        return rf"{self.prefix}\{self.key}" if self.key else self.prefix


class Profile(NamedTuple):
    """A user's entry in the ProfileList."""

    sid: str
    image_path: str  # as Windows has it, such as C:\Users\alice
    home: str  # the same as a guest path


class Registry:
    """The registry of one Windows guest; hives are opened when they are needed, and once."""

    def __init__(self, files: GuestReader, systemroot: str, stack: ExitStack) -> None:
        self.files = files
        self.systemroot = systemroot
        self._stack = stack
        self._hives: dict[str, Hive] = {}
        self._refused: dict[str, OddGuest] = {}
        self._warnings: list[Warned] = []

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What is odd about the hives that were opened so far."""
        return tuple(self._warnings)

    # -- keys ----------------------------------------------------------------------------------------------

    def find(self, name: str) -> HiveKey | None:
        """Return the key ``name``, or None if it, or the hive that would hold it, is not there.

        :raises OddGuest: the hive is damaged.
        """
        try:
            place = self.place(name)
        except NoSuchGuestFile:
            return None
        return self.hive(place.path).key(place.key)

    def require(self, name: str) -> tuple[HivePlace, HiveKey]:
        """Return the key ``name`` and where it is kept.

        :raises NoSuchRegistryKey: no such key; the message names the last part that is there.
        :raises NoSuchGuestFile: no such hive.
        :raises UsageError: not a name of a key.
        """
        place = self.place(name)
        found = self.hive(place.path).key(place.key)
        if found is None:
            raise NoSuchRegistryKey(
                f"no such registry key: {place.name}", path=place.name, hint=self._nearest(place)
            )
        return place, found

    def _nearest(self, place: HivePlace) -> str:
        here = self.hive(place.path).root
        for part in place.key.split("\\"):
            below = here.subkey(part)
            if below is None:
                break
            here = below
        return "there is " + (rf"{place.prefix}\{here.path}" if here.path else place.prefix)

    def text(self, key: str, value: str) -> str:
        """Return the string ``value`` of the key ``key``; "" if either is not there."""
        found = self.find(key)
        return found.text(value) if found is not None else ""

    def number(self, key: str, value: str) -> int | None:
        """Return the number ``value`` of the key ``key``; None if either is not there."""
        found = self.find(key)
        return found.number(value) if found is not None else None

    # -- hives ---------------------------------------------------------------------------------------------

    def hive(self, path: str) -> Hive:
        """Return the hive in the file ``path``, opened at its first use.

        :raises OddGuest: it is damaged, or no hive.
        """
        path = self.files.resolve(path)
        if path in self._refused:
            raise self._refused[path]
        if path not in self._hives:
            try:
                self._hives[path] = self._open(path)
            except OddGuest as error:
                self._refused[path] = error  # a large damaged hive is not copied once for each question
                raise
        return self._hives[path]

    def _open(self, path: str) -> Hive:
        with self.files.open(path) as stream:
            base = read_base_block(stream.read(SECTOR))
            logs = self._logs(path) if base is not None and base.dirty else []
            stream.seek(0)
            hive = self._stack.enter_context(open_hive(stream, path, logs))
        if hive.state.dirty:
            self._warnings.append(Warned(_dirty_text(hive.state), path))
        return hive

    def _logs(self, path: str) -> list[bytes]:
        """Return the contents of the hive's transaction logs; a log too large to be one counts as none."""
        found = []
        for ending in (".LOG1", ".LOG2", ".LOG"):
            if self.files.is_file(path + ending) and self.files.stat(path + ending).size <= MAX_LOG:
                found.append(self.files.read_bytes(path + ending, limit=MAX_LOG))
        return found

    def hives(self) -> tuple[HivePlace, ...]:
        """Return every hive that the guest has, the machine's first, then those of its users."""
        names = [rf"{MACHINE}\{name}" for name in (*MACHINE_HIVES, BOOT_HIVE)] + [rf"{USERS}\.DEFAULT"]
        try:
            profiles = self.profiles()
        except OddGuest:  # SOFTWARE is damaged, which whoever opens it will see
            profiles = ()
        for profile in profiles:
            names += [rf"{USERS}\{profile.sid}", rf"{USERS}\{profile.sid}_Classes"]
        found: dict[str, HivePlace] = {}
        for name in names:
            try:
                place = self.place(name)
            except NoSuchGuestFile:
                continue
            found.setdefault(place.path, place)
        for name in NEW_USERS:
            for path in (join(base, f"{name}/NTUSER.DAT") for base in HOMES):
                if self.files.is_file(path):
                    place = HivePlace(rf"{USERS}\{name}", self.files.resolve(path), "")
                    found.setdefault(place.path, place)
        return tuple(found.values())

    # -- names ---------------------------------------------------------------------------------------------

    def place(self, name: str) -> HivePlace:
        """Return where the key ``name`` is kept, whether or not the key itself is there.

        :raises UsageError: it is no name of a key, or one that only a running Windows has.
        :raises NoSuchGuestFile: the guest has no such hive.
        """
        root, parts = split_name(name)
        if root == "HKEY_CLASSES_ROOT":
            root, parts = MACHINE, ["SOFTWARE", "Classes", *parts]
        if root not in (MACHINE, USERS):
            raise UsageError(
                f"{root} is made while a user is logged on",
                hint=r"name the user: HKU\alice, or HKU\S-1-5-21-...",
            )
        if not parts:
            raise UsageError(f"{root} is no key of one hive", hint=rf"say which: {root}\{_examples(root)}")
        if root == USERS:
            return self._user_place(parts[0], "\\".join(parts[1:]))
        return self._machine_place(parts[0].upper(), parts[1:])

    def _machine_place(self, hive: str, parts: list[str]) -> HivePlace:
        if hive not in (*MACHINE_HIVES, BOOT_HIVE):
            raise UsageError(
                rf"no hive holds {MACHINE}\{hive}", hint=f"there are {', '.join((*MACHINE_HIVES, BOOT_HIVE))}"
            )
        if hive == "SYSTEM" and parts and parts[0].casefold() == "currentcontrolset":
            parts = [self.control_set, *parts[1:]]
        paths = BOOT_HIVE_PATHS if hive == BOOT_HIVE else (self._config(hive),)
        return HivePlace(rf"{MACHINE}\{hive}", self._first(paths, rf"{MACHINE}\{hive}"), "\\".join(parts))

    def _config(self, name: str) -> str:
        return join(self.systemroot, f"System32/config/{name}")

    def _first(self, paths: tuple[str, ...], name: str) -> str:
        for path in paths:
            if self.files.is_file(path):
                return self.files.resolve(path)
        raise NoSuchGuestFile(
            f"the guest has no hive for {name}: no file {paths[0]}",
            path=paths[0],
            hint="these hives are there: imgtools registry list",
        )

    @property
    def control_set(self) -> str:
        """The control set that the next boot uses, such as ``ControlSet001``."""
        number = self.number(rf"{MACHINE}\SYSTEM\Select", "Current")
        return f"ControlSet{number if number is not None else 1:03d}"

    # -- users ---------------------------------------------------------------------------------------------

    def _user_place(self, user: str, key: str) -> HivePlace:
        """Return the hive of a user named by SID, ``SID_Classes``, account or profile folder."""
        named, classes, _ = (
            user.partition("_Classes") if user.casefold().endswith("_classes") else (user, "", "")
        )
        sid = SERVICE_ACCOUNTS.get(named.casefold(), named)
        # HKU\S-1-5-18 and HKU\.DEFAULT are the same hive.
        if sid.casefold() in (".default", "s-1-5-18"):
            return HivePlace(rf"{USERS}\.DEFAULT", self._first((self._config("DEFAULT"),), user), key)
        for profile in self.profiles():
            if sid.casefold() in (profile.sid.casefold(), profile.home.rpartition("/")[2].casefold()):
                return self._profile_place(profile.sid, profile.home, bool(classes), key)
        homes = [join(base, named) for base in HOMES if "/" not in named and named not in ("", ".", "..")]
        home = next((home for home in homes if self.files.is_dir(home)), None)
        if home is None:
            known = ", ".join(profile.home.rpartition("/")[2] for profile in self.profiles()) or "nobody"
            raise NoSuchGuestFile(
                f"the guest has no user {named}", path=user, hint=f"it has profiles of {known}"
            )
        return self._profile_place(named, home, bool(classes), key)

    def _profile_place(self, sid: str, home: str, classes: bool, key: str) -> HivePlace:
        names = CLASSES if classes else ("NTUSER.DAT",)
        name = rf"{USERS}\{sid}" + ("_Classes" if classes else "")
        return HivePlace(name, self._first(tuple(join(home, one) for one in names), name), key)

    def profiles(self) -> tuple[Profile, ...]:
        """Return the users that have a profile, in the order of their SIDs."""
        key = self.find(PROFILE_LIST)
        found = []
        for below in key.subkeys() if key is not None else ():
            image_path = below.text("ProfileImagePath")
            if image_path:
                found.append(Profile(below.name, image_path, self.guest_path(image_path)))
        return tuple(found)

    def guest_path(self, text: str) -> str:
        r"""Return the guest path for a path in the registry: ``%SystemRoot%\x``, ``C:\x``, ``\SystemRoot\x``.

        Every drive is taken for the system's own: hives and profiles of others are not looked for.
        """
        path = text.replace("/", "\\").removeprefix("\\??\\")
        folded = path.casefold()
        for start in ("%systemroot%", "\\systemroot", "%windir%"):
            if folded.startswith(start):
                return join(self.systemroot, path[len(start) :].strip("\\").replace("\\", "/"))
        if folded.startswith("%systemdrive%"):
            path = path[len("%systemdrive%") :]
        return "/" + ntpath.splitdrive(path)[1].strip("\\").replace("\\", "/")


class BareHive(Registry):
    """A hive of the host in place of a guest's registry: keys are those below its root.

    :param files: the folder that it is in.
    :param name: its name there.
    """

    def __init__(self, files: GuestReader, name: str, stack: ExitStack) -> None:
        super().__init__(files, "", stack)
        self._path = f"/{name}"

    def place(self, name: str) -> HivePlace:
        r"""Return a key of the hive; what Windows calls its root may stand in front: ``HKLM\SOFTWARE``, ``HKCU``."""
        prefix = hive_name(self._path)
        try:
            root, parts = split_name(name)
        except UsageError:
            return HivePlace(prefix, self._path, "\\".join(part for part in name.split("\\") if part))
        above = 1 if root in (MACHINE, USERS) else 0
        return HivePlace(prefix, self._path, "\\".join(parts[above:]))

    def hives(self) -> tuple[HivePlace, ...]:
        """Return the one hive."""
        return (self.place(""),)


@contextmanager
def open_bare_hive(host_path: Path) -> Iterator[BareHive]:
    """Open a hive of the host for reading.

    :raises HostError: there is no such file.
    """
    if not host_path.is_file():
        raise HostError(f"no such file: {host_path}", hint="--hive is for a registry hive of this host")
    folder = host_path.absolute().parent
    with ExitStack() as stack:
        yield BareHive(GuestTree({"/": HostFolder(folder)}, Engine.DIRECT), host_path.name, stack)


@contextmanager
def open_registry(files: GuestReader, systemroot: str) -> Iterator[Registry]:
    """Open the registry of the Windows in ``systemroot`` for reading; hives are closed at the end."""
    with ExitStack() as stack:
        yield Registry(files, systemroot, stack)


def split_name(name: str) -> tuple[str, list[str]]:
    r"""Split the name of a key into its root, in full, and the parts below it.

    ``HKLM:\X`` (PowerShell), ``Computer\HKEY_...`` (regedit) and, where there is no ``\``, ``HKLM/X`` do too.

    :raises UsageError: it does not begin with a root.
    """
    text = name if "\\" in name else name.replace("/", "\\")
    parts = [part for part in text.split("\\") if part]
    if parts and parts[0].casefold() == "computer":
        parts = parts[1:]
    root = parts[0].upper().removesuffix(":") if parts else ""
    root = SHORT_NAMES.get(root, root)
    if root not in SHORT_NAMES.values():
        raise UsageError(
            f"not the name of a registry key: {name!r}",
            hint=r"as in regedit: 'HKLM\SOFTWARE\Microsoft', 'HKU\alice'",
        )
    return root, parts[1:]


def _examples(root: str) -> str:
    return "SOFTWARE" if root == MACHINE else ".DEFAULT"


def _dirty_text(state: HiveState) -> str:
    if state.replayed:
        return f"registry hive was not closed cleanly: {state.replayed} log records were applied to what is shown"
    return "registry hive was not closed cleanly, and its log does not fit: what is shown may be out of date"
