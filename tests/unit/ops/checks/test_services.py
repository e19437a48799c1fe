"""Checks of what is started, of what that runs, and of what it opens to the network."""

from __future__ import annotations

import pytest

from imgtools.records.audit import Level, Result
from tests.support.checks import Case, audited, hold, report_of
from tests.support.memory import Content, Node, directory, link
from tests.support.services import ADMIN, SYSTEMD, VENDOR, unit, units

NFT = "/etc/nftables.conf"
LETS_ALL_IN = "table inet filter {\n chain input {\n  type filter hook input priority filter;\n }\n}\n"
DROPS = LETS_ALL_IN.replace("priority filter;", "priority filter; policy drop;")
RULE = LETS_ALL_IN.replace("priority filter;", "priority filter;\n tcp dport { 22, 80 } accept\n reject")
OUTPUT = (
    LETS_ALL_IN
    + "table inet x {\n chain output {\n type filter hook output priority 0; policy drop;\n }\n}\n"
)


def started(id: str, name: str, *, kind: str = "service") -> Case:
    """A service that should not be started: started, and only installed."""
    full = f"{name}.{kind}"
    said = name if kind == "service" else full
    return Case(id, unit(full), (f"{VENDOR}/{full} {said}",), unit(full, on=False))


CASES = (
    started("network-clear-text-services", "telnet", kind="socket"),
    started("network-clear-text-services", "tftpd-hpa"),
    started("network-needless-services", "rpcbind"),
    started("network-needless-services", "avahi-daemon", kind="socket"),
    started("network-wireless", "wpa_supplicant"),
    Case(
        "network-clear-text-services",
        {
            "/sbin/openrc": "",
            "/etc/init.d/telnetd": "",
            "/etc/runlevels/default/telnetd": link("/etc/init.d/telnetd"),
        },
        ("/etc/init.d/telnetd telnetd",),
        {"/sbin/openrc": "", "/etc/init.d/telnetd": ""},
    ),
    Case(
        "network-needless-services",
        {**SYSTEMD, "/etc/init.d/snmpd": "", "/etc/rc3.d/S20snmpd": link("../init.d/snmpd")},
        ("/etc/init.d/snmpd snmpd",),
        {**unit("snmpd.service"), f"{ADMIN}/snmpd.service": link("/dev/null")},
    ),
    # Whoever is not there cannot be started: a link that leads nowhere.
    Case(
        "network-needless-services",
        units("cups.service", "cups.socket"),
        (f"{VENDOR}/cups.service cups", f"{VENDOR}/cups.socket cups.socket"),
        {**SYSTEMD, f"{ADMIN}/multi-user.target.wants/cups.service": link(f"{VENDOR}/cups.service")},
    ),
    Case(
        "service-debug-shell",
        unit("debug-shell.service"),
        (f"{VENDOR}/debug-shell.service debug-shell",),
        unit("debug-shell.service", on=False),
        fixed=True,
    ),
    Case(
        "service-ctrl-alt-del",
        {**SYSTEMD, f"{VENDOR}/ctrl-alt-del.target": ""},
        (f"{ADMIN}/ctrl-alt-del.target",),
        {**SYSTEMD, f"{VENDOR}/ctrl-alt-del.target": "", f"{ADMIN}/ctrl-alt-del.target": link("/dev/null")},
        fixed=True,
    ),
    Case(
        "service-ctrl-alt-del",
        {"/etc/inittab": "id:3:initdefault:\nca::ctrlaltdel:/sbin/shutdown -t3 -r now\n"},
        ("/etc/inittab:2",),
        {"/etc/inittab": "#ca::ctrlaltdel:/sbin/shutdown -r now\nca::ctrlaltdel:/bin/true\n"},
    ),
    Case(
        "service-programs",
        {
            **unit("app.service", "[Service]\nExecStartPre=/bin/true\nExecStart=-/srv/app/run --x\n"),
            **unit(
                "mine.service",
                "[Service]\nUser=alice\nExecStart=/home/alice/run\nExecStartPre=+/home/alice/pre\n",
            ),
            "/bin/true": "",
            "/srv/app": directory(0o777),
            "/srv/app/run": "",
            "/home/alice": Node(directory().kind, uid=1000),
            "/home/alice/run": "",
            "/home/alice/pre": "",
        },
        (f"{VENDOR}/app.service:3 /srv/app/run", f"{VENDOR}/mine.service:4 /home/alice/pre"),
        {
            **unit("app.service", "[Service]\nExecStart=/srv/app/run\n"),
            **unit("mine.service", "[Service]\nDynamicUser=yes\nExecStart=/home/alice/run\n"),
            "/srv/app/run": "",
            "/srv": directory(0o1777),
            "/home/alice": Node(directory().kind, uid=1000),
            "/home/alice/run": "",
        },
    ),
    Case(
        "service-root-daemons",
        unit("app.service", "[Unit]\nAfter=network.target\n[Service]\nExecStart=/srv/run\n", folder=ADMIN),
        (f"{ADMIN}/app.service app",),
        {
            **unit("a.service", "[Unit]\nAfter=network.target\n[Service]\nExecStart=/srv/run\n"),
            **unit(
                "b.service", "[Unit]\nAfter=network.target\n[Service]\nExecStart=/b\nUser=b\n", folder=ADMIN
            ),
            **unit("c.service", "[Unit]\nAfter=time.target\n[Service]\nExecStart=/c\n", folder=ADMIN),
            **unit(
                "d.service",
                "[Unit]\nAfter=network.target\n[Service]\nType=oneshot\nExecStart=/d\n",
                folder=ADMIN,
            ),
        },
    ),
    Case("network-firewall", {**SYSTEMD, NFT: DROPS}, ("",), {**unit("nftables.service"), NFT: DROPS}),
    Case(
        "network-firewall",
        {**unit("nftables.service"), NFT: f"#{DROPS.splitlines()[2]}\n{OUTPUT}"},
        (f"{NFT} nftables",),
        {**unit("nftables.service"), NFT: RULE},
    ),
    Case(
        "network-firewall",
        {**unit("firewalld.service"), "/etc/firewalld/firewalld.conf": "DefaultZone=trusted\n"},
        ("/etc/firewalld/firewalld.conf firewalld",),
        unit("firewalld.service"),
    ),
    Case(
        "network-firewall",
        {**unit("ufw.service"), "/etc/ufw/ufw.conf": "ENABLED=no\n"},
        ("/etc/ufw/ufw.conf ufw",),
        {**unit("ufw.service"), "/etc/ufw/ufw.conf": "ENABLED=yes\n"},
    ),
    Case(
        "network-firewall",
        {
            **unit("iptables.service"),
            "/etc/sysconfig/iptables": "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\n",
        },
        ("/etc/sysconfig/iptables iptables",),
        {**unit("iptables.service"), "/etc/sysconfig/iptables": ":INPUT ACCEPT [0:0]\n-A INPUT -j REJECT\n"},
    ),
    Case(
        "network-super-server",
        {
            **unit("openbsd-inetd.service"),
            "/etc/inetd.conf": "#telnet stream\ntelnet stream tcp nowait root /usr/sbin/in.telnetd\nident stream tcp\n",
        },
        ("/etc/inetd.conf:2 telnet",),
        {**SYSTEMD, "/etc/inetd.conf": "telnet stream tcp nowait root /usr/sbin/in.telnetd\n"},
    ),
    Case(
        "network-super-server",
        {**unit("xinetd.service"), "/etc/xinetd.d/t": "service telnet\n{\n disable = no\n}\n"},
        ("/etc/xinetd.d/t telnet",),
        {**unit("xinetd.service"), "/etc/xinetd.d/t": "service telnet\n{\n disable = yes\n}\n"},
    ),
    Case(
        "network-listening-sockets",
        unit("a.socket", "[Socket]\nListenStream=/run/a\nListenStream=7000\nListenDatagram=[::]:7001\n"),
        (f"{VENDOR}/a.socket:3 a.socket", f"{VENDOR}/a.socket:4 a.socket"),
        {
            **unit("a.socket", "[Socket]\nListenStream=127.0.0.1:7000\nListenStream=[::1]:7\n"),
            **unit("ssh.socket", "[Socket]\nListenStream=22\n"),
            **unit("b.socket", "[Socket]\nListenStream=80\n", on=False),
            **unit("c.socket", "[Socket]\nListenStream=80\n"),
            f"{ADMIN}/c.socket.d/a.conf": "[Socket]\nListenStream=\nListenStream=10.0.0.1:80\n",
        },
    ),
    Case(
        "network-nfs-exports",
        {
            **unit("nfs-server.service"),
            "/etc/exports": "# a\n/srv/a 10.0.0.1(rw,no_root_squash)\n/srv/b *(rw) 10.0.0.1(ro)\n/srv/c -rw\n",
        },
        ("/etc/exports:2 /srv/a", "/etc/exports:3 /srv/b"),
        {**unit("nfs-server.service"), "/etc/exports": "/srv/a 10.0.0.1(rw)\n/srv/b *(ro)\n#/srv *(rw)\n"},
    ),
    Case(
        "network-snmp-communities",
        {
            **unit("snmpd.service"),
            "/etc/snmp/snmpd.conf": "rocommunity public default\nrwcommunity s3cret 10.0.0.0/8\n#rocommunity public\n",
        },
        ("/etc/snmp/snmpd.conf:1 rocommunity", "/etc/snmp/snmpd.conf:2 rwcommunity"),
        {
            **unit("snmpd.service"),
            "/etc/snmp/snmpd.conf": "rocommunity public localhost\nrocommunity s3cret\n",
        },
    ),
    Case(
        "network-docker-api",
        {"/etc/docker/daemon.json": '{"hosts": ["unix:///run/docker.sock", "tcp://0.0.0.0:2375"]}'},
        ("/etc/docker/daemon.json",),
        {"/etc/docker/daemon.json": '{"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": true}'},
    ),
    Case(
        "network-docker-api",
        unit("docker.service", "[Service]\nExecStart=/usr/bin/dockerd -H fd:// -H tcp://:2375\n"),
        (f"{VENDOR}/docker.service:2",),
        unit("docker.service", "[Service]\nExecStart=/usr/bin/dockerd -H fd:// -H tcp://127.0.0.1:2375\n"),
    ),
    Case(
        "network-open-databases",
        {
            "/etc/redis/redis.conf": "# protected-mode no\nbind 127.0.0.1 10.0.0.1\nprotected-mode no\n",
            "/etc/memcached.conf": "-d\n# -l 127.0.0.1\n-l 0.0.0.0\n",
            "/etc/mongod.conf": "net:\n  port: 27017\n  bindIp: 0.0.0.0\n",
            "/etc/postgresql/15/main/pg_hba.conf": "local all all trust\nhost all all 10.0.0.0/8 trust\n",
            "/etc/my.cnf": "[mysqld]\nskip-grant-tables\n",
        },
        (
            "/etc/redis/redis.conf:3 Redis",
            "/etc/memcached.conf:3 memcached",
            "/etc/mongod.conf:3 MongoDB",
            "/etc/postgresql/15/main/pg_hba.conf:2 PostgreSQL",
            "/etc/my.cnf:2 MySQL",
        ),
        {
            "/etc/redis/redis.conf": "bind 0.0.0.0\nprotected-mode no\nrequirepass x\n",
            "/etc/redis.conf": "bind 127.0.0.1 -::1\nprotected-mode no\n",
            "/etc/memcached.conf": "-d\n-l 127.0.0.1\n",
            "/etc/mongod.conf": "net:\n  bindIp: 0.0.0.0\nsecurity:\n  authorization: enabled\n",
            "/etc/postgresql/15/main/pg_hba.conf": "host all all 127.0.0.1/32 trust\nhost all all all scram-sha-256\n",
            "/etc/my.cnf": "[mysqld]\n#skip-grant-tables\nskip-grant-tables=0\n",
        },
    ),
    Case(
        "network-mail-local",
        {
            **unit("postfix.service"),
            "/etc/postfix/main.cf": "# inet_interfaces = localhost\nmyhostname = a\n",
        },
        ("/etc/postfix/main.cf",),
        {
            **unit("postfix.service"),
            "/etc/postfix/main.cf": "inet_interfaces = all\ninet_interfaces = loopback-only\n",
        },
    ),
    Case(
        "network-mail-local",
        {**unit("exim4.service"), "/etc/exim4/update-exim4.conf.conf": "dc_local_interfaces=''\n"},
        ("/etc/exim4/update-exim4.conf.conf",),
        {
            **unit("exim4.service"),
            "/etc/exim4/update-exim4.conf.conf": "dc_local_interfaces='127.0.0.1 ; ::1'\n",
        },
    ),
    Case(
        "network-anonymous-ftp",
        {**unit("vsftpd.service"), "/etc/vsftpd.conf": "anonymous_enable=YES\nlisten=YES\n"},
        ("/etc/vsftpd.conf",),
        {**unit("vsftpd.service"), "/etc/vsftpd.conf": "anonymous_enable=NO\n"},
        fixed=True,
    ),
    Case(
        "network-anonymous-ftp",
        {**unit("vsftpd.service"), "/etc/vsftpd.conf": "#anonymous_enable=NO"},
        ("/etc/vsftpd.conf",),
        {**SYSTEMD, "/etc/vsftpd.conf": "anonymous_enable=YES\n"},
        fixed=True,
    ),
    Case(
        "network-promiscuous",
        {
            "/etc/network/interfaces": "auto eth0\niface eth0 inet manual\n  up ip link set eth0 promisc on\n",
            "/etc/systemd/network/a.network": "[Link]\nPromiscuous=yes\n",
            "/etc/sysconfig/network-scripts/ifcfg-a": "PROMISC=yes\n",
        },
        (
            "/etc/network/interfaces:3",
            "/etc/sysconfig/network-scripts/ifcfg-a:1",
            "/etc/systemd/network/a.network:2",
        ),
        {
            "/etc/network/interfaces": "# up ip link set eth0 promisc on\n  down ip link set eth0 promisc off\n",
            "/etc/systemd/network/a.network": "[Link]\nPromiscuous=no\n",
        },
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)


def test_the_words_of_snmp_are_not_shown() -> None:
    case = next(one for one in CASES if one.id == "network-snmp-communities")
    report = report_of(case, case.bad)
    assert [one.severity for one in report.findings] == [Level.HIGH, Level.MEDIUM]
    assert "s3cret" not in repr(report)


@pytest.mark.parametrize("text", ["{", "[" * 5000, '["tcp://0.0.0.0"]'])
def test_a_damaged_daemon_json_is_not_decided(text: str) -> None:
    files: dict[str, Content] = {"/etc/docker/daemon.json": text}
    assert report_of(Case("network-docker-api", {}, ()), files).result is Result.UNDECIDED


def test_a_service_under_two_names_is_told_once() -> None:
    files = {
        **unit("smb.service"),
        f"{ADMIN}/smbd.service": link(f"{VENDOR}/smb.service"),
        f"{ADMIN}/multi-user.target.wants/smbd.service": link(f"{VENDOR}/smb.service"),
    }
    report = report_of(Case("network-needless-services", {}, ()), files)
    assert len({one.path for one in report.findings}) == len(report.findings)


def test_a_guest_without_init_has_no_services() -> None:
    assert audited({}).system.os.distro
    for name in ("network-firewall", "network-needless-services", "log-audit", "log-time-sync"):
        assert report_of(Case(name, {}, ()), {}).result is Result.NOT_APPLICABLE
