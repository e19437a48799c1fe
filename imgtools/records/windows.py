"""What a Windows guest says of itself beside what every guest has. Empty texts and None are facts not known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowsService:
    """A service, or a driver, of the control set that the next boot uses."""

    name: str
    kind: str  # kernel-driver, file-system-driver, recognizer, adapter; own-process, shared-process, user-process
    start: str  # boot, system, auto, delayed, manual, disabled
    display_name: str = ""  # "" too where it is kept in a program's resources
    file: str = ""  # the program or driver, as a guest path
    library: str = ""  # what svchost loads for it, as a guest path
    account: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class VirtioDriver:
    """A driver for a device of QEMU: of one that is not there only the name is known."""

    name: str  # of its file: viostor, netkvm
    present: bool  # whether a service loads it, and its file is there
    service: str = ""
    start: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class WindowsLease:
    """What a DHCP server told last."""

    address: str  # with the length of its prefix
    server: str = ""
    gateways: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    domain: str = ""
    obtained: int | None = None
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class WindowsInterface:
    """A network interface that TCP/IP is bound to."""

    id: str  # the GUID that Windows gave it
    name: str = ""  # Ethernet 2
    description: str = ""  # of the device: Red Hat VirtIO Ethernet Adapter
    dhcp: bool | None = None
    addresses: tuple[str, ...] = ()  # fixed ones, with the length of their prefix
    gateways: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()  # fixed ones
    domain: str = ""
    lease: WindowsLease | None = None


@dataclass(frozen=True, slots=True)
class FirewallProfile:
    """Whether the firewall is on in one kind of network."""

    name: str  # domain, private, public
    enabled: bool | None
    policy: bool = False  # whether a policy says so, which counts before the setting


@dataclass(frozen=True, slots=True)
class WindowsFirewall:
    """Windows' own firewall; without its service it does nothing."""

    service: str = ""  # how the service starts: auto, disabled
    profiles: tuple[FirewallProfile, ...] = ()


@dataclass(frozen=True, slots=True)
class Antivirus:
    """A program against malware, and who says that it is there."""

    name: str
    source: str  # security-center, defender, application
    enabled: bool | None = None
    up_to_date: bool | None = None
    version: str = ""  # of Defender's signatures
    file: str = ""


@dataclass(frozen=True, slots=True)
class PolicyObject:
    """A group policy object that was applied to the machine."""

    name: str  # as administrators call it
    id: str = ""  # its GUID
    link: str = ""  # where in the directory it was linked
    version: int | None = None


@dataclass(frozen=True, slots=True)
class WindowsTask:
    """A scheduled task. ``enabled`` is None where its file is missing or does not parse."""

    path: str  # \Microsoft\Windows\Defrag\ScheduledDefrag
    enabled: bool | None = None
    actions: tuple[str, ...] = ()  # commands with their arguments; {GUID} is a class of COM
    triggers: tuple[str, ...] = ()  # boot, logon, calendar, time, event, idle, registration, session, wnf
    user: str = ""  # who it runs as
    author: str = ""
    registered: bool = True  # False: only its file is there, so Windows does not know it


@dataclass(frozen=True, slots=True)
class WindowsPackage:
    """A package of Windows' component store."""

    name: str
    state: str  # installed, staged, superseded, install-pending, uninstall-pending ...; else the number
    kb: str = ""
    installed: int | None = None
    client: str = ""  # which program had it installed


@dataclass(frozen=True, slots=True)
class Hotfix:
    """An update by its number."""

    kb: str
    state: str  # as that of its packages that has come furthest
    installed: int | None = None


@dataclass(frozen=True, slots=True)
class WindowsFeature:
    """A role or a feature that can be turned on and off."""

    name: str
    enabled: bool
    kind: str  # optional-feature (of every Windows), server-component (roles and features of a server)
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class WindowsProfile:
    """A user's profile."""

    sid: str
    home: str  # as a guest path
    present: bool | None = None  # whether that folder is there
    last_used: int | None = None


@dataclass(frozen=True, slots=True)
class BitLockerVolume:
    """A volume that BitLocker encrypts."""

    device: str
    unlocked: bool  # by a key that was given
    drive: str = ""  # its letter


@dataclass(frozen=True, slots=True)
class WindowsBootEntry:
    """What the boot manager can start."""

    id: str
    kind: str  # boot manager, loader, resume, memory test, ntldr, boot sector ...
    description: str = ""
    device: str = ""  # the partition of the image that the system is on, or the program where it starts none
    target: str = ""  # what is named in its place, where that is no partition of this image
    path: str = ""  # of the program
    system_root: str = ""
    default: bool = False
    in_menu: bool = False
    options: tuple[str, ...] = ()  # safe-mode-minimal, boot-log, ems, no-recovery, ignore-failures


@dataclass(frozen=True, slots=True)
class WindowsRow:
    """What only Windows has. Lists of what is installed are null if they were not asked for."""

    edition: str
    display_version: str
    build: str
    installed: int | None
    timezone: str
    utc_offset: int | None
    domain: str
    domain_joined: bool | None
    group_policy: bool
    hibernated: bool
    name: str = ""  # as it is sold: Windows 11 Pro
    locale: str = ""  # of the system: de-DE
    install_language: str = ""
    hibernation: bool | None = None  # whether it may hibernate
    fast_startup: bool | None = None  # whether it hibernates its kernel when it is shut down
    image_state: str = ""  # what its setup says: IMAGE_STATE_COMPLETE
    # Also servicing-transaction (pending.xml) and domain-join.
    pending_reboot: tuple[str, ...] = ()  # why: component-servicing, windows-update, file-renames, setup ...
    pending_updates: tuple[str, ...] | None = None  # packages on their way in or out
    services: tuple[WindowsService, ...] = ()
    drivers: tuple[WindowsService, ...] = ()
    virtio: tuple[VirtioDriver, ...] = ()
    interfaces: tuple[WindowsInterface, ...] = ()
    firewall: WindowsFirewall = WindowsFirewall()
    antivirus: tuple[Antivirus, ...] = ()
    policies: tuple[PolicyObject, ...] = ()
    bitlocker: tuple[BitLockerVolume, ...] = ()
    tasks: tuple[WindowsTask, ...] = ()
    profiles: tuple[WindowsProfile, ...] = ()
    packages: tuple[WindowsPackage, ...] | None = None
    hotfixes: tuple[Hotfix, ...] | None = None
    features: tuple[WindowsFeature, ...] | None = None
    boot: tuple[WindowsBootEntry, ...] | None = None  # null: there is no boot configuration
