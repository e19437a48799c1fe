"""Which packet filter a Linux guest starts, and whether it keeps anything out.

Sources: nft(8), iptables-save(8), ufw-framework(8), firewalld.conf(5), and what each distribution's service loads.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.find.release import parse_assignments, read_small

LIMIT = 1 << 20
NFT = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf", "/etc/nftables.nft", "/etc/nftables/*.nft",
       "/etc/nftables/*.conf", "/etc/nftables.d/*")  # fmt: skip
TABLES = ("/etc/iptables/rules.v4", "/etc/sysconfig/iptables", "/etc/iptables/rules-save",
          "/etc/iptables/iptables.rules", "/var/lib/iptables/rules-save", "/etc/iptables.up.rules")  # fmt: skip
# Whoever starts one of these has rules made of a configuration of its own.
MADE = ("shorewall", "ferm", "csf", "SuSEfirewall2", "firehol", "awall", "fwknop", "cilium")
CHAIN = 20_000  # letters of a chain that are looked at
MAX_CHAINS = 200


@dataclass(frozen=True, slots=True)
class PacketFilter:
    """A packet filter that is started. ``keeps_out``: whether anything is kept out by it; ``path``: its rules."""

    name: str
    path: str = ""
    keeps_out: bool = True


def packet_filters(files: GuestReader, started: Mapping[str, str]) -> Iterator[PacketFilter]:
    """Yield the packet filters that are started.

    :param started: what the guest starts, by name.
    """
    if "firewalld" in started:
        yield _firewalld(files)
    if "ufw" in started or _links_ufw(files):
        enabled = (
            parse_assignments(read_small(files, "/etc/ufw/ufw.conf")).get("ENABLED", "").lower() == "yes"
        )
        policy = parse_assignments(read_small(files, "/etc/default/ufw")).get("DEFAULT_INPUT_POLICY", "DROP")
        yield PacketFilter("ufw", "/etc/ufw/ufw.conf", enabled and policy.upper() != "ACCEPT")
    if "nftables" in started:
        yield _by_rules("nftables", files, NFT, nft_keeps_out)
    if name := next(
        (one for one in ("netfilter-persistent", "iptables", "iptables-persistent") if one in started), ""
    ):
        yield _by_rules(name, files, TABLES, tables_keep_out)
    yield from (PacketFilter(name, started[name]) for name in MADE if name in started)


def _links_ufw(files: GuestReader) -> bool:
    return files.lstat("/etc/systemd/system/multi-user.target.wants/ufw.service") is not None


def _firewalld(files: GuestReader) -> PacketFilter:
    path = "/etc/firewalld/firewalld.conf"
    zone = parse_assignments(read_small(files, path)).get("DefaultZone", "public")
    return PacketFilter("firewalld", path, zone != "trusted")


def _by_rules(
    name: str, files: GuestReader, patterns: tuple[str, ...], keeps_out: Callable[[str], bool]
) -> PacketFilter:
    paths = [path for pattern in patterns for path in files.glob(pattern)]
    there = [path for path in paths if files.is_file(path) and files.stat(path).size <= LIMIT]
    keeps = any(keeps_out(files.read_text(path, limit=LIMIT)) for path in there)
    return PacketFilter(name, there[0] if there else "", keeps)


def nft_keeps_out(text: str) -> bool:
    """Whether a chain on what comes in has a policy or a rule that keeps something out, or sends it elsewhere."""
    bare = re.sub(r"(?m)#.*$", "", text)
    for found in itertools.islice(re.finditer(r"\bhook[ \t]+input\b", bare), MAX_CHAINS):
        chain = re.split(r"\b(?:chain|table)\b", bare[found.end() : found.end() + CHAIN])[0]
        if re.search(r"\bpolicy[ \t]+drop\b|\b(?:drop|reject|jump|goto|vmap)\b", chain):
            return True
    return False


def tables_keep_out(text: str) -> bool:
    """Whether iptables-save's INPUT has a policy or a rule that keeps something out, or sends it elsewhere."""
    if re.search(r"(?m)^:INPUT[ \t]+DROP\b", text):
        return True
    return re.search(r"(?m)^-A INPUT\b.*-j (?!ACCEPT\b|LOG\b|RETURN\b)\S", text) is not None
