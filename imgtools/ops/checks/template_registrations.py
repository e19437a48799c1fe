"""A template is registered nowhere: with no update service, no management, no private network, no directory.

Clones that use one registration push each other out, or may do what only the first may.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.template_checks import sysprep_finds
from imgtools.records.audit import Level

CHECK = Check(
    title="A template is registered nowhere",
    severity=Level.HIGH,
    look=sysprep_finds(
        "a registration of the machine",
        "rh-subscription-manager",
        "rhn-systemid",
        "insights-client",
        "landscape-client",
        "ubuntu-pro",
        "puppet-data-log",
        "salt-minion",
        "chef-client",
        "tailscale",
        "zerotier",
        "wireguard",
        "ipa-client",
        "kerberos-hostkeytab",
        "iscsi-initiator",
        "nvme-host",
    ),
    families=LINUX,
)
