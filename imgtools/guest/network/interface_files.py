"""How netplan, NetworkManager and systemd-networkd are told the settings of an interface.

What there was of the same interface goes; other interfaces, and other files, stay as they are.
"""

from __future__ import annotations

import configparser
import re
import uuid
from collections.abc import Iterator, Sequence

import yaml

from imgtools.change.change import Change, MakeDirectory, Remove, WriteFile
from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.network.interface import InterfaceSettings

LIMIT = 1 << 20  # bytes of a configuration file
# NetworkManager's UUIDs only have to differ within one machine: the same name gives the same one, so that a plan
# made twice is the same plan.
SPACE = uuid.UUID("b2f6a3d4-3a53-5c55-9a7b-5d1f0c6a7e21")
KEYFILES = "/etc/NetworkManager/system-connections"
NETWORKD = "/etc/systemd/network"


def ini(text: str) -> configparser.ConfigParser:
    """Read a keyfile or unit; an empty one if it does not parse."""
    parser = configparser.ConfigParser(
        interpolation=None, strict=False, delimiters=("=",), allow_no_value=True
    )
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.ConfigParser(interpolation=None)
    return parser


def folder_of(files: GuestReader, path: str, mode: int = 0o755) -> Iterator[Change]:
    """Yield the folder of a file that is going to be written, if it is not there."""
    folder = path.rpartition("/")[0]
    if not files.is_dir(folder):
        yield MakeDirectory(folder, mode)


def small_files(files: GuestReader, pattern: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of the configuration files of a pattern."""
    for path in files.glob(pattern):
        if files.is_file(path) and files.stat(path).size <= LIMIT:
            yield path, files.read_text(path, limit=LIMIT)


# -- netplan -------------------------------------------------------------------------------------------------


def netplan(files: GuestReader, wanted: InterfaceSettings) -> Iterator[Change]:
    """A file of our own in /etc/netplan; the others lose what they say of the interface (netplan would add it up)."""
    own = f"/etc/netplan/90-{wanted.name}.yaml"
    for path, text in small_files(files, "/etc/netplan/*.{yaml,yml}"):
        if path != own:
            yield from _without_netplan(path, text, wanted)
    device: dict[str, object] = {"dhcp4": wanted.dhcp}
    if wanted.mac:
        device = {"match": {"macaddress": wanted.mac}, "set-name": wanted.name, **device}
    if wanted.addresses:
        device["addresses"] = [str(one) for one in wanted.addresses]
    routes = {4: "0.0.0.0/0", 6: "::/0"}  # "default" is not known to the netplan of Ubuntu 18.04
    via = [{"to": routes[v], "via": wanted.gateway(v)} for v in (4, 6) if wanted.gateway(v)]
    if via:
        device["routes"] = via
    names = {"addresses": list(wanted.dns), "search": list(wanted.search)}
    if wanted.dns or wanted.search:
        device["nameservers"] = {key: value for key, value in names.items() if value}
    document = {"network": {"version": 2, "ethernets": {wanted.name: device}}}
    yield from folder_of(files, own)
    # Root's alone: netplan complains of files that others can read.
    yield WriteFile(own, yaml.safe_dump(document, sort_keys=False).encode(), 0o600, 0, 0)


def _without_netplan(path: str, text: str, wanted: InterfaceSettings) -> Iterator[Change]:
    try:
        # As netplan reads it: everything is text. To YAML 1.1 a MAC of digits is a number to the base of 60.
        document = yaml.load(text, Loader=yaml.BaseLoader)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        raise OddGuest(f"{path} is no YAML", hint="netplan would refuse it too") from None
    network = document.get("network") if isinstance(document, dict) else None
    devices = network.get("ethernets") if isinstance(network, dict) else None
    if root is None or not isinstance(devices, dict) or not isinstance(network, dict):
        return
    gone = [str(name) for name, device in devices.items() if _is_meant(str(name), device, wanted)]
    if not gone:
        return
    if len(gone) < len(devices):
        yield WriteFile(path, _cut(text, root, ["network", "ethernets"], gone).encode())
    elif set(network) - {"version", "renderer", "ethernets"} or "renderer" in network:
        yield WriteFile(path, _cut(text, root, ["network"], ["ethernets"]).encode())
    else:
        yield Remove(path, size=len(text.encode("utf-8", "surrogateescape")))


def _is_meant(name: str, device: object, wanted: InterfaceSettings) -> bool:
    if name == wanted.name:
        return True
    if not isinstance(device, dict):
        return False
    match = device.get("match")
    said = match if isinstance(match, dict) else {}
    if device.get("set-name") == wanted.name or said.get("name") == wanted.name:
        return True
    return bool(wanted.mac) and str(said.get("macaddress", "")).lower() == wanted.mac


def _cut(text: str, root: yaml.Node, where: Sequence[str], gone: Sequence[str]) -> str:
    """Return a document without some keys of one of its mappings; the other lines stay as they are."""
    node = root
    for name in where:
        node = next(value for key, value in _pairs(node) if key.value == name)
    pairs = _pairs(node)
    if getattr(node, "flow_style", False):
        # Written in braces: there are no lines to cut, the document is written anew.
        node.value = [pair for pair in pairs if str(pair[0].value) not in gone]
        return str(yaml.serialize(root, Dumper=yaml.SafeDumper))
    lines = text.splitlines(keepends=True)
    starts = [key.start_mark.line for key, _ in pairs]
    end = node.end_mark.line if node.end_mark.column == 0 or node.end_mark.line < len(lines) else len(lines)
    for number in reversed(range(len(pairs))):
        if str(pairs[number][0].value) in gone:
            last = starts[number + 1] if number + 1 < len(starts) else max(end, starts[number] + 1)
            del lines[starts[number] : last]
    return "".join(lines)


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


# -- NetworkManager ------------------------------------------------------------------------------------------


def keyfile(files: GuestReader, wanted: InterfaceSettings) -> Iterator[Change]:
    """A connection of our own; those of the same interface go."""
    own = f"{KEYFILES}/{wanted.name}.nmconnection"
    for path, text in small_files(files, f"{KEYFILES}/*"):
        said = ini(text)
        same = said.get("connection", "interface-name", fallback="") == wanted.name
        card = said.get("ethernet", "mac-address", fallback="").lower()
        if path != own and (same or (wanted.mac and card == wanted.mac)):
            yield Remove(path, size=len(text))
    for path, text in small_files(files, "/etc/sysconfig/network-scripts/ifcfg-*"):
        # The older way to say a connection, which NetworkManager reads beside its own.
        if re.search(rf"(?m)^DEVICE=[\"']?{re.escape(wanted.name)}[\"']?\s*$", text):
            yield Remove(path, size=len(text))
    lines = [
        "[connection]",
        f"id={wanted.name}",
        f"uuid={uuid.uuid5(SPACE, wanted.name)}",
        "type=ethernet",
        "autoconnect=true",
    ]
    lines += [] if wanted.mac else [f"interface-name={wanted.name}"]
    lines += ["", "[ethernet]"] + ([f"mac-address={wanted.mac.upper()}"] if wanted.mac else [])
    for version in (4, 6):
        lines += ["", f"[ipv{version}]", *_keyfile_family(wanted, version)]
    yield from folder_of(files, own, 0o700)
    yield WriteFile(own, ("\n".join(lines) + "\n").encode(), 0o600, 0, 0, private=True)


def _keyfile_family(wanted: InterfaceSettings, version: int) -> Iterator[str]:
    addresses = wanted.of(version)
    yield (
        "method=manual"
        if addresses
        else ("method=auto" if version == 6 or wanted.dhcp else "method=disabled")
    )
    for number, address in enumerate(addresses, 1):
        gateway = wanted.gateway(version) if number == 1 else ""
        yield f"address{number}={address}" + (f",{gateway}" if gateway else "")
    servers = [one for one in wanted.dns if (":" in one) == (version == 6)]
    if servers:
        yield "dns=" + "".join(f"{one};" for one in servers)
    if wanted.search and (addresses or wanted.dhcp):
        yield "dns-search=" + "".join(f"{one};" for one in wanted.search)


# -- systemd-networkd ----------------------------------------------------------------------------------------


def networkd(files: GuestReader, wanted: InterfaceSettings) -> Iterator[Change]:
    """A file that comes before all others, because the first that matches an interface is its only one."""
    own = f"{NETWORKD}/00-{wanted.name}.network"
    for path, text in small_files(files, f"{NETWORKD}/*.network"):
        if path != own and _networkd_means(ini(text), wanted):
            yield Remove(path, size=len(text))
    match = f"MACAddress={wanted.mac}" if wanted.mac else f"Name={wanted.name}"
    lines = ["[Match]", match, "", "[Network]", *(["DHCP=yes"] if wanted.dhcp else [])]
    lines += [f"Address={one}" for one in wanted.addresses]
    lines += [f"Gateway={one}" for one in wanted.gateways]
    lines += [f"DNS={one}" for one in wanted.dns]
    lines += [f"Domains={' '.join(wanted.search)}"] if wanted.search else []
    yield from folder_of(files, own)
    yield WriteFile(own, ("\n".join(lines) + "\n").encode(), 0o644, 0, 0)
    if wanted.mac:
        yield from link_file(files, wanted)


def _networkd_means(said: configparser.ConfigParser, wanted: InterfaceSettings) -> bool:
    name = said.get("Match", "Name", fallback="") or ""
    card = (said.get("Match", "MACAddress", fallback="") or "").lower()
    return name.split() == [wanted.name] or bool(wanted.mac and card.split() == [wanted.mac])


def link_file(files: GuestReader, wanted: InterfaceSettings) -> Iterator[Change]:
    """systemd.link(5): the card with this MAC gets the name, whoever configures it then."""
    text = f"[Match]\nMACAddress={wanted.mac}\n\n[Link]\nName={wanted.name}\n"
    path = f"{NETWORKD}/00-{wanted.name}.link"
    yield from folder_of(files, path)
    yield WriteFile(path, text.encode(), 0o644, 0, 0)
