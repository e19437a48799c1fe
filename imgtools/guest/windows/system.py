r"""Windows guests: is this volume the root of one, and what its registry says of it.

The facts and their spelling follow libguestfs' inspection (daemon/inspect_fs_windows.ml), with its known mistakes
mended: Windows on ARM64 is ``aarch64``, and a hive that does not parse costs its facts, not the guest.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from imgtools.engine.regvalue import RegistryValue
from imgtools.errors import GuestFileError, OddGuest, ToolMissing
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.find.recognised import Recognised
from imgtools.guest.windows.drives import drive_mounts, find_drives
from imgtools.guest.windows.registry import MACHINE, Registry, open_registry
from imgtools.guest.windows.sam import WindowsUser, read_users
from imgtools.guest.windows.systemroot import find_systemroot
from imgtools.records.disks import Layout, Volume
from imgtools.records.packages import Application
from imgtools.records.system import OsInfo, OsType, Warned
from imgtools.units import parse_count

# Programs that tell the processor: system files may be stored compressed (CompactOS), then the next one is tried.
PROGRAMS = ("System32/cmd.exe", "System32/ntdll.dll", "System32/kernel32.dll", "explorer.exe")
# Machine of the COFF header ("PE Format", learn.microsoft.com) in libguestfs' words.
MACHINES = {0x14C: "i386", 0x8664: "x86_64", 0xAA64: "aarch64", 0x1C0: "arm", 0x1C4: "arm", 0x200: "ia64"}
PROCESSORS = {"x86": "i386", "amd64": "x86_64", "arm64": "aarch64", "arm": "arm", "ia64": "ia64"}
MAX_APPLICATIONS = 100_000

CURRENT_VERSION = rf"{MACHINE}\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
WINDOWS = rf"{MACHINE}\SOFTWARE\Microsoft\Windows\CurrentVersion"
UNINSTALL = (
    rf"{WINDOWS}\Uninstall",
    rf"{MACHINE}\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
)
CONTROL = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control"
TCPIP = rf"{MACHINE}\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
WINDOWS_11 = 22000  # the first build; its ProductName still says Windows 10

# (major, minor): client, server. Short ids of osinfo-db.
OSINFO = {
    (4, 0): ("winnt4.0", "winnt4.0"),
    (5, 0): ("win2k", "win2k"),
    (5, 1): ("winxp", "winxp"),
    (5, 2): ("winxp", "win2k3"),
    (6, 0): ("winvista", "win2k8"),
    (6, 1): ("win7", "win2k8r2"),
    (6, 2): ("win8", "win2k12"),
    (6, 3): ("win8.1", "win2k12r2"),
}
# Windows Server since 2016: the first build of each.
SERVERS = ((26100, "win2k25"), (20348, "win2k22"), (17763, "win2k19"), (14393, "win2k16"))


@dataclass(frozen=True, slots=True)
class WindowsDetails:
    """What else the registry tells of a Windows guest. Empty strings are facts not known."""

    edition: str = ""  # Professional, ServerStandard ...
    display_version: str = ""  # 22H2
    build: str = ""  # with the update revision: 19045.3803
    installed: int = 0  # nanoseconds since 1970
    timezone: str = ""  # Windows' own name: W. Europe Standard Time
    utc_offset: int | None = None  # minutes east of UTC, when the guest was last running
    domain: str = ""  # DNS or NetBIOS name of the domain, or the workgroup
    domain_joined: bool | None = None
    group_policy: bool = False  # whether group policies of a domain are applied
    hibernated: bool = False  # a memory image waits in hiberfil.sys


# -- recognising ---------------------------------------------------------------------------------------------


def recognise_windows(files: GuestReader, volume: Volume, layout: Layout) -> Recognised | None:
    """Return the Windows whose root is ``volume``, or None. A volume with only a boot manager is no root.

    A damaged hive, or no hivex on this host, leaves its facts out and is a warning.
    """
    systemroot = find_systemroot(files)
    if systemroot is None:
        return None
    with open_registry(files, systemroot) as registry:
        facts = _Facts(registry)
        os_info = facts.read_os()
        drives = facts.read_drives(layout, volume)
        warnings = (*registry.warnings, *facts.warnings)
    return Recognised(os_info, drive_mounts(drives, volume, layout), drives, warnings)


class _Facts:
    """Reads facts from one registry; what a damaged hive would have told is left out, with a warning."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._files = registry.files
        self.warnings: list[Warned] = []

    def _values(self, name: str) -> Mapping[str, RegistryValue]:
        """The values of a key by their names in lower case; none if the key is not there or not readable."""
        try:
            key = self._registry.find(name)
            return {value.name.lower(): value for value in key.values()} if key is not None else {}
        except (OddGuest, GuestFileError, ToolMissing) as error:
            self._warn(error.message)
            return {}

    def _subkeys(self, name: str) -> tuple[str, ...]:
        try:
            key = self._registry.find(name)
            return tuple(below.name for below in key.subkeys()) if key is not None else ()
        except (OddGuest, GuestFileError, ToolMissing) as error:
            self._warn(error.message)
            return ()

    def _warn(self, text: str) -> None:
        if Warned(text) not in self.warnings:
            self.warnings.append(Warned(text))

    def _text(self, key: str, *names: str) -> str:
        """The first of the named values that is there and not empty."""
        values = self._values(key)
        found = (values[name.lower()].text for name in names if name.lower() in values)
        return next((text.strip() for text in found if text and text.strip()), "")

    def _number(self, key: str, name: str) -> int | None:
        value = self._values(key).get(name.lower())
        return value.number if value is not None else None

    def _data(self, key: str) -> bytes:
        """The bytes of the key's default value."""
        value = self._values(key).get("")
        return value.data if value is not None else b""

    def read_os(self) -> OsInfo:
        major, minor = self._version()
        build = self._text(CURRENT_VERSION, "CurrentBuildNumber", "CurrentBuild")
        variant = self._text(CURRENT_VERSION, "InstallationType") or self._variant_of_old()
        product = self._text(CURRENT_VERSION, "ProductName")
        return OsInfo(
            OsType.WINDOWS,
            distro="windows",
            families=("windows",),
            product_name=product,
            product_variant=variant,
            major=major,
            minor=minor,
            arch=self._architecture(),
            hostname=self._text(TCPIP, "Hostname", "NV Hostname")
            or self._text(rf"{CONTROL}\ComputerName\ComputerName", "ComputerName"),
            build_id=build,
            osinfo=windows_osinfo((major, minor), variant, product, build),
            windows_systemroot=self._registry.systemroot,
            windows_current_control_set=self._control_set(),
        )

    def _control_set(self) -> str:
        number = self._number(rf"{MACHINE}\SYSTEM\Select", "Current")
        return "" if number is None else f"ControlSet{number:03d}"

    def _version(self) -> tuple[int, int]:
        """Major and minor version; since Windows 10 ``CurrentVersion`` stays 6.3 for old programs' sake."""
        major = self._number(CURRENT_VERSION, "CurrentMajorVersionNumber")
        if major is not None:
            return major, self._number(CURRENT_VERSION, "CurrentMinorVersionNumber") or 0
        match = re.match(r"(\d{1,4})\.(\d{1,4})", self._text(CURRENT_VERSION, "CurrentVersion"))
        return (int(match[1]), int(match[2])) if match else (0, 0)

    def _variant_of_old(self) -> str:
        """InstallationType for Windows before Vista, which has none: from the licence."""
        kind = self._text(rf"{CONTROL}\ProductOptions", "ProductType")
        return {"WinNT": "Client", "ServerNT": "Server", "LanmanNT": "Server"}.get(kind, "")

    def _architecture(self) -> str:
        for program in PROGRAMS:
            try:
                with self._files.open(join(self._registry.systemroot, program)) as stream:
                    machine = pe_architecture(stream)
            except GuestFileError:
                continue
            if machine:
                return machine
        processor = self._text(rf"{CONTROL}\Session Manager\Environment", "PROCESSOR_ARCHITECTURE")
        return PROCESSORS.get(processor.lower(), "unknown")

    def read_drives(self, layout: Layout, root: Volume) -> tuple[tuple[str, str], ...]:
        match = re.match(r"([A-Za-z]):", self._text(CURRENT_VERSION, "SystemRoot", "PathName"))
        letter = match[1].upper() if match else ""
        mounted = self._values(rf"{MACHINE}\SYSTEM\MountedDevices")
        return find_drives(mounted.values(), layout, (letter, root))

    def read_details(self) -> WindowsDetails:
        build, revision = (
            self._text(CURRENT_VERSION, "CurrentBuildNumber"),
            self._number(CURRENT_VERSION, "UBR"),
        )
        zone = rf"{CONTROL}\TimeZoneInformation"
        bias = self._number(zone, "ActiveTimeBias")
        domain, joined = self._domain()
        return WindowsDetails(
            edition=self._text(CURRENT_VERSION, "EditionID"),
            display_version=self._text(CURRENT_VERSION, "DisplayVersion", "ReleaseId"),
            build=f"{build}.{revision}" if build and revision is not None else build,
            installed=(self._number(CURRENT_VERSION, "InstallDate") or 0) * 10**9,
            timezone=self._text(zone, "TimeZoneKeyName", "StandardName"),
            utc_offset=None if bias is None else -(bias - 2**32 if bias >= 2**31 else bias),
            domain=domain,
            domain_joined=joined,
            group_policy=self._has_group_policy(),
            hibernated=self._is_hibernated(),
        )

    def _domain(self) -> tuple[str, bool | None]:
        """The domain, and whether the machine has joined it: then the domain's SID is in the LSA policy."""
        policy = rf"{MACHINE}\SECURITY\Policy"
        if not self._subkeys(policy):
            return self._text(TCPIP, "Domain", "NV Domain"), None
        names = (_lsa_string(self._data(rf"{policy}\{key}")) for key in ("PolDnDDN", "PolPrDmN"))
        name = next((name for name in names if name), "") or self._text(TCPIP, "Domain")
        # A SID of a domain has four sub-authorities: S-1-5-21-x-y-z.
        return name, len(self._data(rf"{policy}\PolPrDmS")) >= 24

    def _has_group_policy(self) -> bool:
        return any(name.startswith("{") for name in self._subkeys(rf"{WINDOWS}\Group Policy\History"))

    def _is_hibernated(self) -> bool:
        """Whether hiberfil.sys begins with the mark of a hibernated (or fast-started) system, as ntfs-3g checks."""
        if not self._files.is_file("/hiberfil.sys"):
            return False
        with self._files.open("/hiberfil.sys") as stream:
            return stream.read(4).lower() == b"hibr"


def pe_architecture(stream: BinaryIO) -> str:
    """Return the processor that a Windows program is for; "" if the file is no program."""
    head = stream.read(64)
    if len(head) < 64 or head[:2] != b"MZ":
        return ""
    stream.seek(struct.unpack_from("<I", head, 0x3C)[0])
    coff = stream.read(6)
    return MACHINES.get(int.from_bytes(coff[4:6], "little"), "") if coff[:4] == b"PE\0\0" else ""


def windows_osinfo(version: tuple[int, int], variant: str, product: str, build: str) -> str:
    """Return the short id of osinfo-db (``win10``, ``win2k19``), or ``unknown``."""
    server = "server" in variant.lower() or "server" in product.lower()
    number = parse_count(build) or 0
    if version[0] >= 10:
        if not server:
            return "win11" if number >= WINDOWS_11 else "win10"
        return next((name for first, name in SERVERS if number >= first), "unknown")
    found = OSINFO.get(version, ("unknown", "unknown"))[server]
    return "win2k3r2" if found == "win2k3" and "R2" in product else found


def _lsa_string(data: bytes) -> str:
    """A string as the LSA keeps it: length, room, offset, then UTF-16."""
    length = int.from_bytes(data[:2], "little")
    return data[8 : 8 + length].decode("utf-16-le", "replace").rstrip("\0") if len(data) >= 8 else ""


# -- more of a guest that was recognised -----------------------------------------------------------------------


def windows_details(files: GuestReader, os: OsInfo) -> tuple[WindowsDetails, tuple[Warned, ...]]:
    """Return further facts, and warnings about those that could not be read."""
    with open_registry(files, os.windows_systemroot) as registry:
        facts = _Facts(registry)
        return facts.read_details(), (*facts.warnings,)


def windows_applications(files: GuestReader, os: OsInfo) -> tuple[Application, ...]:
    """Return the installed programs: those with a DisplayName in the two Uninstall keys.

    :raises OddGuest: the SOFTWARE hive is damaged.
    """
    with open_registry(files, os.windows_systemroot) as registry:
        return tuple(_applications(registry))[:MAX_APPLICATIONS]


def _applications(registry: Registry) -> Iterator[Application]:
    for place in UNINSTALL:
        key = registry.find(place)
        for program in key.subkeys() if key is not None else ():
            texts = {value.name.lower(): value.text or "" for value in program.values()}
            if texts.get("displayname"):
                yield Application(
                    program.name,
                    version=texts.get("displayversion", ""),
                    display_name=texts["displayname"],
                    install_path=texts.get("installlocation", ""),
                    publisher=texts.get("publisher", ""),
                    url=texts.get("urlinfoabout", ""),
                    description=texts.get("comments", ""),
                )


def windows_users(files: GuestReader, os: OsInfo) -> tuple[WindowsUser, ...]:
    """Return the accounts of the guest; see :func:`imgtools.guest.windows.sam.read_users`.

    :raises OddGuest: a hive is damaged.
    """
    with open_registry(files, os.windows_systemroot) as registry:
        return read_users(registry)
