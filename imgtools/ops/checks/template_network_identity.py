"""A template is not bound to the network card or the lease of the machine it was made of.

A clone has another card, and gets no network where a file names the old address. Source: netplan's reference (match),
systemd.link(5), dhclient.leases(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.template_checks import sysprep_finds
from imgtools.records.audit import Level

CHECK = Check(
    title="A template is not bound to a network card or a lease",
    severity=Level.MEDIUM,
    look=sysprep_finds(
        "a network identity", "net-hwaddr", "net-match", "udev-persistent-net", "dhcp-client-state"
    ),
    families=LINUX,
)
