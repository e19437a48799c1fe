"""How ifupdown (Debian, Alpine), ifcfg (Red Hat) and wicked (SUSE) are told the settings of an interface."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit, Remove, WriteFile
from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.network.interface import InterfaceSettings
from imgtools.guest.network.interface_files import link_file, small_files
from imgtools.guest.services.started import Init, find_init
from imgtools.records.files import FileKind

INTERFACES = "/etc/network/interfaces"
RESOLV = "/etc/resolv.conf"
RESOLVCONF = ("/sbin/resolvconf", "/usr/sbin/resolvconf", "/usr/bin/resolvconf")
SCRIPTS = "/etc/sysconfig/network-scripts"
SUSE = "/etc/sysconfig/network"
# interfaces(5): what begins a stanza, or stands for itself.
STANZA = r"iface|mapping|auto|allow-[\w-]+|source|source-directory|no-auto-down|no-scripts|rename|template"


# -- ifupdown ------------------------------------------------------------------------------------------------


def ifupdown(files: GuestReader, wanted: InterfaceSettings) -> Iterator[Change]:
    """The stanzas of the interface, in /etc/network/interfaces; those that were there go, wherever they stood."""
    begins = "auto"
    for path, text in small_files(files, f"{INTERFACES}.d/*"):
        kept, found = without_stanzas(text, wanted.name)
        begins = found or begins
        if kept != text:
            yield WriteFile(path, kept.encode("utf-8", "surrogateescape"))
    text = files.read_text(INTERFACES) if files.is_file(INTERFACES) else "auto lo\niface lo inet loopback\n"
    kept, found = without_stanzas(text, wanted.name)
    stanzas = "\n".join(_stanzas(files, wanted, found or begins))
    content = f"{kept.rstrip()}\n\n{stanzas}\n"
    yield WriteFile(INTERFACES, content.encode("utf-8", "surrogateescape"))
    if wanted.mac:
        yield from _name_by_mac(files, wanted)
    if (wanted.dns or wanted.search) and not _has_resolvconf(files):
        yield from _resolv_conf(files, wanted)


def without_stanzas(text: str, name: str) -> tuple[str, str]:
    """Return interfaces(5) without an interface, and the word that started it: auto or allow-hotplug."""
    kept: list[str] = []
    begins, inside = "", False
    for line in text.splitlines(keepends=True):
        words = line.split()
        if words and re.fullmatch(STANZA, words[0]):
            inside = words[0] == "iface" and len(words) > 1 and words[1] == name
            if (words[0] == "auto" or words[0].startswith("allow-")) and name in words[1:]:
                begins = words[0]
                others = [word for word in words[1:] if word != name]
                line = f"{' '.join([words[0], *others])}\n" if others else ""
        if not inside or line.startswith("#"):
            kept.append(line)
    return "".join(kept), begins


def _stanzas(files: GuestReader, wanted: InterfaceSettings, begins: str) -> Iterator[str]:
    yield f"{begins} {wanted.name}"
    if wanted.dhcp:
        yield f"iface {wanted.name} inet dhcp"
    more = []
    if _has_resolvconf(files):
        more += [f"    dns-nameservers {' '.join(wanted.dns)}"] if wanted.dns else []
        more += [f"    dns-search {' '.join(wanted.search)}"] if wanted.search else []
    for version, family in ((4, "inet"), (6, "inet6")):
        addresses = wanted.of(version)
        for number, address in enumerate(addresses):
            if number:
                # A second stanza of one family is not known to every ifupdown; ip(8) is.
                yield f"    up ip addr add {address} dev {wanted.name}"
                continue
            netmask = address.netmask if version == 4 else address.network.prefixlen
            yield f"iface {wanted.name} {family} static"
            yield f"    address {address.ip}"
            yield f"    netmask {netmask}"
            if gateway := wanted.gateway(version):
                yield f"    gateway {gateway}"
            yield from more
            more = []
    yield from more


def _has_resolvconf(files: GuestReader) -> bool:
    """Whether a program takes DNS servers from the stanzas: resolvconf, openresolv, systemd-resolved's."""
    return any(files.exists(path) for path in RESOLVCONF)


def _resolv_conf(files: GuestReader, wanted: InterfaceSettings) -> Iterator[Change]:
    found = files.lstat(RESOLV)
    if found is not None and found.kind is FileKind.LINK:
        target = files.read_link(RESOLV)
        raise UnsupportedGuest(
            f"{RESOLV} leads to {target}, which another program writes", hint="leave dns= and search= out"
        )
    lines = [f"search {' '.join(wanted.search)}\n"] if wanted.search else []
    lines += [f"nameserver {one}\n" for one in wanted.dns]
    yield WriteFile(RESOLV, "".join(lines).encode())


def _name_by_mac(files: GuestReader, wanted: InterfaceSettings) -> Iterator[Change]:
    """Where the configuration itself has no word for the card: systemd's or udev's naming."""
    if find_init(files) is Init.SYSTEMD:
        yield from link_file(files, wanted)
    elif files.is_dir("/etc/udev/rules.d"):
        path = "/etc/udev/rules.d/70-persistent-net.rules"
        rule = (
            f'SUBSYSTEM=="net", ACTION=="add", ATTR{{address}}=="{wanted.mac}", '
            f'ATTR{{type}}=="1", NAME="{wanted.name}"'
        )
        if not files.is_file(path):
            yield WriteFile(path, f"{rule}\n".encode())
            return
        old = rf'ATTR\{{address\}}=="(?i:{wanted.mac})"|NAME="{re.escape(wanted.name)}"'
        yield EditLines(path, (LineEdit(rf"^(?!#).*({old})"), LineEdit(append=rule)))
    else:
        raise UnsupportedGuest("the guest has nothing that names a card by its MAC", hint="leave mac= out")


# -- ifcfg: Red Hat, Amazon, old Fedora ----------------------------------------------------------------------


def ifcfg(files: GuestReader, wanted: InterfaceSettings) -> Iterator[Change]:
    """A new ifcfg-NAME; other files of the same interface or card go."""
    own = f"{SCRIPTS}/ifcfg-{wanted.name}"
    for path, text in small_files(files, f"{SCRIPTS}/ifcfg-*"):
        same = _shell_value(text, "DEVICE") == wanted.name
        card = wanted.mac and _shell_value(text, "HWADDR").lower() == wanted.mac
        if path != own and (same or card) and not path.endswith("/ifcfg-lo"):
            yield Remove(path, size=len(text))
    for kind in ("route", "route6"):
        if files.is_file(f"{SCRIPTS}/{kind}-{wanted.name}"):
            yield Remove(f"{SCRIPTS}/{kind}-{wanted.name}")
    yield WriteFile(own, "".join(f"{line}\n" for line in _ifcfg_lines(wanted)).encode(), 0o644, 0, 0)


def _shell_value(text: str, name: str) -> str:
    found = re.findall(rf"(?m)^\s*{name}=[\"']?([^\"'\n#]*)", text)
    return found[-1].strip() if found else ""


def _ifcfg_lines(wanted: InterfaceSettings) -> Iterator[str]:
    """initscripts' sysconfig.txt and nm-settings-ifcfg-rh(5); NETMASK is for those that know no PREFIX."""
    yield from ("TYPE=Ethernet", f"NAME={wanted.name}", f"DEVICE={wanted.name}", "ONBOOT=yes")
    if wanted.mac:
        yield f"HWADDR={wanted.mac.upper()}"
    yield "BOOTPROTO=dhcp" if wanted.dhcp else "BOOTPROTO=none"
    for number, address in enumerate(wanted.of(4)):
        index = str(number) if number else ""
        yield f"IPADDR{index}={address.ip}"
        yield f"PREFIX{index}={address.network.prefixlen}"
        yield f"NETMASK{index}={address.netmask}"
    if gateway := wanted.gateway(4):
        yield f"GATEWAY={gateway}"
    if six := wanted.of(6):
        yield from ("IPV6INIT=yes", "IPV6_AUTOCONF=no", f"IPV6ADDR={six[0]}")
        if six[1:]:
            yield f'IPV6ADDR_SECONDARIES="{" ".join(str(one) for one in six[1:])}"'
    if gateway := wanted.gateway(6):
        yield f"IPV6_DEFAULTGW={gateway}"
    for number, server in enumerate(wanted.dns, 1):
        yield f"DNS{number}={server}"
    if wanted.search:
        yield f'DOMAIN="{" ".join(wanted.search)}"'


# -- wicked: SUSE --------------------------------------------------------------------------------------------


def wicked(files: GuestReader, wanted: InterfaceSettings) -> Iterator[Change]:
    """ifcfg(5) of SUSE: the interface, its routes, and the DNS servers, which all interfaces share."""
    own = f"{SUSE}/ifcfg-{wanted.name}"
    lines = ["STARTMODE='auto'", f"BOOTPROTO='{'dhcp' if wanted.dhcp else 'static'}'"]
    lines += [f"IPADDR{f'_{n}' if n else ''}='{one}'" for n, one in enumerate(wanted.addresses)]
    yield WriteFile(own, "".join(f"{line}\n" for line in lines).encode(), 0o644, 0, 0)
    routes = f"{SUSE}/ifroute-{wanted.name}"
    if wanted.gateways:
        text = "".join(f"default {one} - {wanted.name}\n" for one in wanted.gateways)
        yield WriteFile(routes, text.encode(), 0o644, 0, 0)
        versions = [r"[\d.]+" if "." in one else r"[\da-fA-F:]*:[\da-fA-F:.]*" for one in wanted.gateways]
        old = rf"^\s*default\s+({'|'.join(versions)})(\s|$)"
        yield EditLines(f"{SUSE}/routes", (LineEdit(old),))
    elif files.is_file(routes):
        yield Remove(routes)
    if wanted.mac:
        yield from _name_by_mac(files, wanted)
    for name, values in (("SERVERS", wanted.dns), ("SEARCHLIST", wanted.search)):
        if values:
            yield from _netconfig(files, f"NETCONFIG_DNS_STATIC_{name}", " ".join(values))


def _netconfig(files: GuestReader, name: str, value: str) -> Iterator[Change]:
    path = f"{SUSE}/config"
    line = f'{name}="{value}"'
    if not files.is_file(path):
        raise UnsupportedGuest(
            f"the guest has no {path} to say DNS servers in", hint="leave dns= and search= out"
        )
    if re.search(rf"(?m)^{name}=", files.read_text(path)):
        yield EditLines(path, (LineEdit(rf"^{name}=.*", line),))
    else:
        yield EditLines(path, (LineEdit(append=line),))
