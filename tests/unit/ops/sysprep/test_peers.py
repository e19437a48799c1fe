"""What virt-sysprep removes, imgtools removes: every operation of it, and every path pattern of each.

``PEERS`` is its list, pattern by pattern (guestfs-tools 1.57, sysprep/sysprep_operation_*.ml). A file is put where
each pattern matches, and the operation of the same name has to take it away. What happens otherwise is said in
``OTHERWISE``, with the reason.
"""

from __future__ import annotations

import pytest

from imgtools.change.change import Change, NewLvmUuids, Remove, SetUuid, Truncate, WriteFile
from imgtools.ops.operation import load_shelf
from tests.support.memory import Content, link
from tests.support.sysprep import BASE, guest_of, planned

SHELF = load_shelf("imgtools.ops.sysprep")
HOMES = ("/home/*", "/root")
PEERS: dict[str, tuple[str, ...]] = {
    "abrt-data": ("/var/spool/abrt/*",),
    "backup-files": (
        *(f"{place}/{name}" for place in ("/etc", "/root", "/srv", "/tmp", "/var") for name in ("*.bak", "*~")),
        "/etc/*/*.bak",
        "/var/*/*/*~",
    ),
    "bash-history": tuple(f"{home}/.bash_history" for home in HOMES),
    "blkid-tab": tuple(
        f"{path}{old}"
        for path in ("/var/run/blkid.tab", "/etc/blkid/blkid.tab", "/etc/blkid.tab", "/dev/.blkid.tab")
        for old in ("", ".old")
    ),
    "ca-certificates": (
        "/etc/pki/CA/certs/*.crt", "/etc/pki/CA/crl/*.crt", "/etc/pki/CA/newcerts/*.crt",
        "/etc/pki/CA/private/*.key", "/etc/pki/tls/private/*.key", "/etc/pki/tls/certs/*.crt",
    ),
    "crash-data": ("/var/crash/*", "/var/log/dump/*"),
    "cron-spool": (
        "/var/spool/cron/*", "/var/spool/cron/*/*", "/var/spool/at/*", "/var/spool/at/*/*",
        "/var/spool/atjobs/*", "/var/spool/atspool/*",
        "/var/spool/cron/atjobs/.SEQ", "/var/spool/atjobs/.SEQ", "/var/spool/at/.SEQ",
    ),
    "customize": (),
    "dhcp-client-state": ("/var/lib/dhclient/*", "/var/lib/dhcp/*"),
    "dhcp-server-state": ("/var/lib/dhcpd/*",),
    "dovecot-data": ("/var/lib/dovecot/*",),
    "firewall-rules": ("/etc/sysconfig/iptables", "/etc/firewalld/services/*", "/etc/firewalld/zones/*"),
    "flag-reconfiguration": (),
    "fs-uuids": (),
    "ipa-client": (
        "/etc/ipa/ca.crt", "/etc/ipa/default.conf", "/var/lib/ipa-client/sysrestore/*", "/var/lib/ipa-client/pki/*",
        "/etc/pki/ca-trust/source/anchors/ipa-ca.crt", "/usr/local/share/ca-certificates/ipa-ca.crt",
        "/etc/pki/ca-trust/source/ipa.p11-kit",
    ),
    "kerberos-data": ("/var/kerberos/krb5kdc/*",),
    "kerberos-hostkeytab": ("/etc/krb5.keytab",),
    "logfiles": (
        "/var/log/*.log*", "/var/log/audit/*", "/var/log/btmp*", "/var/log/cron*", "/var/log/dmesg*",
        "/var/log/lastlog*", "/var/log/maillog*", "/var/log/mail/*", "/var/log/messages*", "/var/log/secure*",
        "/var/log/spooler*", "/var/log/tallylog*", "/var/log/wtmp*", "/var/log/apache2/*_log",
        "/var/log/apache2/*_log-*", "/var/log/ntp", "/var/log/tuned/tuned.log", "/var/log/debug*", "/var/log/syslog*",
        "/var/log/faillog*", "/var/log/firewalld*", "/var/log/grubby*", "/var/log/xferlog*",
        "/var/log/BackupPC/LOG", "/var/log/ceph/*.log", "/var/log/chrony/*.log", "/var/log/cups/*_log*",
        "/var/log/glusterfs/*glusterd.vol.log", "/var/log/glusterfs/glusterfs.log", "/var/log/httpd/*log",
        "/var/log/jetty/jetty-console.log", "/var/log/libvirt/libxl/*.log", "/var/log/libvirt/libvirtd.log",
        "/var/log/libvirt/lxc/*.log", "/var/log/libvirt/qemu/*.log", "/var/log/libvirt/uml/*.log",
        "/var/named/data/named.run", "/var/log/ppp/connect-errors", "/var/log/setroubleshoot/*.log",
        "/var/log/squid/*.log", "/var/lib/logrotate.status",
        "/root/install.log", "/root/install.log.syslog", "/root/anaconda-ks.cfg", "/root/anaconda-post.log",
        "/root/initial-setup-ks.cfg", "/root/original-ks.cfg", "/var/log/anaconda.syslog", "/var/log/anaconda/*",
        "/var/log/installer/*",
        "/var/cache/gdm/*", "/var/lib/AccountService/users/*", "/var/lib/fprint/*", "/var/cache/fontconfig/*",
        "/var/cache/man/*", "/var/log/sa/*", "/var/log/gdm/*", "/var/log/lightdm/*", "/var/log/ntpstats/*",
        "/etc/Pegasus/*.cnf", "/etc/Pegasus/*.crt", "/etc/Pegasus/*.csr", "/etc/Pegasus/*.pem", "/etc/Pegasus/*.srl",
        "/var/log/rhsm/*", "/var/log/journal/*", "/var/log/aptitude*", "/var/log/apt/*", "/var/log/exim4/*",
        "/var/log/ConsoleKit/*",
    ),
    "lvm-system-devices": ("/etc/lvm/devices/system.devices",),
    "lvm-uuids": (),
    "machine-id": ("/etc/machine-id", "/var/lib/dbus/machine-id"),
    "mail-spool": ("/var/spool/mail/*", "/var/mail/*"),
    "net-hostname": ("/etc/sysconfig/network-scripts/ifcfg-*",),
    "net-hwaddr": ("/etc/sysconfig/network-scripts/ifcfg-*",),
    "net-nmconn": ("/etc/NetworkManager/system-connections/*.nmconnection",),
    "pacct-log": (
        "/var/account/pacct*", "/var/log/account/pacct*", "/var/account/pacct", "/var/log/account/pacct",
    ),
    "package-manager-cache": (
        "/var/cache/apt/archives/*", "/var/cache/apt/archives/*/*", "/var/cache/dnf/*/*", "/var/cache/yum/*/*",
        "/var/cache/zypp/*/*", "/var/cache/zypper/*",
    ),
    "pam-data": ("/var/run/console/*", "/var/run/faillock/*", "/var/run/sepermit/*"),
    "passwd-backups": tuple(f"/etc/{name}-" for name in ("group", "gshadow", "passwd", "shadow", "subuid", "subgid")),
    "puppet-data-log": ("/var/log/puppet/*", "/var/lib/puppet/*/*", "/var/lib/puppet/*/*/*"),
    "rh-subscription-manager": ("/etc/pki/consumer/*", "/etc/pki/entitlement/*"),
    "rhn-systemid": ("/etc/sysconfig/rhn/systemid", "/etc/sysconfig/rhn/osad-auth.conf"),
    "rpm-db": ("/var/lib/rpm/__db.*",),
    "samba-db-log": ("/var/log/samba/old/*", "/var/log/samba/*", "/var/lib/samba/*/*", "/var/lib/samba/*"),
    "script": (),
    "smolt-uuid": ("/etc/sysconfig/hw-uuid", "/etc/smolt/uuid", "/etc/smolt/hw-uuid"),
    "ssh-hostkeys": ("/etc/ssh/*_host_*",),
    "ssh-userdir": tuple(f"{home}/.ssh" for home in HOMES),
    "sssd-db-log": ("/var/log/sssd/*", "/var/lib/sss/db/*"),
    "tmp-files": ("/tmp/*", "/tmp/.*", "/var/tmp/*", "/var/tmp/.*"),
    "udev-persistent-net": ("/etc/udev/rules.d/70-persistent-net.rules",),
    "user-account": ("/home/alice/*", "/var/spool/mail/alice"),
    "utmp": ("/var/run/utmp",),
    "yum-uuid": ("/var/lib/yum/uuid",),
    "zsh-history": tuple(f"{home}/.zsh_history" for home in HOMES),
}  # fmt: skip
# What these files hold, where it matters.
CONTENT = {
    "net-hostname": "DEVICE=eth0\nHOSTNAME=web1\nDHCP_HOSTNAME=web1\n",
    "net-hwaddr": "DEVICE=eth0\nHWADDR=52:54:00:12:34:56\n",
    "cron-spool": "00007\n",
}
# What is left of a file that does not go as a whole.
OTHERWISE = {
    ("net-hostname", "/etc/sysconfig/network-scripts/ifcfg-*"): b"DEVICE=eth0\n",
    ("net-hwaddr", "/etc/sysconfig/network-scripts/ifcfg-*"): b"DEVICE=eth0\n",
    ("machine-id", "/etc/machine-id"): b"",  # systemd mounts over it: without the file a read-only root fails
    # acct does not make its file
    ("pacct-log", "/var/account/pacct"): b"",
    ("pacct-log", "/var/log/account/pacct"): b"",
    # counters that at(1) has to find
    ("cron-spool", "/var/spool/cron/atjobs/.SEQ"): b"00000\n",
    ("cron-spool", "/var/spool/atjobs/.SEQ"): b"00000\n",
    ("cron-spool", "/var/spool/at/.SEQ"): b"00000\n",
}
EMPTIED = {one for one in PEERS["logfiles"] if one.startswith("/var/log/")} - {
    "/var/log/journal/*", "/var/log/sa/*", "/var/log/installer/*", "/var/log/anaconda/*", "/var/log/anaconda.syslog",
}  # fmt: skip
# The peer keeps these.
KEPT = {
    "ca-certificates": ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/certs/ca-bundle.trust.crt"),
    "kerberos-data": ("/var/kerberos/krb5kdc/kadm5.acl", "/var/kerberos/krb5kdc/kdc.conf"),
    "cron-spool": ("/var/spool/cron/.SEQ",),
    "backup-files": ("/usr/share/doc/a.bak", "/opt/b~", "/etc/fstab.bak.txt"),
    "user-account": ("/var/spool/mail/root",),
}
CASES = [(name, pattern) for name, patterns in PEERS.items() for pattern in patterns]


def matching(pattern: str) -> str:
    """A path that a pattern matches: one that a careless glob of ours would miss."""
    return pattern.replace("/home/*", "/home/alice").replace("*", "x-1")


def fate(path: str, changes: list[Change], content: bytes) -> bytes | None:
    """What is left of a file; None: it is gone."""
    for change in changes:
        if isinstance(change, Remove) and (path == change.path or path.startswith(f"{change.path}/")):
            return None
        if isinstance(change, Truncate) and change.path == path:
            return b""
        if isinstance(change, WriteFile) and change.path == path:
            content = change.content
    return content


@pytest.mark.parametrize(("name", "pattern"), CASES, ids=[f"{name}:{pattern}" for name, pattern in CASES])
def test_what_a_peers_pattern_matches_is_planned_away(name: str, pattern: str) -> None:
    path, content = matching(pattern), CONTENT.get(name, "a")
    files: dict[str, Content] = {path: content}
    changes = planned(SHELF[name], guest_of(files))
    left = fate(path, changes, content.encode())
    # The peer removes logs that some services cannot make again.
    assert left == OTHERWISE.get((name, pattern)) or (
        name == "logfiles" and pattern in EMPTIED and left == b""
    )


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name, paths in KEPT.items() for path in paths], ids=lambda one: one
)
def test_what_a_peer_keeps_is_kept(name: str, path: str) -> None:
    assert fate(path, planned(SHELF[name], guest_of({path: "a"})), b"a") == b"a"


def test_every_operation_of_the_peer_has_its_namesake() -> None:
    assert len(PEERS) == 45
    assert set(PEERS) <= set(SHELF)


def test_operations_without_patterns() -> None:
    """The peer's other means: a flag, new UUIDs; a script and the options change nothing of themselves."""
    guest = guest_of({})
    kinds = {
        "flag-reconfiguration": [WriteFile("/.unconfigured", b"")],
        "fs-uuids": [SetUuid("/dev/vg0/root")],
        "lvm-uuids": [NewLvmUuids(("vg0",), ("vg0",))],
        "customize": [],
        "script": [],
    }
    assert {name: planned(SHELF[name], guest) for name in kinds} == kinds
    assert {name for name, patterns in PEERS.items() if not patterns} == set(kinds)


@pytest.mark.parametrize("name", sorted(PEERS))
def test_no_derivative_is_passed_over(name: str) -> None:
    """The peer asks for names of distributions, and passes over Rocky; here any Linux guest is served."""
    guest = guest_of({}, distro="rocky", families=("rocky", "rhel", "fedora"))
    assert SHELF[name].operation.families.include(guest)
    strange = guest_of({}, distro="nobody-knows", families=("nobody-knows",))
    assert SHELF[name].operation.families.include(strange)


def test_a_link_in_the_place_of_blkids_cache_stays() -> None:
    files: dict[str, Content] = {"/etc/blkid.tab": link("/dev/.blkid.tab"), "/dev/.blkid.tab": "x"}
    (change,) = planned(SHELF["blkid-tab"], guest_of(files))
    assert change == Remove("/dev/.blkid.tab", size=1)


def test_an_account_leaves_nothing_in_any_file() -> None:
    """The peer leaves gshadow, subordinate ids, and memberships in other groups."""
    more: dict[str, Content] = {
        "/etc/gshadow": "sudo:*::alice,bob\nalice:!::\n",
        "/etc/subuid": "alice:100000:65536\n",
        "/etc/subgid": "alice:100000:65536\n",
        "/etc/sudoers.d/alice": "alice ALL=(ALL) ALL\n",
    }
    guest = guest_of(more)
    changes = planned(SHELF["user-account"], guest)
    for path in ("/etc/passwd", "/etc/shadow", "/etc/group", *more):
        text = {**BASE, **more}[path]
        assert isinstance(text, str)
        assert b"alice" not in (fate(path, changes, text.encode()) or b""), path
