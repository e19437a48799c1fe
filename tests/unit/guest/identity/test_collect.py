"""What tells a machine from others, gathered wherever the guest says it."""

from __future__ import annotations

import pytest

from imgtools.guest.identity.collect import MOST, Identity, Kind, collect, removed_accounts
from tests.support.memory import Content, memory_files
from tests.support.sysprep import guest_of

ID = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIGsome"


def found(files: dict[str, Content], kind: Kind, **os: str) -> list[str]:
    return [one.text for one in collect(guest_of(files, **os)) if one.kind is kind]


def test_a_fresh_guest_has_none() -> None:
    assert (
        collect(guest_of({"/etc/machine-id": "", "/etc/hostname": "", "/etc/mailname": "localhost\n"})) == ()
    )


def test_names_of_the_host() -> None:
    files: dict[str, Content] = {
        "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1\tweb1.example.com web1 # ours\n10.0.0.9 db1\n",
        "/etc/mailname": "mail.example.com\n",
        "/etc/ssh/ssh_host_rsa_key.pub": f"ssh-rsa {KEY} root@older\n",
        "/etc/ssh/ssh_host_dsa_key.pub": "",
    }
    names = found(files, Kind.HOST_NAME, hostname="now.example.com")
    assert names == [
        "now.example.com", "now", "mail.example.com", "mail", "web1.example.com", "web1", "older",
    ]  # fmt: skip
    assert found({}, Kind.HOST_NAME, hostname="localhost.localdomain") == []
    assert found({}, Kind.HOST_NAME, hostname="not a name!") == []


def test_machine_ids_wherever_something_is_named_after_one() -> None:
    places: dict[str, Content] = {
        "/etc/machine-id": f"{ID}\n",
        f"/var/log/journal/{OTHER}/system.journal": "",
        "/etc/kernel/entry-token": "a" * 32,
        f"/boot/loader/entries/{'b' * 32}-6.1.conf": "",
        f"/efi/{'c' * 32}/linux": "",
        "/var/lib/dbus/machine-id": "short",
    }
    assert sorted(found(places, Kind.MACHINE_ID)) == sorted([ID, OTHER, "a" * 32, "b" * 32, "c" * 32])
    (one,) = collect(guest_of({"/etc/machine-id": ID}))
    assert one.needles[2] == "01234567-89ab-cdef-0123-456789abcdef" and one.needles[1] == ID.upper()
    assert found({"/etc/machine-id": ID + "0"}, Kind.MACHINE_ID) == []


def test_addresses_of_the_cards_and_of_the_machine_and_no_others() -> None:
    netplan = (
        "ethernets:\n  eth0:\n    match: {macaddress: '52:54:00:AA:bb:01'}\n    addresses:\n"
        "      - 10.0.0.5/24\n      - 'fd00::5/64'\n    gateway4: 10.0.0.1\n    nameservers: {addresses: [10.0.0.2]}\n"
    )
    files: dict[str, Content] = {
        "/etc/netplan/01.yaml": netplan,
        "/etc/sysconfig/network-scripts/ifcfg-eth0": (
            'IPADDR="192.168.1.7"\nHWADDR=52-54-00-aa-bb-02\nDNS1=192.168.1.1\n'
        ),
        "/etc/network/interfaces": "iface eth0 inet static\n  address 172.16.0.3/24\n  gateway 172.16.0.1\n",
        "/etc/NetworkManager/system-connections/a": "[ipv4]\naddress1=172.16.0.4/24,172.16.0.1\n",
        "/var/lib/dhcp/dhclient.leases": "  fixed-address 10.9.9.9;\n",
        "/etc/systemd/network/a.network": "Address=169.254.0.1/16\nAddress=127.0.0.1/8\nMACAddress=00:00:00:00:00:00\n",
        "/etc/udev/rules.d/70-persistent-net.rules": 'ATTR{address}=="01:00:5e:00:00:01"\n',
    }
    assert sorted(found(files, Kind.MAC)) == ["52:54:00:aa:bb:01", "52:54:00:aa:bb:02"]
    assert sorted(found(files, Kind.ADDRESS)) == [
        "10.0.0.5", "10.9.9.9", "172.16.0.3", "172.16.0.4", "192.168.1.7", "fd00::5",
    ]  # fmt: skip


def test_host_keys_by_themselves_and_by_fingerprint() -> None:
    """As ssh-keygen -l shows it: SHA-256 of the key, in base64 without the padding."""
    (key, name) = collect(
        guest_of({"/etc/ssh/ssh_host_ed25519_key.pub": f"ssh-ed25519 {KEY}== root@pine\n"})
    )[::-1]
    assert (key.kind, name.text) == (Kind.HOST_KEY, "pine")
    assert key.text == f"SHA256:{key.needles[1]}" and len(key.needles[1]) == 43 and not key.text.endswith("=")
    for broken in ("ssh-rsa", "ssh-rsa !!!!", "ssh-rsa QUJD", ""):
        assert found({"/etc/ssh/ssh_host_rsa_key.pub": broken}, Kind.HOST_KEY) == []


def test_accounts_that_are_gone() -> None:
    passwd = "root:x:0:0::/root:/bin/sh\n{}nobody:x:65534:65534::/:/bin/false\nmail:x:8:8::/:/bin/sh\n"
    people = "ann:x:1000:1000::/home/ann:/bin/sh\nbob:x:59999:1::/:/bin/sh\n"
    before = memory_files({"/etc/passwd": passwd.format(people)})
    after = memory_files({"/etc/passwd": "root:x:0:0::/root:/bin/sh\n"})
    assert [one.text for one in removed_accounts(before, after)] == ["ann", "bob"]
    assert removed_accounts(before, before) == ()


@pytest.mark.parametrize(
    ("kind", "text", "is_common"),
    [
        (Kind.HOST_NAME, "web", True),
        (Kind.HOST_NAME, "web1", False),
        (Kind.HOST_NAME, "Debian", True),
        (Kind.ACCOUNT, "admin", True),
        (Kind.ACCOUNT, "anna", False),
        (Kind.ADDRESS, "::1", False),
        (Kind.MACHINE_ID, "test", False),
    ],
)
def test_a_word_that_stands_everywhere_is_told_apart(kind: Kind, text: str, is_common: bool) -> None:
    assert Identity(kind, text).is_common is is_common


def test_a_hostile_guest_names_no_million() -> None:
    many = "".join(f"      - 10.{a}.{b}.1/24\n" for a in range(20) for b in range(20))
    assert len(collect(guest_of({"/etc/netplan/a.yaml": many}))) == MOST
