"""Collect what tells a guest from every other: names, IDs, addresses, keys, accounts.

Not from the places alone that sysprep works on: what they no longer say, others still do (a folder of the journal, a
boot entry, a lease, the comment of a key).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.errors import ImgtoolsError
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import read_accounts
from imgtools.guest.guest import Guest
from imgtools.records.system import OsType

LIMIT = 1 << 20  # bytes of one file that is read for identities
MOST = 200  # identities; a hostile guest could name a million
SHORTEST = 4  # letters of a name: a shorter one is part of everything
# Names that stand everywhere, whatever the machine is called.
COMMON = frozenset({
    "admin", "alpine", "arch", "archlinux", "base", "centos", "clone", "cloud", "debian", "default", "fedora", "guest",
    "host", "image", "linux", "local", "localdomain", "none", "oracle", "rocky", "root", "server", "suse", "system",
    "template", "test", "ubuntu", "user", "users",
})  # fmt: skip


class Kind(StrEnum):
    """What an identity is."""

    HOST_NAME = "host name"
    MACHINE_ID = "machine ID"
    MAC = "MAC address"
    ADDRESS = "address"
    HOST_KEY = "host key"
    ACCOUNT = "account"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Identity:
    """One thing that only one machine should have. ``needles`` are the texts by which it is found."""

    kind: Kind
    text: str
    needles: tuple[str, ...] = ()

    @property
    def is_common(self) -> bool:
        """Whether it is a word that would be found everywhere."""
        return self._is_name and (len(self.text) < SHORTEST or self.text.lower() in COMMON)

    @property
    def is_word(self) -> bool:
        """Whether it may be a word of a language: what a distribution ships speaks of everything."""
        return self._is_name and self.text.isalpha()

    @property
    def _is_name(self) -> bool:
        return self.kind in (Kind.HOST_NAME, Kind.ACCOUNT)


HEX_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/kernel/entry-token")
# Folders and files that are named after the machine ID (systemd-journald(8), kernel-install(8)).
NAMED_BY_ID = ("/var/log/journal/*", "/{boot,efi,boot/efi}/*", "/{boot,efi,boot/efi}/loader/entries/*")
MAC = re.compile(r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])")
# Where a network is configured, and where its leases are.
NETWORK = (
    "/etc/netplan/*",
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*",
    "/etc/systemd/network/*",
    "/etc/sysconfig/network-scripts/{ifcfg,route}-*",
    "/etc/sysconfig/network/ifcfg-*",
    "/etc/NetworkManager/system-connections/*",
    "/etc/udev/rules.d/*net*",
    "/var/lib/{dhcp,dhclient,NetworkManager}/*lease*",
)
# An address of the machine itself; gateways and name servers belong to the network, which the clones share.
ADDRESS = re.compile(
    r"(?im)^[ \t]*(?:IPADDR\d*|address\d*|fixed-address)\s*[=: \t]\s*[\"']?([0-9a-f.:]+)"
    r"|^[ \t]*(?:-|addresses:\s*\[)\s*[\"']?([0-9a-f.:]+)/\d"
)
# Of Windows.
CONTROL_SET = r"HKLM\SYSTEM\CurrentControlSet"
COMPUTER_NAME = rf"{CONTROL_SET}\Control\ComputerName\ComputerName"
INTERFACES = rf"{CONTROL_SET}\Services\Tcpip\Parameters\Interfaces"
CRYPTOGRAPHY = r"HKLM\SOFTWARE\Microsoft\Cryptography"
HOST_KEYS = "/etc/ssh/ssh_host_*_key.pub"
OWN_HOSTS = re.compile(r"(?m)^[ \t]*127\.0\.1\.1[ \t]+([^#\n]+)")


def collect(guest: Guest) -> tuple[Identity, ...]:
    """Return the identities of a guest, each once; at most 200 of them.

    :raises OddGuest: a registry hive that names them is damaged.
    """
    if guest.os.type is OsType.WINDOWS:
        return tuple(dict.fromkeys(_of_windows(guest)))[:MOST]
    files = guest.files
    found = dict.fromkeys(
        one
        for collected in (_host_names(guest), _machine_ids(files), _network(files), _host_keys(files))
        for one in collected
    )
    return tuple(found)[:MOST]


def _of_windows(guest: Guest) -> Iterator[Identity]:
    """Its name, its GUID, and the addresses of its network cards."""
    from imgtools.guest.windows.registry import open_registry

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        names = (guest.os.hostname, registry.text(COMPUTER_NAME, "ComputerName"))
        yield from (Identity(Kind.HOST_NAME, name, (name,)) for name in names if name)
        if machine_guid := registry.text(CRYPTOGRAPHY, "MachineGuid"):
            yield Identity(Kind.MACHINE_ID, machine_guid, (machine_guid,))
        cards = registry.find(INTERFACES)
        for card in cards.subkeys() if cards is not None else ():
            found = [card.value(name) for name in ("IPAddress", "DhcpIPAddress")]
            texts = [text for value in found if value is not None for text in value.readings]
            yield from (
                Identity(Kind.ADDRESS, text, (text,)) for text in texts if text not in ("", "0.0.0.0")
            )


def removed_accounts(before: GuestReader, after: GuestReader) -> tuple[Identity, ...]:
    """Return the accounts of people that a guest had and no longer has (UID 1000 to 59999, as login.defs(5) has it)."""
    left = {account.name for account in read_accounts(after).passwd}
    gone = [one for one in read_accounts(before).passwd if 1000 <= one.uid < 60000 and one.name not in left]
    return tuple(Identity(Kind.ACCOUNT, one.name, (one.name,)) for one in gone)


def _text(files: GuestReader, path: str) -> str:
    """The beginning of a file; nothing where there is none."""
    try:
        if not files.is_file(path):
            return ""
        with files.open(path) as stream:
            return stream.read(LIMIT).decode("utf-8", "surrogateescape")
    except ImgtoolsError:
        return ""


def _host_names(guest: Guest) -> Iterator[Identity]:
    names = [guest.os.hostname, _text(guest.files, "/etc/mailname").strip()]
    for match in OWN_HOSTS.finditer(_text(guest.files, "/etc/hosts")):
        names += match[1].split()
    for path in guest.files.glob(HOST_KEYS):
        names.append(_text(guest.files, path).strip().rpartition(" ")[2].partition("@")[2])
    for name in names:
        short = name.partition(".")[0]
        for one in dict.fromkeys((name, short)):
            if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", one) and not one.startswith("localhost"):
                yield Identity(Kind.HOST_NAME, one, (one,))


def _machine_ids(files: GuestReader) -> Iterator[Identity]:
    texts = [_text(files, path) for path in MACHINE_IDS]
    texts += [path.rpartition("/")[2] for pattern in NAMED_BY_ID for path in files.glob(pattern)]
    for text in texts:
        for one in HEX_ID.findall(text):
            # Programs write it as a UUID too.
            dashed = "-".join((one[:8], one[8:12], one[12:16], one[16:20], one[20:]))
            yield Identity(Kind.MACHINE_ID, one, (one, one.upper(), dashed, dashed.upper()))


def _network(files: GuestReader) -> Iterator[Identity]:
    for pattern in NETWORK:
        for path in files.glob(pattern):
            text = _text(files, path)
            for mac in MAC.findall(text):
                yield from _mac(mac.lower().replace("-", ":"))
            for match in ADDRESS.finditer(text):
                yield from _address(match[1] or match[2])


def _mac(mac: str) -> Iterator[Identity]:
    octets = mac.split(":")
    if int(octets[0], 16) & 1 or set(octets) == {"00"}:  # IEEE 802: a group, nobody's own
        return
    dashed = "-".join(octets)
    yield Identity(Kind.MAC, mac, (mac, mac.upper(), dashed, dashed.upper()))


def _address(text: str) -> Iterator[Identity]:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return
    if not (address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local):
        yield Identity(Kind.ADDRESS, str(address), (text,))


def _host_keys(files: GuestReader) -> Iterator[Identity]:
    """By the key itself, which is in known_hosts too, and by its fingerprint (ssh-keygen(1), -l)."""
    for path in files.glob(HOST_KEYS):
        words = _text(files, path).split()
        try:
            body = base64.b64decode(words[1], validate=True) if len(words) > 1 else b""
        except binascii.Error:
            continue
        if len(body) > 16:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode().rstrip("=")
            yield Identity(Kind.HOST_KEY, f"SHA256:{digest}", (words[1], digest))
