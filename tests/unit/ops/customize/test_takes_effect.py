"""What is ordered takes effect in the guest as its own programs will read it, or is refused with the reason."""

from __future__ import annotations

import pytest

from imgtools.errors import UnsupportedGuest
from tests.support.customized import customized
from tests.support.memory import Content

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJZkXk5p ann@laptop"
PASSWD: dict[str, Content] = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n",
    "/etc/group": "root:x:0:\nann:x:1000:\n",
    "/root/x": "",
    "/home/ann/x": "",
}
CLOUD = "/etc/cloud/cloud.cfg.d"
SSHD = "/etc/ssh/sshd_config"


def test_the_name_and_the_network_are_kept_whatever_other_files_say() -> None:
    files: dict[str, Content] = {
        "/etc/cloud/cloud.cfg": "preserve_hostname: false\n",
        f"{CLOUD}/99_site.cfg": "preserve_hostname: false\n",
        f"{CLOUD}/zz-network.cfg": "network: {version: 2, ethernets: {}}\n",
        "/usr/sbin/netplan": "",
        "/etc/hostname": "old\n",
    }
    tree = customized(files, ("hostname", "web1"), ("interface", "eth0=dhcp"))
    assert tree.read_text(f"{CLOUD}/99_site_99-hostname-is-set.cfg") == "preserve_hostname: true\n"
    assert tree.read_text(f"{CLOUD}/zz-network_99-network-is-set.cfg") == 'network: {"config": "disabled"}\n'


def test_a_key_goes_where_sshd_looks_for_it() -> None:
    tree = customized({**PASSWD, SSHD: "AuthorizedKeysFile /etc/ssh/keys/%u\n"}, ("ssh-inject", f"ann:{KEY}"))
    assert tree.read_text("/etc/ssh/keys/ann") == f"{KEY}\n"
    stat = tree.stat("/etc/ssh/keys/ann")
    assert (stat.mode, stat.uid) == (0o644, 0)
    assert not tree.exists("/home/ann/.ssh")
    both = customized(
        {**PASSWD, SSHD: "AuthorizedKeysFile /k/%u .ssh/authorized_keys\n"}, ("ssh-inject", f"ann:{KEY}")
    )
    assert both.read_text("/home/ann/.ssh/authorized_keys") == f"{KEY}\n"


@pytest.mark.parametrize(
    ("user", "config", "reason"),
    [
        ("ann", "AuthorizedKeysFile none\n", "takes no keys of ann"),
        ("ann", "PubkeyAuthentication no\n", "PubkeyAuthentication no"),
        ("root", "PermitRootLogin no\n", "PermitRootLogin no"),
    ],
)
def test_a_key_that_lets_nobody_in_is_refused(user: str, config: str, reason: str) -> None:
    with pytest.raises(UnsupportedGuest, match=reason):
        customized({**PASSWD, SSHD: config}, ("ssh-inject", f"{user}:{KEY}"))


def test_what_an_earlier_order_allows_counts() -> None:
    allow = ("edit", f"{SSHD}:s/PermitRootLogin no/PermitRootLogin yes/")
    tree = customized({**PASSWD, SSHD: "PermitRootLogin no\n"}, allow, ("ssh-inject", f"root:{KEY}"))
    assert tree.is_file("/root/.ssh/authorized_keys")
