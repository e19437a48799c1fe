"""Whatever a guest writes into the files that stations read, they say something of it, or that they cannot."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgtools.ops.station import ShelvedStation, visit
from imgtools.ops.stations import (
    accounts,
    audit,
    clock,
    crypttab,
    first_boot,
    fstab,
    init,
    login,
    lvm,
    network,
    packages,
    raid,
    room,
    selinux,
    ssh_server,
    units,
)
from tests.support.memory import Content, link
from tests.support.stations import PROGRAM, examined_of

STATIONS = (
    *(accounts, audit, clock, crypttab, first_boot, fstab, init, login),
    *(lvm, network, packages, raid, room, selinux, ssh_server, units),
)
PATHS = (
    "/etc/fstab", "/etc/crypttab", "/etc/mdadm.conf", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow",
    "/etc/pam.d/login", "/etc/pam.d/sshd", "/etc/ssh/sshd_config", "/etc/netplan/a.yaml", "/etc/network/interfaces",
    "/etc/udev/rules.d/70-persistent-net.rules", "/etc/machine-id", "/etc/cloud/cloud.cfg", "/etc/selinux/config",
    "/var/lib/cloud/data/result.json", "/var/lib/cloud/data/status.json", "/etc/audit/auditd.conf",
    "/var/lib/dpkg/status", "/etc/systemd/system/a.service", "/etc/systemd/system/ssh.service.d/a.conf",
    "/etc/lvm/devices/system.devices", "/usr/lib/systemd/system/ssh.service", "/etc/ld.so.conf",
)  # fmt: skip
SEEDS = (
    "UUID=x / ext4 errors=remount-ro ² ²",
    "a:b:c:d:e:f:g:²:²",
    "root:x:0:0:::",
    "[a, b]: {c: d}\nnetwork: {[1]: 2}",
    "Match\nPort ²",
    "[Service]\nExecStart=\\",
    "@include login\nauth [ x",
    '{"v1": {"errors": 5, "stage": []}}',
    "space_left = 999999999%\nspace_left_action = halt",
    "Status: a b half-installed",
    "ARRAY /dev/md0 UUID=",
    "network:\n  - &a [*a]",
    "---\n...\n--- !!binary x",
    "2020-99-99",
    "iface\niface x y",
    "SELINUX=enforcing\nSELINUXTYPE=..",
)
NOISE = st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))
LINES = st.one_of(st.sampled_from(SEEDS), st.text(max_size=60), NOISE)


@pytest.mark.parametrize("module", STATIONS, ids=lambda one: one.__name__.rpartition(".")[2])
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_nothing_makes_a_station_fail(module: ModuleType, data: st.DataObject) -> None:
    files: dict[str, Content] = {
        "/sbin/init": link("/usr/lib/systemd/systemd"),
        "/usr/lib/systemd/systemd": PROGRAM,
        "/usr/sbin/sshd": "x",
        "/usr/lib/security/pam_unix.so": "x",
        "/etc/systemd/system/multi-user.target.wants/ssh.service": link(
            "/usr/lib/systemd/system/ssh.service"
        ),
    }
    for path in PATHS:
        files[path] = "\n".join(data.draw(st.lists(LINES, max_size=3)))
    examined = examined_of(files, package_format="deb")
    assert visit(examined, ShelvedStation("x", module.STATION, "")) is not None
