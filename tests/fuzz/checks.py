"""The checks of an audit, asked about guests whose configuration is hostile."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from imgtools.ops.check import ChosenCheck, ShelvedCheck, check, load_checks
from tests.support.memory import Content, link
from tests.support.services import unit
from tests.support.stations import examined_of

GROUPS = ("file", "mount", "boot", "kernel", "service", "log", "network", "package", "mac")
SEEDS = (
    b"# sysctl\nnet.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\nkernel/kptr_restrict=0x1\n",
    b"deb [trusted=yes arch=amd64] http://a/debian x main\nTypes: deb\nURIs: http://b\nTrusted: yes\n\n",
    b"[main]\ngpgcheck=0\n[repo]\nbaseurl=http://a\ngpgcheck = 0\nenabled=1\ngpgkey=file:///k\n",
    b"[Service]\nExecStart=-/bin/run --x \\\n  more\nUser=alice\n[Socket]\nListenStream=80\nStorage=none\n",
    b"/srv *(rw,no_root_squash) 10.0.0.1(ro)\n17 * * * * root cd / && /opt/run\nrocommunity public\n",
    b"table inet f {\n chain input {\n type filter hook input priority 0; policy drop;\n }\n}\n",
    b"tmpfs /tmp tmpfs user,noauto 0 0\ninstall hfs /bin/true\nblacklist hfs\n* hard core 0\n*.* @@log\n",
    b"set superusers=root\nmenuentry 'a' {\nlinux /vmlinuz-6 mitigations=off init=/bin/sh\n}\n",
    b"bind 127.0.0.1\nprotected-mode no\n-l 0.0.0.0\nbindIp: 0.0.0.0\nhost all all 10.0.0.0/8 trust\n",
    b'{"hosts": ["tcp://0.0.0.0:2375"]}\ninet_interfaces = all\nPATH=/bin:.:\nSUPPORT_END=2026-01-01\n',
)
STARTED = (
    "snmpd",
    "nfs-server",
    "vsftpd",
    "postfix",
    "xinetd",
    "rsyslog",
    "auditd",
    "chronyd",
    "nftables",
    "apparmor",
)
PATHS = (
    "/etc/sysctl.d/a.conf", "/etc/modprobe.d/a.conf", "/etc/fstab", "/boot/grub/grub.cfg", "/etc/kernel/cmdline",
    "/etc/apt/sources.list", "/etc/apt/sources.list.d/a.sources", "/etc/apt/apt.conf.d/a", "/etc/yum.repos.d/a.repo",
    "/etc/systemd/system/a.service", "/etc/systemd/system/a.socket", "/etc/systemd/system/rescue.service",
    "/etc/systemd/journald.conf", "/etc/systemd/coredump.conf", "/etc/security/limits.conf", "/etc/exports",
    "/etc/crontab", "/etc/snmp/snmpd.conf", "/etc/nftables.conf", "/etc/rsyslog.conf", "/etc/audit/rules.d/a.rules",
    "/etc/redis/redis.conf", "/etc/memcached.conf", "/etc/mongod.conf", "/etc/my.cnf", "/etc/docker/daemon.json",
    "/etc/postgresql/15/main/pg_hba.conf", "/etc/postfix/main.cf", "/etc/vsftpd.conf", "/etc/xinetd.d/a",
    "/etc/environment", "/etc/login.defs", "/etc/ld.so.conf", "/etc/subuid", "/etc/nsswitch.conf", "/etc/chrony.conf",
    "/etc/passwd", "/etc/group", "/etc/network/interfaces", "/etc/selinux/config", "/etc/apparmor.d/a",
    "/etc/os-release", "/etc/inittab", "/var/lib/dpkg/status", "/boot/config-6.1", "/etc/ufw/ufw.conf",
    "/usr/share/distro-info/debian.csv", "/etc/logrotate.conf", "/boot/loader/loader.conf",
)  # fmt: skip


@functools.cache
def ours() -> tuple[ShelvedCheck, ...]:
    """The checks that read configuration."""
    return tuple(one for one in load_checks().values() if one.id.partition("-")[0] in GROUPS)


def started() -> Mapping[str, Content]:
    """Services that are started, so that their checks are for the guest."""
    files: dict[str, Content] = {}
    for name in STARTED:
        files |= unit(f"{name}.service")
    for name in ("a.service", "a.socket"):
        files[f"/etc/systemd/system/multi-user.target.wants/{name}"] = link(f"../{name}")
    return files


def ask_checks(content: bytes) -> None:
    """Ask all of them; what one does not understand is a mistake of ours, even though an audit goes on."""
    kernel: dict[str, Content] = {"/boot/vmlinuz-6.1": "", "/lib/modules/6.1/modules.dep": content}
    examined = examined_of({**started(), **kernel, **dict.fromkeys(PATHS, content)}, package_format="deb")
    for one in ours():
        report = check(examined, ChosenCheck(one, one.check.params())).report
        if report.reason.startswith("this check does not understand"):
            raise AssertionError(f"{one.id}: {report.reason}")
