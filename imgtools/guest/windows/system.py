r"""Windows guests: is this volume the root of one, and what its registry says of it.

The facts and their spelling follow libguestfs' inspection (daemon/inspect_fs_windows.ml), with its known mistakes
mended: Windows on ARM64 is ``aarch64``, and a hive that does not parse costs its facts, not the guest.
"""

from __future__ import annotations

import locale
import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from imgtools.errors import GuestFileError
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.find.recognised import Recognised
from imgtools.guest.windows.drives import drive_mounts, find_drives
from imgtools.guest.windows.facts import RegistryFacts
from imgtools.guest.windows.hibernation import is_hibernated
from imgtools.guest.windows.registry import MACHINE, USERS, Registry, open_registry
from imgtools.guest.windows.systemroot import find_systemroot
from imgtools.records.disks import Layout, Volume
from imgtools.records.system import OsInfo, OsType, Warned
from imgtools.units import parse_count

# Programs that tell the processor: system files may be stored compressed (CompactOS), then the next one is tried.
PROGRAMS = ("System32/cmd.exe", "System32/ntdll.dll", "System32/kernel32.dll", "explorer.exe")
# Machine of the COFF header ("PE Format", learn.microsoft.com) in libguestfs' words.
MACHINES = {0x14C: "i386", 0x8664: "x86_64", 0xAA64: "aarch64", 0x1C0: "arm", 0x1C4: "arm", 0x200: "ia64"}
PROCESSORS = {"x86": "i386", "amd64": "x86_64", "arm64": "aarch64", "arm": "arm", "ia64": "ia64"}

CURRENT_VERSION = rf"{MACHINE}\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
WINDOWS = rf"{MACHINE}\SOFTWARE\Microsoft\Windows\CurrentVersion"
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
    name: str = ""  # as it is sold: Windows 11 Pro, where ProductName says Windows 10 Pro
    locale: str = ""  # of the system: de-DE
    install_language: str = ""  # that setup was in
    hibernation: bool | None = None  # whether it can be sent to sleep so
    fast_startup: bool | None = None  # whether it hibernates its kernel when it is shut down


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


class _Facts(RegistryFacts):
    """Reads from one registry what the system says of itself."""

    def read_os(self) -> OsInfo:
        major, minor = self._version()
        build = self.text(CURRENT_VERSION, "CurrentBuildNumber", "CurrentBuild")
        variant = self.text(CURRENT_VERSION, "InstallationType") or self._variant_of_old()
        product = self.text(CURRENT_VERSION, "ProductName")
        return OsInfo(
            OsType.WINDOWS,
            distro="windows",
            families=("windows",),
            product_name=product,
            product_variant=variant,
            major=major,
            minor=minor,
            arch=self._architecture(),
            hostname=self.text(TCPIP, "Hostname", "NV Hostname")
            or self.text(rf"{CONTROL}\ComputerName\ComputerName", "ComputerName"),
            build_id=build,
            osinfo=windows_osinfo((major, minor), variant, product, build),
            windows_systemroot=self.registry.systemroot,
            windows_current_control_set=self._control_set(),
        )

    def _control_set(self) -> str:
        number = self.number(rf"{MACHINE}\SYSTEM\Select", "Current")
        return "" if number is None else f"ControlSet{number:03d}"

    def _version(self) -> tuple[int, int]:
        """Major and minor version; since Windows 10 ``CurrentVersion`` stays 6.3 for old programs' sake."""
        major = self.number(CURRENT_VERSION, "CurrentMajorVersionNumber")
        if major is not None:
            return major, self.number(CURRENT_VERSION, "CurrentMinorVersionNumber") or 0
        match = re.match(r"(\d{1,4})\.(\d{1,4})", self.text(CURRENT_VERSION, "CurrentVersion"))
        return (int(match[1]), int(match[2])) if match else (0, 0)

    def _variant_of_old(self) -> str:
        """InstallationType for Windows before Vista, which has none: from the licence."""
        kind = self.text(rf"{CONTROL}\ProductOptions", "ProductType")
        return {"WinNT": "Client", "ServerNT": "Server", "LanmanNT": "Server"}.get(kind, "")

    def _architecture(self) -> str:
        for program in PROGRAMS:
            try:
                with self.files.open(join(self.registry.systemroot, program)) as stream:
                    machine = pe_architecture(stream)
            except GuestFileError:
                continue
            if machine:
                return machine
        processor = self.text(rf"{CONTROL}\Session Manager\Environment", "PROCESSOR_ARCHITECTURE")
        return PROCESSORS.get(processor.lower(), "unknown")

    def read_drives(self, layout: Layout, root: Volume) -> tuple[tuple[str, str], ...]:
        match = re.match(r"([A-Za-z]):", self.text(CURRENT_VERSION, "SystemRoot", "PathName"))
        letter = match[1].upper() if match else ""
        mounted = self.values(rf"{MACHINE}\SYSTEM\MountedDevices")
        return find_drives(mounted.values(), layout, (letter, root))

    def read_details(self) -> WindowsDetails:
        build, revision = (
            self.text(CURRENT_VERSION, "CurrentBuildNumber"),
            self.number(CURRENT_VERSION, "UBR"),
        )
        zone = rf"{CONTROL}\TimeZoneInformation"
        bias = self.number(zone, "ActiveTimeBias")
        domain, joined = self._domain()
        return WindowsDetails(
            edition=self.text(CURRENT_VERSION, "EditionID"),
            display_version=self.text(CURRENT_VERSION, "DisplayVersion", "ReleaseId"),
            build=f"{build}.{revision}" if build and revision is not None else build,
            installed=(self.number(CURRENT_VERSION, "InstallDate") or 0) * 10**9,
            timezone=self.text(zone, "TimeZoneKeyName", "StandardName"),
            utc_offset=None if bias is None else -(bias - 2**32 if bias >= 2**31 else bias),
            domain=domain,
            domain_joined=joined,
            group_policy=self._has_group_policy(),
            hibernated=self.attempt(lambda: is_hibernated(self.files), False),
            name=marketing_name(self.text(CURRENT_VERSION, "ProductName"), build),
            locale=self._locale(),
            install_language=_language(self.text(rf"{CONTROL}\Nls\Language", "InstallLanguage")),
            hibernation=self.values(rf"{CONTROL}\Power").flag("HibernateEnabled"),
            fast_startup=self.values(rf"{CONTROL}\Session Manager\Power").flag("HiberbootEnabled"),
        )

    def _locale(self) -> str:
        """The locale of programs that know no Unicode; else that of the screen where users log on."""
        own = self.text(rf"{CONTROL}\Nls\Locale", "", "(Default)") or self.text(
            rf"{CONTROL}\Nls\Language", "Default"
        )
        international = rf"{USERS}\.DEFAULT\Control Panel\International"
        return _language(own) or self.text(international, "LocaleName")

    def _domain(self) -> tuple[str, bool | None]:
        """The domain, and whether the machine has joined it: then the domain's SID is in the LSA policy."""
        policy = rf"{MACHINE}\SECURITY\Policy"
        if not self.subkeys(policy):
            return self.text(TCPIP, "Domain", "NV Domain"), None
        names = (_lsa_string(self.data(rf"{policy}\{key}")) for key in ("PolDnDDN", "PolPrDmN"))
        name = next((name for name in names if name), "") or self.text(TCPIP, "Domain")
        # A SID of a domain has four sub-authorities: S-1-5-21-x-y-z.
        return name, len(self.data(rf"{policy}\PolPrDmS")) >= 24

    def _has_group_policy(self) -> bool:
        return any(name.startswith("{") for name in self.subkeys(rf"{WINDOWS}\Group Policy\History"))


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


def marketing_name(product: str, build: str) -> str:
    """Return the name that it is sold by: Windows 11 still calls itself Windows 10 in its registry."""
    if (parse_count(build) or 0) >= WINDOWS_11 and product.startswith("Windows 10"):
        return product.replace("Windows 10", "Windows 11", 1)
    return product


def _language(identifier: str) -> str:
    """Return the name of a language identifier of [MS-LCID] in hexadecimal: ``0407`` is de-DE; "" if it has none."""
    if not re.fullmatch(r"[0-9A-Fa-f]{1,8}", identifier):
        return ""
    return locale.windows_locale.get(int(identifier, 16), "").replace("_", "-")


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


def details_of(registry: Registry) -> tuple[WindowsDetails, tuple[Warned, ...]]:
    """Return the same from a registry that is open."""
    facts = _Facts(registry)
    return facts.read_details(), (*facts.warnings,)
