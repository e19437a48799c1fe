"""Settings of a Linux guest that people ask for: machine id, time zone, language, keyboard, cloud-init, agents."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.errors import GuestFileError
from imgtools.files.tree import GuestReader
from imgtools.guest.find.release import first_line, parse_assignments, read_small
from imgtools.records.files import FileKind

# Where agents of hypervisors and clouds have their programs.
AGENTS = {
    "qemu-guest-agent": ("/usr/bin/qemu-ga", "/usr/sbin/qemu-ga"),
    "open-vm-tools": ("/usr/bin/vmtoolsd",),
    "spice-vdagent": ("/usr/bin/spice-vdagent", "/usr/sbin/spice-vdagentd"),
    "hyperv-daemons": ("/usr/sbin/hv_kvp_daemon", "/usr/sbin/hypervkvpd"),
    "xe-guest-utilities": ("/usr/sbin/xe-daemon",),
    "waagent": ("/usr/sbin/waagent",),
    "amazon-ssm-agent": ("/usr/bin/amazon-ssm-agent",),
    "google-guest-agent": ("/usr/bin/google_guest_agent",),
    "ignition": ("/usr/lib/dracut/modules.d/30ignition/ignition",),
}


@dataclass(frozen=True, slots=True)
class CloudInit:
    """Whether cloud-init is installed, switched off, and has run (then with the instance it ran for)."""

    installed: bool = False
    disabled: bool = False
    instance_id: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Empty strings are facts not known. ``machine_id`` is the id, ``uninitialized``, ``empty`` or ``missing``."""

    machine_id: str = "missing"
    timezone: str = ""
    locale: str = ""
    keymap: str = ""
    cloud_init: CloudInit = CloudInit()
    agents: tuple[str, ...] = ()
    ssh_host_keys: tuple[str, ...] = ()


def find_settings(files: GuestReader) -> Settings:
    """Read the settings of a Linux guest."""
    return Settings(
        machine_id=find_machine_id(files),
        timezone=find_timezone(files),
        locale=_first_value(files, LOCALE),
        keymap=_first_value(files, KEYMAP),
        cloud_init=find_cloud_init(files),
        agents=tuple(name for name, paths in AGENTS.items() if any(files.is_file(path) for path in paths)),
        ssh_host_keys=tuple(files.glob("/etc/ssh/ssh_host_*_key.pub")),
    )


def find_machine_id(files: GuestReader) -> str:
    """Return the state of /etc/machine-id (machine-id(5)), or the id that D-Bus keeps where systemd is not used."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        if files.is_file(path):
            return first_line(read_small(files, path)) or "empty"
    return "missing"


def find_timezone(files: GuestReader) -> str:
    """Return the zone's name: from the link /etc/localtime, else from the files that name it."""
    found = files.lstat("/etc/localtime")
    if found is not None and found.kind is FileKind.LINK:
        _, zoneinfo, name = files.read_link("/etc/localtime").partition("zoneinfo/")
        if zoneinfo:
            return name
    for line in read_small(files, "/etc/timezone").split("\n"):
        if line.strip() and not line.startswith("#"):
            return line.strip()[:64]
    values = parse_assignments(read_small(files, "/etc/sysconfig/clock"))
    return (values.get("TIMEZONE") or values.get("ZONE") or "")[:64]


# Files and the name in them, the newest custom first.
LOCALE = (
    ("/etc/locale.conf", "LANG"),
    ("/etc/default/locale", "LANG"),
    ("/etc/sysconfig/i18n", "LANG"),
    ("/etc/sysconfig/language", "RC_LANG"),
    ("/etc/environment", "LANG"),
    ("/etc/env.d/02locale", "LANG"),
)
KEYMAP = (
    ("/etc/vconsole.conf", "KEYMAP"),
    ("/etc/default/keyboard", "XKBLAYOUT"),
    ("/etc/sysconfig/keyboard", "KEYTABLE"),
    ("/etc/conf.d/keymaps", "keymap"),
    ("/etc/conf.d/loadkmap", "KEYMAP"),
)


def _first_value(files: GuestReader, places: tuple[tuple[str, str], ...]) -> str:
    for path, name in places:
        if value := parse_assignments(read_small(files, path)).get(name):
            return value
    return ""


def find_cloud_init(files: GuestReader) -> CloudInit:
    """Look for cloud-init, its off switch, and the link to the instance that it ran for."""
    installed = any(files.exists(path) for path in ("/usr/bin/cloud-init", "/etc/cloud/cloud.cfg"))
    instance = first_line(read_small(files, "/var/lib/cloud/data/instance-id"))
    link = files.lstat("/var/lib/cloud/instance")
    if not instance and link is not None and link.kind is FileKind.LINK:
        instance = files.read_link("/var/lib/cloud/instance").rpartition("/")[2]
    return CloudInit(installed, files.exists("/etc/cloud/cloud-init.disabled"), instance)


# -- picture ---------------------------------------------------------------------------------------------------

ICON_LIMIT = 1 << 20  # bytes; the largest logo libguestfs ever found has 60 kB
PNG = b"\x89PNG\r\n\x1a\n"
# Where libguestfs looks (lib/inspect-icon.c), after the logo that os-release names.
LOGOS = {
    "fedora": ("/usr/share/icons/hicolor/96x96/apps/fedora-logo-icon.png",),
    "rhel": (
        "/usr/share/pixmaps/redhat/shadowman-transparent.png",
        "/usr/share/icons/hicolor/96x96/apps/system-logo-icon.png",
    ),
    "debian": ("/usr/share/pixmaps/debian-logo.png",),
    "ubuntu": ("/usr/share/icons/gnome/24x24/places/ubuntu-logo.png",),
    "mageia": ("/usr/share/icons/mageia.png",),
    "opensuse": (
        "/usr/share/icons/hicolor/48x48/apps/distributor.png",
        "/usr/share/icons/hicolor/24x24/apps/distributor.png",
    ),
    "cirros": ("/usr/share/cirros/logo",),
    "void": ("/usr/share/void-artwork/void-logo.png",),
    "altlinux": ("/usr/share/icons/hicolor/48x48/apps/altlinux.png",),
    "gentoo": ("/usr/share/icons/gentoo/64x64/gentoo.png",),
}
SIZES = ("96x96", "64x64", "128x128", "48x48", "256x256", "32x32")


def find_icon(files: GuestReader, families: tuple[str, ...], logo: str = "") -> bytes:
    """Return a PNG picture of the guest's distribution; b"" if it has none.

    :param logo: os-release's LOGO, the name of an icon.
    """
    paths: list[str] = []
    if re.fullmatch(r"[\w.-]{1,64}", logo):
        paths += [f"/usr/share/icons/hicolor/{size}/apps/{logo}.png" for size in SIZES]
        paths.append(f"/usr/share/pixmaps/{logo}.png")
    for family in families:
        paths += LOGOS.get(family, ())
    for path in [*paths, "/etc/favicon.png"]:
        try:
            content = files.read_bytes(path, limit=ICON_LIMIT)
        except GuestFileError:
            continue
        if content.startswith(PNG):
            return content
    return b""
