"""What makes machines distinct, and virt-sysprep leaves: each is taken away, or a reason is written down."""

from __future__ import annotations

import pytest

from imgtools.ops.operation import load_shelf
from imgtools.ops.selection import Selection, choose
from imgtools.ops.shelf_plan import all_changes, plan_operations
from tests.house.source import ROOT
from tests.support.memory import Content
from tests.support.sysprep import guest_of, planned, words

SHELF = load_shelf("imgtools.ops.sysprep")
REASONS = ROOT / "docs" / "decisions" / "what-sysprep-leaves.md"
UUID = "7d1c2f2a-0d9a-4c84-9d8e-5a0f8e2f5c11"
# path -> content, and the operation that has to act on it
IDENTITY: dict[str, tuple[str, str]] = {
    "/var/lib/cloud/instance-id": ("i-1", "cloud-init"),
    "/etc/netplan/50-cloud-init.yaml": ("network: {}", "cloud-init"),
    "/etc/NetworkManager/conf.d/99-cloud-init.conf": ("x", "cloud-init"),
    "/etc/NetworkManager/conf.d/30-cloud-init-ip6-addr-gen-mode.conf": ("x", "cloud-init"),
    "/etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection": ("x", "cloud-init"),
    "/etc/systemd/network/10-cloud-init-eth0.network": ("x", "cloud-init"),
    "/etc/network/interfaces.d/50-cloud-init.cfg": ("x", "cloud-init"),
    "/etc/ssh/sshd_config.d/50-cloud-init.conf": ("x", "cloud-init"),
    "/var/lib/NetworkManager/secret_key": ("k", "networkmanager-state"),
    "/var/lib/NetworkManager/internal-1-eth0.lease": ("x", "networkmanager-state"),
    "/var/lib/NetworkManager/seen-bssids": ("x", "networkmanager-state"),
    "/var/lib/NetworkManager/timestamps": ("x", "networkmanager-state"),
    "/var/lib/dhcpcd/duid": ("x", "dhcp-client-state"),
    "/etc/dhcpcd.duid": ("x", "dhcp-client-state"),
    "/var/lib/systemd/network/duid": ("x", "dhcp-client-state"),
    "/var/lib/wicked/duid.xml": ("x", "dhcp-client-state"),
    "/etc/hostid": ("abcd", "hostid"),
    "/etc/hostname": ("web1\n", "hostname"),
    "/etc/machine-info": ("PRETTY_HOSTNAME=Web\n", "hostname"),
    "/etc/iscsi/initiatorname.iscsi": ("InitiatorName=x", "iscsi-initiator"),
    "/etc/nvme/hostnqn": ("x", "nvme-host"),
    "/etc/nvme/hostid": ("x", "nvme-host"),
    "/var/lib/systemd/random-seed": ("x", "random-seed"),
    "/var/lib/systemd/credential.secret": ("x", "credential-secret"),
    "/etc/kernel/cmdline": ("ro systemd.machine_id=0123\n", "machine-id"),
    "/var/lib/dbus/machine-id": ("0123\n", "machine-id"),
    "/var/lib/apt/lists/deb_InRelease": ("x", "package-manager-cache"),
    "/var/cache/apk/a.apk": ("x", "package-manager-cache"),
    "/var/cache/pacman/pkg/a.zst": ("x", "package-manager-cache"),
    "/var/cache/libdnf5/a.solv": ("x", "package-manager-cache"),
    "/var/cache/zypp/raw/a": ("x", "package-manager-cache"),
    "/etc/netplan/01.yaml": (
        "network:\n  ethernets:\n    a:\n      match:\n        macaddress: 52:54:00:12:34:56\n",
        "net-match",
    ),
    "/etc/systemd/network/10.link": ("[Match]\nMACAddress=52:54:00:12:34:56\n", "net-match"),
    "/etc/network/interfaces": ("iface e inet dhcp\n  hwaddress ether 52:54:00:12:34:56\n", "net-match"),
    "/etc/netctl/e": ("MACAddress=52:54:00:12:34:56\n", "net-match"),
    "/etc/sysconfig/network/ifcfg-eth0": ("LLADDR=52:54:00:12:34:56\n", "net-hwaddr"),
    "/var/lib/snapd/device/private-keys-v1/k": ("x", "snapd-state"),
    "/etc/docker/key.json": ("{}", "container-identity"),
    "/var/lib/docker/engine-id": (UUID, "container-identity"),
    "/var/lib/kubelet/pki/kubelet-client-current.pem": ("x", "container-identity"),
    "/var/lib/containerd/io.containerd.grpc.v1.introspection/uuid": (UUID, "container-identity"),
    "/var/lib/libvirt/dnsmasq/virbr0.status": ("[]", "dhcp-server-state"),
    "/var/lib/tailscale/tailscaled.state": ("x", "tailscale"),
    "/var/lib/zerotier-one/identity.secret": ("x", "zerotier"),
    "/etc/wireguard/wg0.conf": ("x", "wireguard"),
    "/etc/puppetlabs/puppet/ssl/private_keys/a.pem": ("x", "puppet-data-log"),
    "/opt/puppetlabs/puppet/cache/state/a": ("x", "puppet-data-log"),
    "/etc/salt/pki/minion/minion.pem": ("x", "salt-minion"),
    "/etc/chef/client.pem": ("x", "chef-client"),
    "/var/lib/landscape/client/broker.bpickle": ("x", "landscape-client"),
    "/etc/zabbix/zabbix_agent2.conf": ("Hostname=web1\n", "zabbix-agent"),
    "/etc/mailname": ("web1.example.com\n", "mail-names"),
    "/etc/popularity-contest.conf": ('MY_HOSTID="1"\n', "popularity-contest"),
    "/etc/insights-client/machine-id": (UUID, "insights-client"),
    "/var/lib/ubuntu-advantage/private/machine-token.json": ("{}", "ubuntu-pro"),
    "/home/alice/.local/share/fish/fish_history": ("x", "editor-history"),
    "/home/alice/.python_history": ("x", "editor-history"),
    "/home/alice/.psql_history": ("x", "editor-history"),
    "/home/alice/.lesshst": ("x", "editor-history"),
    "/home/alice/.viminfo": ("x", "editor-history"),
    "/home/alice/.wget-hsts": ("x", "editor-history"),
    "/var/lib/postgresql/.ssh/authorized_keys": ("x", "ssh-userdir"),
    "/var/lib/postgresql/.bash_history": ("x", "bash-history"),
    "/var/lib/sudo/ts/alice": ("x", "sudo-timestamps"),
    "/var/lib/AccountsService/users/alice": ("x", "logfiles"),
}
# What stays, by the words that the page of reasons uses.
LEFT = (
    "cloud-init.disabled",
    "entry-token",
    "loader/entries/MACHINE-ID-",
    "host_uuid",
    "/var/lib/etcd",
    "node_exporter",
    "Ansible",
    "Swap",
    "hibernated",
    "TPM",
    "LUKS master keys",
    "Windows",
)


@pytest.mark.parametrize("path", IDENTITY)
def test_identity_is_taken_away_by_default(path: str) -> None:
    content, operation = IDENTITY[path]
    files: dict[str, Content] = {path: content, "/etc/cloud/cloud.cfg": ""}
    acting = [one for one in plan_operations(guest_of(files), choose(SHELF, Selection())) if one.changes]
    assert operation in {one.shelved.name for one in acting} - {"lvm-uuids"}
    places = {str(getattr(change, "path", "")) for change in all_changes(acting)}
    assert any(path == place or path.startswith(f"{place}/") for place in places if place)


def test_what_cloud_init_would_not_make_again_stays() -> None:
    config = "/etc/netplan/50-cloud-init.yaml"
    files: dict[str, Content] = {config: "network: {}", "/var/lib/cloud/instance-id": "i-1"}
    enabled = guest_of({**files, "/etc/cloud/cloud.cfg": ""})
    disabled = guest_of({**files, "/etc/cloud/cloud-init.disabled": ""})
    state = "remove /var/lib/cloud/instance-id (3)"
    assert words(planned(SHELF["cloud-init"], enabled), enabled) == [f"remove {config} (11)", state]
    assert words(planned(SHELF["cloud-init"], disabled), disabled) == [state]


@pytest.mark.parametrize("word", LEFT)
def test_what_stays_has_a_reason(word: str) -> None:
    assert word in REASONS.read_text(encoding="utf-8")
