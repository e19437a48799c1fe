"""The host name: in the file that each family reads, and in /etc/hosts."""

from __future__ import annotations

import pytest

from imgtools.errors import UsageError
from imgtools.ops.customize.hostname import in_hosts
from tests.support.customized import carry_out, customized, guest_with
from tests.support.memory import Content, link

SYSTEMD: dict[str, Content] = {"/sbin/init": link("/lib/systemd/systemd"), "/lib/systemd/systemd": ""}
OPENRC: dict[str, Content] = {"/sbin/init": link("/sbin/openrc-init"), "/sbin/openrc-init": ""}
Case = tuple[dict[str, Content], tuple[str, ...], str, str]
CASES: dict[str, Case] = {
    "debian": (SYSTEMD, ("debian",), "/etc/hostname", "web1\n"),
    "rocky": (SYSTEMD, ("rocky", "rhel", "fedora"), "/etc/hostname", "web1\n"),
    "arch": (SYSTEMD, ("arch",), "/etc/hostname", "web1\n"),
    "photon": (SYSTEMD, ("photon", "fedora"), "/etc/hostname", "web1\n"),
    "amazon": (
        {**SYSTEMD, "/etc/sysconfig/network": "NETWORKING=yes\nHOSTNAME=old\n"},
        ("amzn", "rhel", "fedora"),
        "/etc/sysconfig/network",
        "NETWORKING=yes\nHOSTNAME=web1\n",
    ),
    "rhel6": (
        {"/sbin/initctl": "", "/etc/sysconfig/network": "NETWORKING=yes\n"},
        ("rhel", "fedora"),
        "/etc/sysconfig/network",
        "NETWORKING=yes\nHOSTNAME=web1\n",
    ),
    "suse": (
        {**SYSTEMD, "/etc/HOSTNAME": link("hostname"), "/etc/hostname": "old\n"},
        ("opensuse-leap", "suse"),
        "/etc/hostname",
        "web1\n",
    ),
    "old-suse": (
        {"/etc/inittab": "", "/etc/HOSTNAME": "old.lan\n"},
        ("sles", "suse"),
        "/etc/HOSTNAME",
        "web1\n",
    ),
    "alpine": (OPENRC, ("alpine",), "/etc/hostname", "web1\n"),
    "gentoo": (
        {**OPENRC, "/etc/conf.d/hostname": "# name\nhostname=old\n"},
        ("gentoo",),
        "/etc/conf.d/hostname",
        '# name\nhostname="web1"\n',
    ),
    "cloud-init": (
        {**SYSTEMD, "/etc/cloud/cloud.cfg": ""},
        ("ubuntu", "debian"),
        "/etc/cloud/cloud.cfg.d/99-hostname-is-set.cfg",
        "preserve_hostname: true\n",
    ),
    "pretty": (
        {**SYSTEMD, "/etc/machine-info": "PRETTY_HOSTNAME=Old\nCHASSIS=vm\n"},
        ("fedora",),
        "/etc/machine-info",
        "CHASSIS=vm\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_name_is_where_the_family_reads_it(case: str) -> None:
    files, families, path, wanted = CASES[case]
    tree = customized({"/etc/os-release": "", **files}, ("hostname", "web1"), families=families)
    assert tree.read_text(path) == wanted


def test_old_red_hat_gets_no_file_that_it_does_not_know() -> None:
    files, families, _, _ = CASES["rhel6"]
    assert not customized(files, ("hostname", "web1"), families=families).exists("/etc/hostname")


HOSTS = [
    ("127.0.0.1 localhost\n127.0.1.1 old.lan old\n", True, "127.0.0.1 localhost\n127.0.1.1\tweb1.lan web1\n"),
    ("127.0.0.1 localhost\n", True, "127.0.0.1 localhost\n127.0.1.1\tweb1.lan web1\n"),
    ("127.0.0.1 localhost\n", False, "127.0.0.1 localhost\n"),
    ("127.0.0.1 old.lan old localhost # us\n", False, "127.0.0.1\tweb1.lan web1 localhost # us\n"),
    (
        "::1 localhost old\n192.0.2.9 old\n",
        False,
        "::1\tlocalhost web1.lan web1\n192.0.2.9 old\n",
    ),
    ("127.0.0.1 older localhost", False, "127.0.0.1 older localhost\n"),
]


@pytest.mark.parametrize(("text", "is_debian", "wanted"), HOSTS)
def test_the_loopback_gets_the_name(text: str, is_debian: bool, wanted: str) -> None:
    named = in_hosts(text, "old", "web1.lan", is_debian)
    assert named == wanted
    assert in_hosts(named, "web1.lan", "web1.lan", is_debian) == wanted


def test_the_hosts_of_the_guest_are_changed() -> None:
    guest, tree = guest_with({"/etc/hosts": "127.0.0.1 localhost old\n"}, "fedora", hostname="old")
    carry_out(guest, tree, ("hostname", "web1"))
    assert tree.read_text("/etc/hosts") == "127.0.0.1\tlocalhost web1\n"


@pytest.mark.parametrize("name", ["", "-web", "web_1", "a..b", "web1\n", "a" * 65, "x" * 64 + ".lan"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match="not a host name"):
        customized({}, ("hostname", name))
