"""Remove the state of cloud-init and what it generated, so that a clone is configured as a new instance.

The same paths as ``cloud-init clean --logs --seed --configs all`` (cloudinit/cmd/clean.py); what an administrator
wrote below ``/etc/cloud`` stays. Where cloud-init is switched off, what it once generated stays as well: nobody
would make it again, and the clone would have no network.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_matching
from imgtools.ops.operation import LINUX, NoParams, Operation

STATE = ("/var/lib/cloud/*", "/var/log/cloud-init*.log*", "/run/cloud-init/*")
GENERATED = (
    "/etc/netplan/50-cloud-init.yaml",
    "/etc/NetworkManager/conf.d/99-cloud-init.conf",
    "/etc/NetworkManager/conf.d/30-cloud-init-ip6-addr-gen-mode.conf",
    "/etc/NetworkManager/system-connections/cloud-init-*.nmconnection",
    "/etc/systemd/network/10-cloud-init-*.network",
    "/etc/network/interfaces.d/50-cloud-init{,.cfg}",
    "/etc/ssh/sshd_config.d/50-cloud-init.conf",
)
DISABLED = "/etc/cloud/cloud-init.disabled"


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removals, if the guest has or had cloud-init."""
    if guest.files.is_dir("/var/lib/cloud") or guest.files.is_dir("/etc/cloud"):
        generated = () if guest.files.exists(DISABLED) else GENERATED
        yield from remove_matching(guest.files, *STATE, *generated)


OPERATION = Operation(
    summary="Remove the state of cloud-init and what it generated", families=LINUX, plan=plan
)
