"""The network's settings: what does not parse, what is not read, and cards that a clone has not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from imgtools.files.tree import GuestReader

LIMIT = 1 << 20
NETPLAN = "/etc/netplan/*.yaml"
INTERFACES = "/etc/network/interfaces"
STANZAS = re.compile(
    r"(auto|allow-\S+|iface|mapping|source|source-dir|source-directory|no-auto-down|no-scripts|rename|template)$"
)
CONNECTIONS = "/etc/NetworkManager/system-connections/*"
RULES = "/etc/udev/rules.d/70-persistent-net.rules"
_NETPLAN_KEYS = """
    ethernets bonds bridges vlans wifis modems tunnels vrfs dummy-devices virtual-ethernets nm-devices renderer version
    openvswitch
"""
NETPLAN_KEYS = frozenset(_NETPLAN_KEYS.split())
IFCFG_FOLDERS = ("/etc/sysconfig/network-scripts", "/etc/sysconfig/network")


@dataclass(frozen=True, slots=True)
class NetworkTrouble:
    """What is wrong with a file: ``kind`` is ``netplan``, ``interfaces``, ``mode`` or ``card``."""

    kind: str
    path: str
    text: str
    line: int = 0
    raw: str = ""


def network_troubles(files: GuestReader) -> Iterator[NetworkTrouble]:
    """Yield what is wrong with the network's settings."""
    for path in files.glob(NETPLAN):
        yield from _netplan(files, path)
    yield from _interfaces(files)
    for path in files.glob(CONNECTIONS):
        if files.is_file(path):
            stat = files.stat(path)
            if stat.uid != 0 or stat.mode & 0o077:
                said = (
                    f"mode {stat.mode:04o}, owner {stat.uid}: NetworkManager reads only what is root's alone"
                )
                yield NetworkTrouble("mode", path, said)
    yield from _lost_card(files)


def _text(files: GuestReader, path: str) -> str:
    is_small = files.is_file(path) and files.stat(path).size <= LIMIT
    return files.read_text(path, limit=LIMIT) if is_small else ""


def _netplan(files: GuestReader, path: str) -> Iterator[NetworkTrouble]:
    try:
        said = yaml.compose(_text(files, path), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        yield NetworkTrouble("netplan", path, f"not YAML: {error.problem}", line)
        return
    except (yaml.YAMLError, RecursionError, UnicodeError, ValueError) as error:
        yield NetworkTrouble("netplan", path, f"not YAML: {' '.join(str(error).split())[:120]}")
        return
    if said is None:
        return
    pairs = said.value if isinstance(said, yaml.MappingNode) else []
    inner = next((value for key, value in pairs if key.value == "network"), None)
    if not isinstance(inner, yaml.MappingNode):
        yield NetworkTrouble("netplan", path, "it does not begin with network:", 1)
        return
    for key, _value in inner.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "such key"
        if name not in NETPLAN_KEYS:
            yield NetworkTrouble("netplan", path, f"netplan knows no {name[:60]}", key.start_mark.line + 1)


def _interfaces(files: GuestReader) -> Iterator[NetworkTrouble]:
    """Look at interfaces(5): what stands before the first stanza, and stanzas that are none."""
    inside = False
    for number, line in enumerate(_text(files, INTERFACES).replace("\\\n", " ").split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if STANZAS.match(words[0]):
            inside = words[0] in ("iface", "mapping", "template")
            if words[0] == "iface" and (len(words) < 2 or len(words) == 3):
                yield NetworkTrouble(
                    "interfaces",
                    INTERFACES,
                    "iface wants a name, a family and a method",
                    number,
                    line.strip(),
                )
        elif not inside:
            yield NetworkTrouble(
                "interfaces", INTERFACES, f"no such stanza: {words[0]}", number, line.strip()
            )


def _lost_card(files: GuestReader) -> Iterator[NetworkTrouble]:
    """A clone's card was given the next name by old udev rules; only the first name has settings."""
    text = _text(files, RULES)
    rules = re.findall(r'(?m)^SUBSYSTEM.*address\}=="([0-9A-Fa-f:]{17})".*NAME="([\w.-]+)"', text)
    if len(rules) < 2:
        return
    (_old, first), (new, last) = rules[0], rules[-1]
    if _has_settings(files, first) and not _has_settings(files, last) and first != last:
        said = f"the card with address {new} was named {last}, which has no settings; {first} is of a card that is gone"
        yield NetworkTrouble("card", RULES, said)


def _has_settings(files: GuestReader, name: str) -> bool:
    if any(
        files.is_file(f"{folder}/ifcfg-{name}")
        for folder in ("/etc/sysconfig/network-scripts", "/etc/sysconfig/network")
    ):
        return True
    paths = [INTERFACES, *files.glob("/etc/network/interfaces.d/*"), *files.glob(NETPLAN)]
    return any(re.search(rf"\b{re.escape(name)}\b", _text(files, path)) for path in paths)
