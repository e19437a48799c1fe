"""Every operation of the sysprep shelf: where it acts, and that it leaves alone what is not its own.

One used guest has something for every operation; ``WANTED`` says what each makes of it.
"""

from __future__ import annotations

import pytest

from imgtools.ops.operation import load_shelf
from tests.support.memory import Content, Node, link
from tests.support.sysprep import NETPLAN, guest_of, planned, words

SHELF = load_shelf("imgtools.ops.sysprep")
# operation -> files that it acts on, and what it makes of them, in the words of the plan.
WANTED: dict[str, tuple[dict[str, Content], list[str]]] = {
    "abrt-data": ({"/var/spool/abrt/oops-1/reason": "x"}, ["remove /var/spool/abrt/oops-1 (2 files, 1)"]),
    "application-logs": (
        {"/srv/shop/log/web.log": "xx", "/opt/a/b.log.1": "x", "/opt/db/000003.log": "d", "/home/a.log": "x"},
        ["empty /srv/shop/log/web.log (2)", "remove /opt/a/b.log.1 (1)"],
    ),
    "backup-files": (
        {"/etc/fstab.bak": "x", "/srv/a~": "", "/usr/b.bak": ""},
        ["remove /etc/fstab.bak (1)", "remove /srv/a~ (0)"],
    ),
    "bash-history": (
        {
            "/root/.bash_history": "ls",
            "/var/lib/postgresql/.bash_history": "psql",
            "/home/gone/.bash_history": "x",
        },
        [
            "remove /home/gone/.bash_history (1)",
            "remove /root/.bash_history (2)",
            "remove /var/lib/postgresql/.bash_history (4)",
        ],
    ),
    "blkid-tab": ({"/etc/blkid.tab.old": "x"}, ["remove /etc/blkid.tab.old (1)"]),
    "ca-certificates": (
        {
            "/etc/pki/CA/private/my.key": "k",
            "/etc/pki/tls/certs/ca-bundle.crt": "shipped",
            "/etc/pki/tls/certs/mine.crt": "c",
            "/usr/bin/update-ca-trust": "",
        },
        [
            "remove /etc/pki/CA/private/my.key (1)",
            "remove /etc/pki/tls/certs/mine.crt (1)",
            "run update-ca-trust extract",
        ],
    ),
    "chef-client": ({"/etc/chef/client.pem": "k"}, ["remove /etc/chef/client.pem (1)"]),
    "cloud-init": (
        {
            "/var/lib/cloud/instance": link("instances/i-1"),
            "/var/lib/cloud/instances/i-1/user-data.txt": "x",
            "/etc/cloud/cloud.cfg": "stays",
            "/etc/netplan/50-cloud-init.yaml": "x",
            "/etc/NetworkManager/system-connections/cloud-init-ens3.nmconnection": "x",
            "/var/log/cloud-init-output.log": "x",
        },
        [
            "remove /etc/NetworkManager/system-connections/cloud-init-ens3.nmconnection (1)",
            "remove /etc/netplan/50-cloud-init.yaml (1)",
            "remove /var/lib/cloud/instance (13)",
            "remove /var/lib/cloud/instances (3 files, 1)",
            "remove /var/log/cloud-init-output.log (1)",
        ],
    ),
    "container-identity": ({"/etc/docker/key.json": "{}"}, ["remove /etc/docker/key.json (2)"]),
    "crash-data": (
        {"/var/crash/1/vmcore": "x", "/var/log/dump/a": ""},
        ["remove /var/crash/1 (2 files, 1)", "remove /var/log/dump/a (0)"],
    ),
    "credential-secret": (
        {"/var/lib/systemd/credential.secret": "k"},
        ["remove /var/lib/systemd/credential.secret (1)"],
    ),
    "cron-spool": (
        {
            "/var/spool/cron/crontabs/alice": "* *",
            "/var/spool/cron/atjobs/.SEQ": "00007\n",
            "/var/spool/at/a1": "",
        },
        [
            "remove /var/spool/at/a1 (0)",
            "remove /var/spool/cron/crontabs/alice (3)",
            "write /var/spool/cron/atjobs/.SEQ (6)",
        ],
    ),
    "dhcp-client-state": (
        {"/var/lib/dhcp/dhclient.eth0.leases": "x", "/var/lib/dhcpcd/duid": "x"},
        ["remove /var/lib/dhcp/dhclient.eth0.leases (1)", "remove /var/lib/dhcpcd/duid (1)"],
    ),
    "dhcp-server-state": ({"/var/lib/dhcpd/dhcpd.leases": "x"}, ["remove /var/lib/dhcpd/dhcpd.leases (1)"]),
    "dovecot-data": ({"/var/lib/dovecot/ssl.dat": "x"}, ["remove /var/lib/dovecot/ssl.dat (1)"]),
    "editor-history": (
        {
            "/root/.viminfo": "x",
            "/home/alice/.local/share/fish/fish_history": "x",
            "/home/alice/.python_history": "",
        },
        [
            "remove /home/alice/.local/share/fish/fish_history (1)",
            "remove /home/alice/.python_history (0)",
            "remove /root/.viminfo (1)",
        ],
    ),
    "firewall-rules": (
        {"/etc/firewalld/zones/public.xml": "x"},
        ["remove /etc/firewalld/zones/public.xml (1)"],
    ),
    "flag-reconfiguration": ({}, ["create /.unconfigured (0)"]),
    "fs-uuids": ({}, ["new UUID for /dev/vg0/root"]),
    "hostid": ({"/etc/hostid": "abcd"}, ["remove /etc/hostid (4)"]),
    "hostname": (
        {"/etc/hostname": "web1\n", "/etc/machine-info": "PRETTY_HOSTNAME=Web\nICON_NAME=x\n"},
        ["empty /etc/hostname (5)", "write /etc/machine-info (12)"],
    ),
    "insights-client": (
        {"/etc/insights-client/machine-id": "x"},
        ["remove /etc/insights-client/machine-id (1)"],
    ),
    "ipa-client": (
        {
            "/etc/ipa/ca.crt": "x",
            "/usr/local/share/ca-certificates/ipa-ca.crt": "x",
            "/usr/sbin/update-ca-certificates": "",
        },
        [
            "remove /etc/ipa/ca.crt (1)",
            "remove /usr/local/share/ca-certificates/ipa-ca.crt (1)",
            "run update-ca-certificates",
        ],
    ),
    "iscsi-initiator": (
        {"/etc/iscsi/initiatorname.iscsi": "x"},
        ["remove /etc/iscsi/initiatorname.iscsi (1)"],
    ),
    "kerberos-data": (
        {"/var/kerberos/krb5kdc/principal": "x", "/var/kerberos/krb5kdc/kdc.conf": "stays"},
        ["remove /var/kerberos/krb5kdc/principal (1)"],
    ),
    "kerberos-hostkeytab": ({"/etc/krb5.keytab": "x"}, ["remove /etc/krb5.keytab (1)"]),
    "landscape-client": (
        {"/var/lib/landscape/client/broker.bpickle": "x"},
        ["remove /var/lib/landscape/client/broker.bpickle (1)"],
    ),
    "logfiles": (
        {
            "/var/log/syslog.1.gz": "xx",
            "/var/log/journal/abc/system.journal": "x",
            "/var/log/mine.txt": "goes",
            "/var/log/README": "stays",
            "/root/anaconda-ks.cfg": "",
        },
        [
            "empty /var/log/mine.txt (4)",
            "remove /root/anaconda-ks.cfg (0)",
            "remove /var/log/journal/abc (2 files, 1)",
            "remove /var/log/syslog.1.gz (2)",
        ],
    ),
    "lvm-backups": (
        {"/etc/lvm/backup/vg0": "x", "/etc/lvm/archive/vg0_1.vg": "x", "/etc/lvm/lvm.conf": "stays"},
        ["remove /etc/lvm/archive/vg0_1.vg (1)", "remove /etc/lvm/backup/vg0 (1)"],
    ),
    "lvm-system-devices": (
        {"/etc/lvm/devices/system.devices": "x"},
        ["remove /etc/lvm/devices/system.devices (1)"],
    ),
    "lvm-uuids": (
        {},
        ["new LVM UUIDs for vg0 (the group vg0 keeps its own: GRUB finds /boot by it)"],
    ),
    "machine-id": (
        {"/etc/machine-id": "0123\n", "/var/lib/dbus/machine-id": "0123\n"},
        ["empty /etc/machine-id (5)", "link /var/lib/dbus/machine-id -> /etc/machine-id"],
    ),
    "mail-names": (
        {"/etc/mailname": "web1.example.com\n", "/etc/postfix/main.cf": "myhostname = web1\nrelayhost =\n"},
        ["write /etc/mailname (10)", "write /etc/postfix/main.cf (12)"],
    ),
    "mail-spool": (
        {"/var/mail/alice": "x", "/var/spool/mail": link("../mail")},
        ["remove /var/mail/alice (1)"],
    ),
    "net-hostname": (
        {"/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\nDHCP_HOSTNAME=web1\n"},
        ["write /etc/sysconfig/network-scripts/ifcfg-eth0 (12)"],
    ),
    "net-hwaddr": (
        {"/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\nHWADDR=52:54:00:12:34:56\nUUID=1-2\n"},
        ["write /etc/sysconfig/network-scripts/ifcfg-eth0 (12)"],
    ),
    "net-match": (
        {
            "/etc/netplan/01-wired.yaml": NETPLAN,
            "/etc/systemd/network/10.network": "[Match]\nMACAddress=52:54:00:12:34:56\n[Link]\nMACAddress=x\n",
        },
        ["write /etc/netplan/01-wired.yaml (100)", "write /etc/systemd/network/10.network (26)"],
    ),
    "net-nmconn": (
        {"/etc/NetworkManager/system-connections/eth0.nmconnection": "x"},
        ["remove /etc/NetworkManager/system-connections/eth0.nmconnection (1)"],
    ),
    "net-static": (
        {
            "/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\nBOOTPROTO=static\nIPADDR=10.0.0.5\nPREFIX=24\n",
            "/etc/network/interfaces": "iface lo inet loopback\niface eth0 inet static\n    address 10.0.0.5/24\n",
        },
        ["write /etc/network/interfaces (44)", "write /etc/sysconfig/network-scripts/ifcfg-eth0 (27)"],
    ),
    "networkmanager-state": (
        {"/var/lib/NetworkManager/secret_key": "k"},
        ["remove /var/lib/NetworkManager/secret_key (1)"],
    ),
    "nvme-host": ({"/etc/nvme/hostnqn": "x"}, ["remove /etc/nvme/hostnqn (1)"]),
    "pacct-log": (
        {"/var/account/pacct": "x", "/var/account/pacct.1": "x"},
        ["empty /var/account/pacct (1)", "remove /var/account/pacct.1 (1)"],
    ),
    "package-manager-cache": (
        {
            "/var/cache/apt/archives/a.deb": "x",
            "/var/cache/apt/archives/lock": "",
            "/var/cache/libdnf5/x/y.solv": "x",
        },
        ["remove /var/cache/apt/archives/a.deb (1)", "remove /var/cache/libdnf5/x/y.solv (1)"],
    ),
    "pam-data": ({"/var/run": link("/run"), "/run/faillock/alice": "x"}, ["remove /run/faillock/alice (1)"]),
    "passwd-backups": ({"/etc/shadow-": "x"}, ["remove /etc/shadow- (1)"]),
    "popularity-contest": (
        {"/etc/popularity-contest.conf": 'MY_HOSTID="1"\nPARTICIPATE="yes"\n'},
        ["write /etc/popularity-contest.conf (18)"],
    ),
    "puppet-data-log": (
        {"/etc/puppetlabs/puppet/ssl/certs/a.pem": "x"},
        ["remove /etc/puppetlabs/puppet/ssl/certs (2 files, 1)"],
    ),
    "random-seed": ({"/var/lib/systemd/random-seed": "x"}, ["remove /var/lib/systemd/random-seed (1)"]),
    "rh-subscription-manager": (
        {"/etc/pki/consumer/cert.pem": "x"},
        ["remove /etc/pki/consumer/cert.pem (1)"],
    ),
    "rhn-systemid": ({"/etc/sysconfig/rhn/systemid": "x"}, ["remove /etc/sysconfig/rhn/systemid (1)"]),
    "rpm-db": (
        {"/var/lib/rpm/__db.001": "x", "/var/lib/rpm/rpmdb.sqlite": "stays"},
        ["remove /var/lib/rpm/__db.001 (1)"],
    ),
    "salt-minion": ({"/etc/salt/pki/minion/minion.pem": "x"}, ["remove /etc/salt/pki/minion/minion.pem (1)"]),
    "samba-db-log": (
        {"/var/lib/samba/private/secrets.tdb": "x"},
        ["remove /var/lib/samba/private (2 files, 1)"],
    ),
    "smolt-uuid": ({"/etc/sysconfig/hw-uuid": "x"}, ["remove /etc/sysconfig/hw-uuid (1)"]),
    "snapd-state": ({"/var/lib/snapd/device/key.json": "x"}, ["remove /var/lib/snapd/device/key.json (1)"]),
    "ssh-hostkeys": (
        {"/etc/ssh/ssh_host_rsa_key": "k", "/etc/ssh/ssh_host_rsa_key.pub": "p"},
        ["remove /etc/ssh/ssh_host_rsa_key (1)", "remove /etc/ssh/ssh_host_rsa_key.pub (1)"],
    ),
    "ssh-userdir": (
        {"/root/.ssh/authorized_keys": "k", "/var/lib/postgresql/.ssh/id_rsa": "k"},
        ["remove /root/.ssh (2 files, 1)", "remove /var/lib/postgresql/.ssh (2 files, 1)"],
    ),
    "sssd-db-log": ({"/var/lib/sss/db/cache.ldb": "x"}, ["remove /var/lib/sss/db/cache.ldb (1)"]),
    "sudo-timestamps": ({"/var/lib/sudo/ts/alice": "x"}, ["remove /var/lib/sudo/ts/alice (1)"]),
    "tailscale": (
        {"/var/lib/tailscale/tailscaled.state": "x"},
        ["remove /var/lib/tailscale/tailscaled.state (1)"],
    ),
    "tmp-files": (
        {"/tmp/.X11-unix/X0": Node(content=b""), "/tmp/a": "x"},
        ["remove everything in /tmp (3 files, 1)"],
    ),
    "ubuntu-pro": (
        {"/var/lib/ubuntu-advantage/private/machine-token.json": "x"},
        ["remove /var/lib/ubuntu-advantage/private/machine-token.json (1)"],
    ),
    "udev-persistent-net": (
        {"/etc/udev/rules.d/70-persistent-net.rules": "x"},
        ["remove /etc/udev/rules.d/70-persistent-net.rules (1)"],
    ),
    "user-account": (
        {"/home/alice/x": "1", "/var/mail/alice": "1", "/etc/subuid": "alice:100000:65536\n"},
        [
            "remove /home/alice (2 files, 1)",
            "remove /var/mail/alice (1)",
            "write /etc/group (14)",
            "write /etc/passwd (82)",
            "write /etc/shadow (15)",
            "write /etc/subuid (0)",
        ],
    ),
    "utmp": ({"/var/run": link("/run"), "/run/utmp": "x"}, ["remove /run/utmp (1)"]),
    "yum-uuid": ({"/var/lib/yum/uuid": "x"}, ["remove /var/lib/yum/uuid (1)"]),
    "wireguard": (
        {
            "/etc/wireguard/wg0.conf": "[Interface]\nPrivateKey = k\n",
            "/etc/systemd/network/wg1.netdev": "[NetDev]\nKind=wireguard\n[WireGuard]\nPrivateKey=k\n",
        },
        ["remove /etc/wireguard/wg0.conf (27)", "write /etc/systemd/network/wg1.netdev (36)"],
    ),
    "zabbix-agent": (
        {"/etc/zabbix/zabbix_agentd.conf": "Server=z\nHostname=web1\n"},
        ["write /etc/zabbix/zabbix_agentd.conf (9)"],
    ),
    "zerotier": (
        {"/var/lib/zerotier-one/identity.secret": "x"},
        ["remove /var/lib/zerotier-one/identity.secret (1)"],
    ),
    "zsh-history": ({"/root/.zsh_history": "x"}, ["remove /root/.zsh_history (1)"]),
}

# These do what the user hands them, and nothing of themselves.
ON_DEMAND = {"customize", "script"}


def test_every_operation_is_tried() -> None:
    of_windows = {
        name for name in SHELF if name.startswith("windows-")
    }  # tests of their own: test_windows.py
    assert set(WANTED) | ON_DEMAND == set(SHELF) - of_windows


@pytest.mark.parametrize("name", sorted(WANTED))
def test_an_operation_finds_what_it_is_for(name: str) -> None:
    files, expected = WANTED[name]
    guest = guest_of(files)
    assert words(planned(SHELF[name], guest), guest) == expected


@pytest.mark.parametrize(
    "name",
    sorted(
        set(SHELF)
        - {"flag-reconfiguration", "fs-uuids", "lvm-uuids", "user-account", "windows-network-cards"}
    ),
)
def test_an_operation_finds_nothing_in_a_guest_that_has_nothing(name: str) -> None:
    assert planned(SHELF[name], guest_of({})) == []
