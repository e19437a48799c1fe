"""A packet filter is started, and keeps something out.

What listens by mistake, or after the next update, is not reached then. A guest whose hypervisor filters for it
(security groups of a cloud) may do without. A filter without rules keeps nothing out. Source: nft(8), firewalld(1),
ufw(8), iptables(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.network.filters import packet_filters
from imgtools.guest.services.started import Init
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of, started
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest that lets everything in."""
    if examined.once(init_of) is Init.UNKNOWN:
        yield NotThere("the guest has no init")
        return
    there = list(packet_filters(examined.files, examined.once(started)))
    if not there:
        yield Flaw(
            "no packet filter is started",
            advice="enable nftables, firewalld or ufw, with a rule for SSH first",
        )
    elif not any(one.keeps_out for one in there):
        one = there[0]
        yield Flaw(f"{one.name} is started and keeps nothing out", one.path, subject=one.name)


CHECK = Check(
    title="A packet filter keeps out what is not meant to come in",
    severity=Level.MEDIUM,
    look=look,
    references=("CIS Debian 12 4.1.1", "NIST 800-53 SC-7"),
)
