"""A Windows Server in memory, sound in every way that repairs look at; tests break it in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from imgtools.change.change import Change
from imgtools.change.describe import summarise
from imgtools.change.sequence import ChangeSequence
from imgtools.files.tree import GuestTree
from imgtools.guest.guest import Guest
from imgtools.ops.operation import load_shelf, make_params
from imgtools.records.disks import Disk, Holder, Layout, Mount, Partition, Volume
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType
from tests.support import accounts
from tests.support import boot_store as bcd
from tests.support.hives import Data, Keys, make_hive
from tests.support.memory import Content, MemoryFilesystem
from tests.support.windows import SOFTWARE, windows_tree

SHELF = load_shelf("imgtools.ops.repair")
CONFIG = "/Windows/System32/config"
DRIVERS = "/Windows/System32/drivers"
STORE = "/S:/EFI/Microsoft/Boot/BCD"
SERVICES = r"ControlSet001\Services"
DISK, ESP, ROOT, RE = (f"D0D0D0D0-0008-4000-8000-0000000001{end}" for end in ("00", "01", "03", "04"))
DISKS = r"ControlSet001\Control\Class\{4d36e967-e325-11ce-bfc1-08002be10318}"
FIREWALL = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy"
SYSTEM: Keys = {
    "Select": {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 1},
    r"ControlSet001\Control\Session Manager": {"BootExecute": ["autocheck autochk *"]},
    r"ControlSet001\Control\Terminal Server": {"fDenyTSConnections": 0},
    DISKS: {"UpperFilters": ["partmgr"]},
    rf"{SERVICES}\Tcpip\Parameters": {"Hostname": "server"},
    rf"{SERVICES}\Tcpip\Parameters\Interfaces\{{1}}": {"EnableDHCP": 1},
    rf"{SERVICES}\Dhcp": {"Start": 2, "Type": 0x20},
    rf"{SERVICES}\TermService": {"Start": 3, "Type": 0x20},
    rf"{SERVICES}\partmgr": {"Start": 0, "Type": 1, "ImagePath": r"System32\drivers\partmgr.sys"},
    rf"{SERVICES}\storahci": {"Start": 0, "Type": 1, "ImagePath": r"System32\drivers\storahci.sys"},
    rf"{FIREWALL}\DomainProfile": {"EnableFirewall": 0},
    rf"{FIREWALL}\FirewallRules": {"CoreNet-DHCP-In": "v2.31|Action=Allow|Active=FALSE|Dir=In|"},
}
SAM = accounts.sam_keys(
    (500, "Administrator", accounts.facts(500), accounts.words("Administrator")),
    (501, "Gast", accounts.facts(501, flags=0x11), accounts.words("Gast", hashed=accounts.NO_PASSWORD)),
    (1000, "operator", accounts.facts(1000), accounts.words("operator")),
)
BOOT = bcd.boot_keys(*(bcd.gpt(one, DISK) for one in (ESP, ROOT, RE)))
FILES: Mapping[str, Content] = {
    "/Windows/System32/winload.efi": "MZ",
    f"{DRIVERS}/partmgr.sys": "MZ",
    f"{DRIVERS}/storahci.sys": "MZ",
}
VOLUME = Volume("/dev/sda3", Holder.PARTITION, 1 << 30, "ntfs")
BOOT_VOLUME = Volume("/dev/sda1", Holder.PARTITION, 1 << 26, "vfat")


def gpt_layout(disk: str = DISK, esp: str = ESP, root: str = ROOT, recovery: str = RE) -> Layout:
    """A disk with ESP, MSR, C: and the recovery partition."""
    kinds = {1: ("esp", esp), 2: ("msr", "X"), 3: ("data", root)}
    kinds[4] = ("DE94BBA4-06D1-4D40-A16A-BFD50179D6AC", recovery)
    parts = [Partition(f"/dev/sda{n}", n, n << 20, 1 << 20, kind, id=one) for n, (kind, one) in kinds.items()]
    return Layout((Disk("/dev/sda", 1 << 30, table="gpt", table_id=disk, partitions=tuple(parts)),))


def server(
    *,
    system: Keys | None = None,
    software: Keys | None = None,
    boot: Keys | None = BOOT,
    files: Mapping[str, Content] | None = None,
    sam: Keys = SAM,
    layout: Layout | None = None,
) -> Guest:
    """The guest, with what is different. ``boot`` None: it has no boot configuration."""
    readers = server_filesystems(system=system, software=software, boot=boot, files=files, sam=sam)
    os = OsInfo(OsType.WINDOWS, "windows", ("windows",), arch="x86_64", windows_systemroot="/Windows")
    mounts = (Mount("/", VOLUME), Mount("/S:", BOOT_VOLUME))
    return Guest(
        VOLUME, os, mounts, GuestTree(readers, Engine.MEMORY), layout=layout if layout else gpt_layout()
    )


def server_filesystems(
    *,
    system: Keys | None = None,
    software: Keys | None = None,
    boot: Keys | None = BOOT,
    files: Mapping[str, Content] | None = None,
    sam: Keys = SAM,
) -> dict[str, MemoryFilesystem]:
    """The filesystems of the guest, by where they are mounted, with what is different."""
    hives: dict[str, Content] = {
        f"{CONFIG}/SAM": make_hive(sam, "SAM"),
        f"{CONFIG}/SECURITY": make_hive({"Policy": {}}, "SECURITY"),
        f"{CONFIG}/COMPONENTS": make_hive({"DerivedData": {}}, "COMPONENTS"),
    }
    tree = windows_tree({**SOFTWARE, **(software or {})}, {**SYSTEM, **(system or {})}, {**hives, **FILES})
    tree |= files or {}
    esp: dict[str, Content] = {STORE[3:]: make_hive(boot, "BCD")} if boot is not None else {}
    return {
        "/": MemoryFilesystem(tree, ignores_case=True),
        "/S:": MemoryFilesystem(esp, ignores_case=True),
    }


def planned(name: str, guest: Guest, /, **settings: str) -> tuple[Change, ...]:
    """What a repair wants of a guest; what it lacks is an error of the test."""
    shelved = SHELF[name]
    assert shelved.operation.lacking(guest) == ""
    return tuple(shelved.operation.plan(guest, make_params(shelved, settings)))


def mended(name: str, guest: Guest, /, **settings: str) -> tuple[list[str], Guest]:
    """What a repair does, in the words in which it is shown, and the guest afterwards; it does nothing to that."""
    changes = planned(name, guest, **settings)
    sequence = ChangeSequence(guest.files)
    sequence.add(changes)
    after = replace(guest, files=sequence.files)
    assert planned(name, after, **settings) == ()
    return sorted(summarise(one).partition(" (")[0] for one in changes), after


def element(number: int, data: Data, of: str = bcd.WINDOWS) -> Keys:
    """A boot configuration's element, beside the others."""
    return {**BOOT, rf"Objects\{of}\Elements\{number:08x}": {"Element": data}}
