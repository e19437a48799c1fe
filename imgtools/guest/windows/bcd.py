r"""The boot configuration of Windows since Vista: which entries there are, what they start, and from which partition.

It is a registry hive (BCD): ``Objects\{id}\Description`` says what kind of thing an object is, ``Objects\{id}\Elements\
12000004`` holds one of its elements in the value ``Element``. The upper byte of an element's number is its class and
the format of its data.

Sources: "Boot Configuration Data (BCD) Reference": BcdLibraryElementTypes, BcdBootMgrElementTypes,
BcdOSLoaderElementTypes (learn.microsoft.com); "BCD Elements" and "BCD Objects" (geoffchappell.com); for the bytes of a
device ReactOS' boot/environ/include/bl.h (BL_DEVICE_DESCRIPTOR, BL_LOCAL_DEVICE, BL_HARDDISK_DEVICE).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from imgtools.change.change import Change, RegistryRemoveKey, RegistrySet
from imgtools.engine.hive import Hive, HiveKey
from imgtools.engine.regvalue import RegistryValue
from imgtools.errors import OddGuest, shorten
from imgtools.guest.windows.boot_device import BootDevice, parse_device
from imgtools.guest.windows.registry import BOOT_HIVE, MACHINE, Registry

# -- objects that have the same id everywhere ("BCD Objects") ----------------------------------------------------

BOOT_MANAGER = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
MEMORY_TEST = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
GLOBAL_SETTINGS = "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"
LOADER_SETTINGS = "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
RESUME_SETTINGS = "{1afa9c49-16ab-4a5c-901b-212802da9460}"
EMS_SETTINGS = "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}"
DEBUGGER_SETTINGS = "{4636856e-540f-4170-a130-a84776f4c654}"
# Kinds of objects: type 1 is an application, with the image that it is; 2 what others inherit.
MANAGER_TYPE, LOADER_TYPE, RESUME_TYPE, TEST_TYPE = 0x10100002, 0x10200003, 0x10200004, 0x10200005
SETTINGS_TYPE = 0x20100000
KINDS = {
    0x10100001: "firmware boot manager",
    MANAGER_TYPE: "boot manager",
    LOADER_TYPE: "loader",
    RESUME_TYPE: "resume",
    TEST_TYPE: "memory test",
    0x10300006: "ntldr",
    0x10400008: "boot sector",
    0x1020000A: "application",
}

# -- elements ----------------------------------------------------------------------------------------------------

DEVICE = 0x11000001  # of the program
PATH = 0x12000002
DESCRIPTION = 0x12000004
LOCALE = 0x12000005
INHERITS = 0x14000006
RECOVERY_SEQUENCE = 0x14000008
RECOVERY_ENABLED = 0x16000009
BOOT_EMS = 0x16000020  # in the boot manager and the loader themselves
EMS_PORT = 0x15000022
EMS_BAUD = 0x15000023
# Of the boot manager.
DISPLAY_ORDER = 0x24000001
BOOT_SEQUENCE = 0x24000002  # for the next boot only
DEFAULT = 0x23000003
TIMEOUT = 0x25000004
# Of a loader.
OS_DEVICE = 0x21000001  # of a resume object: where hiberfil.sys is
SYSTEM_ROOT = 0x22000002
RESUME_OBJECT = 0x23000003
SAFE_BOOT = 0x25000080
SAFE_BOOT_SHELL = 0x26000081  # cmd.exe in place of the desktop
BOOT_LOG = 0x26000090
EMS = 0x260000B0  # of the kernel, which the console SAC talks through
BOOT_STATUS_POLICY = 0x250000E0
IGNORE_ALL_FAILURES = 1  # BcdOSLoader_BootStatusPolicy
SAFE_BOOT_MODES = ("minimal", "network", "dsrepair")  # BcdLibrary_SafeBoot: 0, 1, 2
# Of the options of a device, a ramdisk's.
SDI_DEVICE = 0x31000003
DEVICE_FORMAT = 1
# What bcdedit calls the elements that are changed here.
WORDS = {
    DEVICE: "device",
    OS_DEVICE: "osdevice",
    SDI_DEVICE: "ramdisksdidevice",
    INHERITS: "inherit",
    RECOVERY_ENABLED: "recoveryenabled",
    BOOT_EMS: "bootems",
    EMS_PORT: "emsport",
    EMS_BAUD: "emsbaudrate",
    SAFE_BOOT: "safeboot",
    SAFE_BOOT_SHELL: "safebootalternateshell",
    BOOT_LOG: "bootlog",
    EMS: "ems",
    BOOT_STATUS_POLICY: "bootstatuspolicy",
}
NAMED = {
    BOOT_MANAGER: "{bootmgr}",
    MEMORY_TEST: "{memdiag}",
    GLOBAL_SETTINGS: "{globalsettings}",
    LOADER_SETTINGS: "{bootloadersettings}",
    RESUME_SETTINGS: "{resumeloadersettings}",
    EMS_SETTINGS: "{emssettings}",
    DEBUGGER_SETTINGS: "{dbgsettings}",
}

MAX_OBJECTS = 10_000  # a machine has some 20
MAX_INHERITED = 100  # objects that one inherits from, in all


@dataclass(frozen=True, slots=True)
class BootObject:
    """One object: ``id`` with its braces in lower case, ``key`` as the hive spells it, elements as they are stored."""

    id: str
    key: str
    type: int
    elements: Mapping[int, RegistryValue] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What it is, in words; "" if it is nothing that starts something."""
        return KINDS.get(self.type, "")

    def text(self, element: int) -> str:
        """Return a text or the id of an object; "" if the object has no such element."""
        found = self.elements.get(element)
        return (found.text or "") if found is not None else ""

    def number(self, element: int) -> int | None:
        """Return an integer (8 bytes; Windows reads fewer too); None if the object has no such element."""
        found = self.elements.get(element)
        return int.from_bytes(found.data[:8], "little") if found is not None and found.data else None

    def flag(self, element: int) -> bool | None:
        """Return a boolean (1 byte); None if the object has no such element."""
        found = self.elements.get(element)
        return found.data[0] != 0 if found is not None and found.data else None

    def ids(self, element: int) -> tuple[str, ...]:
        """Return a list of objects' ids, in lower case; none if the object has no such element."""
        found = self.elements.get(element)
        return tuple(one.lower() for one in found.texts or ()) if found is not None else ()

    def device(self, element: int) -> BootDevice | None:
        """Return a device; None if the object has no such element, or it is cut short."""
        found = self.elements.get(element)
        return parse_device(found.data) if found is not None else None

    @property
    def devices(self) -> Iterator[tuple[int, BootDevice]]:
        """Every element that is a device, and it."""
        for element in sorted(self.elements):
            if element >> 24 & 0xF == DEVICE_FORMAT and (found := self.device(element)) is not None:
                yield element, found


@dataclass(frozen=True, slots=True)
class BootStore:
    """All objects of a boot configuration, by id. ``path`` is the hive's file in the guest."""

    path: str
    objects: Mapping[str, BootObject]

    @property
    def manager(self) -> BootObject | None:
        """The boot manager."""
        return self.objects.get(BOOT_MANAGER)

    @property
    def default(self) -> str:
        """The id of the entry that starts if nobody chooses; "" if none is named, or it is not there."""
        if self.manager is None:
            return ""
        named = self.manager.text(DEFAULT).lower() or next(iter(self.manager.ids(DISPLAY_ORDER)), "")
        return named if named in self.objects else ""

    @property
    def loaders(self) -> tuple[BootObject, ...]:
        """The entries that start a Windows: in the order of the menu, then those that are not in it."""
        found = [one for one in self.objects.values() if one.type == LOADER_TYPE]
        return self.in_order(found)

    def in_order(self, found: Iterable[BootObject]) -> tuple[BootObject, ...]:
        """Return objects in the order of the menu, those that are not in it last."""
        menu = self.menu
        return tuple(sorted(found, key=lambda one: menu.get(one.id, len(menu))))

    @property
    def menu(self) -> Mapping[str, int]:
        """The ids of the entries that the boot menu shows, and their places in it."""
        ids = self.manager.ids(DISPLAY_ORDER) if self.manager is not None else ()
        return {one: place for place, one in enumerate(dict.fromkeys(ids))}

    def inherited(self, start: BootObject) -> Iterator[BootObject]:
        """Yield an object and those that it inherits elements from, the nearest first, each once."""
        todo, seen = deque([start.id]), set[str]()
        while todo and len(seen) < MAX_INHERITED:
            here = self.objects.get(todo.popleft())
            if here is None or here.id in seen:
                continue
            seen.add(here.id)
            yield here
            todo += here.ids(INHERITS)[:MAX_INHERITED]

    def flag(self, start: BootObject, element: int) -> bool | None:
        """Return a boolean of an object, or of the nearest that it inherits from."""
        found = (one.flag(element) for one in self.inherited(start))
        return next((one for one in found if one is not None), None)

    def number(self, start: BootObject, element: int) -> int | None:
        """Return an integer of an object, or of the nearest that it inherits from."""
        found = (one.number(element) for one in self.inherited(start))
        return next((one for one in found if one is not None), None)


@dataclass(frozen=True, slots=True)
class BootEntry:
    """One entry that starts something, with what it inherits. None means that it does not say."""

    id: str
    kind: str  # loader, resume, memory test, boot manager ...
    description: str
    device: BootDevice | None  # where the program is
    path: str  # of the program on it: \Windows\system32\winload.efi
    os_device: BootDevice | None  # where Windows is
    system_root: str  # its folder there: \Windows
    is_default: bool
    in_menu: bool
    safe_boot: str = ""  # minimal, network, dsrepair; "" is an ordinary boot
    boot_log: bool | None = None
    ems: bool | None = None
    recovery_enabled: bool | None = None
    boot_status_policy: int | None = None


def read_store(hive: Hive) -> BootStore:
    """Read a whole boot configuration.

    :raises OddGuest: the hive is damaged, or is no boot configuration.
    """
    objects = hive.key("Objects")
    if objects is None:
        raise OddGuest(f"no boot configuration: {hive.name} has no key Objects")
    if objects.subkey_count > MAX_OBJECTS:
        raise OddGuest(f"{hive.name} has {objects.subkey_count} boot objects, more than {MAX_OBJECTS}")
    read = [_read_object(one) for one in objects.subkeys()]
    return BootStore(hive.name, {one.id: one for one in read})


def _read_object(key: HiveKey) -> BootObject:
    description, elements = key.subkey("Description"), key.subkey("Elements")
    found: dict[int, RegistryValue] = {}
    for one in elements.subkeys() if elements is not None else ():
        value = one.value("Element")
        if value is not None and (number := _hexadecimal(one.name)) is not None:
            found[number] = value
    kind = description.number("Type") if description is not None else None
    return BootObject(key.name.lower(), key.name, kind or 0, found)


def _hexadecimal(name: str) -> int | None:
    try:
        return int(name, 16)
    except ValueError:
        return None


def boot_store(registry: Registry) -> BootStore | None:
    """Return the boot configuration of a guest; None if it has none (Windows XP and older).

    The guest has to be one of :func:`imgtools.guest.windows.boot_volume.with_boot_volume`: the hive is on a volume
    without a letter.

    :raises OddGuest: it is damaged.
    """
    name = rf"{MACHINE}\{BOOT_HIVE}"
    root = registry.find(name)
    return read_store(registry.hive(registry.place(name).path)) if root is not None else None


def boot_entries(registry: Registry) -> tuple[BootEntry, ...]:
    """Return what the boot manager can start, in the order of its menu, then the rest; none without a configuration.

    :raises OddGuest: the boot configuration is damaged.
    """
    store = boot_store(registry)
    return entries_of(store) if store is not None else ()


def entries_of(store: BootStore) -> tuple[BootEntry, ...]:
    """Return the entries of a boot configuration, as :func:`boot_entries`."""
    wanted = store.in_order(one for one in store.objects.values() if one.kind)
    menu, default = store.menu, store.default
    return tuple(_entry(store, one, in_menu=one.id in menu, is_default=one.id == default) for one in wanted)


def _entry(store: BootStore, one: BootObject, *, in_menu: bool, is_default: bool) -> BootEntry:
    mode = store.number(one, SAFE_BOOT)
    return BootEntry(
        id=one.id,
        kind=one.kind,
        description=one.text(DESCRIPTION),
        device=one.device(DEVICE),
        path=one.text(PATH),
        os_device=one.device(OS_DEVICE) if one.type in (LOADER_TYPE, RESUME_TYPE) else None,
        system_root=one.text(SYSTEM_ROOT) if one.type == LOADER_TYPE else "",
        is_default=is_default,
        in_menu=in_menu,
        safe_boot=SAFE_BOOT_MODES[mode] if mode is not None and mode < len(SAFE_BOOT_MODES) else "",
        boot_log=store.flag(one, BOOT_LOG),
        ems=store.flag(one, EMS),
        recovery_enabled=store.flag(one, RECOVERY_ENABLED),
        boot_status_policy=store.number(one, BOOT_STATUS_POLICY),
    )


# -- changes -----------------------------------------------------------------------------------------------------


def set_flag(store: BootStore, one: BootObject, element: int, value: bool) -> Iterator[Change]:
    """Yield what gives an object a boolean, if it has not got it."""
    if one.flag(element) is not value:
        yield _set(store, one, element, bytes([value]), "yes" if value else "no")


def set_number(store: BootStore, one: BootObject, element: int, value: int) -> Iterator[Change]:
    """Yield what gives an object an integer, if it has not got it."""
    if one.number(element) != value:
        yield _set(store, one, element, struct.pack("<Q", value), str(value))


def set_bytes(store: BootStore, one: BootObject, element: int, data: bytes) -> Iterator[Change]:
    """Yield what gives an object a device, if it has not got it."""
    if element not in one.elements or one.elements[element].data != data:
        device = parse_device(data)
        yield _set(store, one, element, data, device.words if device is not None else "")


def set_ids(store: BootStore, one: BootObject, element: int, ids: Sequence[str]) -> Iterator[Change]:
    """Yield what gives an object a list of objects, if it has not got it."""
    if one.ids(element) != tuple(ids):
        key, what = element_key(one.key, element), _what(one, element, " ".join(NAMED.get(i, i) for i in ids))
        yield RegistrySet(store.path, key, "Element", "REG_MULTI_SZ", texts=tuple(ids), what=what)


def drop_element(store: BootStore, one: BootObject, element: int) -> Iterator[Change]:
    """Yield what takes an element away from an object that has it; what it inherits then counts."""
    if element in one.elements:
        yield RegistryRemoveKey(store.path, element_key(one.key, element))


def make_object(store: BootStore, identity: str, kind: int) -> tuple[BootObject, tuple[Change, ...]]:
    """Return an object, and what makes it if it is not there."""
    if identity in store.objects:
        return store.objects[identity], ()
    new = RegistrySet(store.path, rf"Objects\{identity}\Description", "Type", "REG_DWORD", number=kind)
    return BootObject(identity, identity, kind), (new,)


def element_key(identity: str, element: int) -> str:
    """Return the key of an element, below the hive's root."""
    return rf"Objects\{identity}\Elements\{element:08x}"


def _set(store: BootStore, one: BootObject, element: int, data: bytes, value: str) -> RegistrySet:
    key = element_key(one.key, element)
    return RegistrySet(store.path, key, "Element", "REG_BINARY", data=data, what=_what(one, element, value))


def _what(one: BootObject, element: int, value: str) -> str:
    """What an element means: "safeboot 1 of Windows Server"."""
    name = NAMED.get(one.id) or shorten(one.text(DESCRIPTION), 60) or one.id
    is_file = one.type == RESUME_TYPE and element == OS_DEVICE
    word = "filedevice" if is_file else WORDS.get(element, f"custom:{element:08x}")
    return f"{word} {value} of {name}"
