"""Checks of what a template must not have: as sysprep's operations say it, and mended as they do it."""

from __future__ import annotations

import pytest

from tests.support.checks import Case, hold
from tests.support.memory import Node

ID = "0123456789abcdef0123456789abcdef\n"
CASES = (
    Case(
        "template-machine-id",
        bad={"/etc/machine-id": ID},
        finds=("/etc/machine-id",),
        good={"/etc/machine-id": ""},
        fixed=True,
    ),
    Case(
        "template-ssh-host-keys",
        bad={"/etc/ssh/ssh_host_rsa_key": "k", "/etc/ssh/ssh_host_rsa_key.pub": "p"},
        finds=("/etc/ssh/ssh_host_rsa_key",),
        good={"/etc/ssh/sshd_config": ""},
        fixed=True,
    ),
    Case(
        "template-random-seed",
        bad={"/var/lib/systemd/random-seed": "x"},
        finds=("/var/lib/systemd/random-seed",),
        fixed=True,
    ),
    Case(
        "template-network-identity",
        bad={"/var/lib/dhcp/dhclient.eth0.leases": "lease {}"},
        finds=("/var/lib/dhcp/dhclient.eth0.leases",),
        fixed=True,
    ),
    Case(
        "template-host-name",
        bad={"/etc/hostname": "web1\n"},
        finds=("/etc/hostname",),
        good={"/etc/hostname": ""},
        fixed=True,
    ),
    Case(
        "template-logs",
        bad={"/var/log/syslog": Node(content=b"web1 sshd: alice\n", mode=0o640)},
        finds=("/var/log/syslog",),
        good={"/var/log/syslog": ""},
        fixed=True,
    ),
    Case(
        "template-histories", bad={"/root/.bash_history": "ls\n"}, finds=("/root/.bash_history",), fixed=True
    ),
    Case(
        "template-cloud-init-state",
        bad={"/var/lib/cloud/instances/i-1/datasource": "x"},
        finds=("/var/lib/cloud/instances",),
        fixed=True,
    ),
    Case(
        "template-registrations",
        bad={"/etc/iscsi/initiatorname.iscsi": "InitiatorName=iqn.x\n"},
        finds=("/etc/iscsi/initiatorname.iscsi",),
        fixed=True,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)
