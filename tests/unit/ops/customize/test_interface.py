"""The settings of an interface: in whichever files the guest's network is configured, once each."""

from __future__ import annotations

import pytest
import yaml

from imgtools.errors import OddGuest, UnsupportedGuest, UsageError
from imgtools.guest.network.interface import parse_interface
from tests.support.customized import customized
from tests.support.memory import Content, directory, link

STATIC = "eth0=192.0.2.10/24,gateway=192.0.2.1,dns=192.0.2.53,search=example.org"
BOTH = f"{STATIC},2001:db8::10/64,gateway=2001:db8::1,dns=2001:db8::53"
WANTS = "/etc/systemd/system/multi-user.target.wants"
NETPLAN: dict[str, Content] = {
    "/usr/sbin/netplan": "",
    "/etc/netplan/50-cloud-init.yaml": (
        "# generated\nnetwork:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n"
        "    # the second\n    eth1:\n      dhcp4: true\n"
    ),
    "/etc/cloud/cloud.cfg": "",
}
KEYFILE: dict[str, Content] = {
    f"{WANTS}/NetworkManager.service": link("/usr/lib/systemd/system/NetworkManager.service"),
    "/etc/NetworkManager/system-connections/wired.nmconnection": "[connection]\nid=x\ninterface-name=eth0\n",
    "/etc/NetworkManager/system-connections/other.nmconnection": "[connection]\nid=y\ninterface-name=eth1\n",
    "/usr/sbin/NetworkManager": "",
}
NETWORKD: dict[str, Content] = {
    f"{WANTS}/systemd-networkd.service": link("/usr/lib/systemd/system/systemd-networkd.service"),
    "/usr/lib/systemd/systemd-networkd": "",
    "/etc/systemd/network/20-eth0.network": "[Match]\nName=eth0\n[Network]\nDHCP=yes\n",
    "/etc/systemd/network/30-all.network": "[Match]\nName=en*\n[Network]\nDHCP=yes\n",
}
IFUPDOWN: dict[str, Content] = {
    "/sbin/ifup": "",
    "/etc/network/interfaces": (
        "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n"
        "allow-hotplug eth0\niface eth0 inet static\n    address 192.0.2.17/24\n# mine\n    gateway 192.0.2.1\n"
    ),
    "/etc/network/interfaces.d/50-cloud-init": "auto eth0 eth1\niface eth0 inet dhcp\niface eth1 inet dhcp\n",
}
IFCFG: dict[str, Content] = {
    "/etc/sysconfig/network-scripts/ifup-eth": "",
    "/etc/sysconfig/network-scripts/ifcfg-System": "DEVICE=eth0\nBOOTPROTO=dhcp\n",
    "/etc/sysconfig/network-scripts/ifcfg-eth1": "DEVICE=eth1\n",
}
WICKED: dict[str, Content] = {
    "/usr/sbin/wicked": "",
    "/etc/sysconfig/network/ifcfg-eth0": "BOOTPROTO='dhcp'\n",
    "/etc/sysconfig/network/routes": "default 198.51.100.1 - -\n10.0.0.0/8 198.51.100.2 - -\n",
    "/etc/sysconfig/network/config": 'NETCONFIG_DNS_STATIC_SERVERS=""\n',
}


def test_netplan_gets_a_file_and_the_others_lose_the_interface() -> None:
    tree = customized(NETPLAN, ("interface", BOTH))
    path = "/etc/netplan/90-eth0.yaml"
    assert yaml.safe_load(tree.read_text(path))["network"]["ethernets"]["eth0"] == {
        "dhcp4": False,
        "addresses": ["192.0.2.10/24", "2001:db8::10/64"],
        "routes": [{"to": "0.0.0.0/0", "via": "192.0.2.1"}, {"to": "::/0", "via": "2001:db8::1"}],
        "nameservers": {"addresses": ["192.0.2.53", "2001:db8::53"], "search": ["example.org"]},
    }
    assert tree.stat(path).mode == 0o600
    kept = tree.read_text("/etc/netplan/50-cloud-init.yaml")
    assert yaml.safe_load(kept)["network"]["ethernets"] == {"eth1": {"dhcp4": True}}
    assert kept.startswith("# generated\n")
    assert (
        tree.read_text("/etc/cloud/cloud.cfg.d/99-network-is-set.cfg") == 'network: {"config": "disabled"}\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        "network: {version: 2, ethernets: {eth0: {dhcp4: true}, eth1: {dhcp4: true}}}\n",
        "network:\n  ethernets:\n    eth1:\n      dhcp4: true\n    eth0:\n      dhcp4: true\n  version: 2\n",
        "network:\n  version: 2\n  ethernets:\n    eth1: {dhcp4: true}\n    eth0: {dhcp4: true}",
    ],
)
def test_netplan_files_of_every_shape(text: str) -> None:
    tree = customized({**NETPLAN, "/etc/netplan/50-cloud-init.yaml": text}, ("interface", "eth0=dhcp"))
    kept = yaml.safe_load(tree.read_text("/etc/netplan/50-cloud-init.yaml"))
    assert kept["network"] == {"version": 2, "ethernets": {"eth1": {"dhcp4": True}}}


def test_a_netplan_file_that_says_no_more_goes() -> None:
    own = "network:\n  version: 2\n  ethernets:\n    uplink:\n      match:\n        macaddress: 52:54:00:12:34:56\n"
    order = ("interface", "eth0=dhcp,mac=52:54:00:12:34:56")
    tree = customized({**NETPLAN, "/etc/netplan/01-own.yaml": own}, order)
    assert not tree.exists("/etc/netplan/01-own.yaml")
    said = yaml.safe_load(tree.read_text("/etc/netplan/90-eth0.yaml"))["network"]["ethernets"]["eth0"]
    assert said == {"match": {"macaddress": "52:54:00:12:34:56"}, "set-name": "eth0", "dhcp4": True}


def test_networkmanager_gets_a_private_keyfile() -> None:
    tree = customized(KEYFILE, ("interface", BOTH), families=("rocky", "rhel", "fedora"))
    folder = "/etc/NetworkManager/system-connections"
    assert [entry.name for entry in tree.list_dir(folder)] == ["eth0.nmconnection", "other.nmconnection"]
    text = tree.read_text(f"{folder}/eth0.nmconnection")
    assert "interface-name=eth0\n" in text
    assert (
        "[ipv4]\nmethod=manual\naddress1=192.0.2.10/24,192.0.2.1\ndns=192.0.2.53;\ndns-search=example.org;"
        in text
    )
    assert "[ipv6]\nmethod=manual\naddress1=2001:db8::10/64,2001:db8::1\ndns=2001:db8::53;" in text
    assert tree.stat(f"{folder}/eth0.nmconnection").mode == 0o600


def test_networkd_reads_ours_first() -> None:
    tree = customized(NETWORKD, ("interface", STATIC), families=("arch",))
    names = [entry.name for entry in tree.list_dir("/etc/systemd/network")]
    assert names == ["00-eth0.network", "30-all.network"]
    assert tree.read_text("/etc/systemd/network/00-eth0.network") == (
        "[Match]\nName=eth0\n\n[Network]\nAddress=192.0.2.10/24\nGateway=192.0.2.1\n"
        "DNS=192.0.2.53\nDomains=example.org\n"
    )


def test_ifupdown_has_one_stanza_a_family_and_starts_as_before() -> None:
    tree = customized(IFUPDOWN, ("interface", BOTH))
    assert tree.read_text("/etc/network/interfaces") == (
        "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n# mine\n\nallow-hotplug eth0\n"
        "iface eth0 inet static\n    address 192.0.2.10\n    netmask 255.255.255.0\n    gateway 192.0.2.1\n"
        "iface eth0 inet6 static\n    address 2001:db8::10\n    netmask 64\n    gateway 2001:db8::1\n"
    )
    assert tree.read_text("/etc/network/interfaces.d/50-cloud-init") == "auto eth1\niface eth1 inet dhcp\n"
    resolv = "search example.org\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n"
    assert tree.read_text("/etc/resolv.conf") == resolv


def test_ifupdown_tells_resolvconf_where_there_is_one() -> None:
    tree = customized({**IFUPDOWN, "/sbin/resolvconf": ""}, ("interface", STATIC))
    assert "    dns-nameservers 192.0.2.53\n    dns-search example.org\n" in tree.read_text(
        "/etc/network/interfaces"
    )
    assert not tree.exists("/etc/resolv.conf")


def test_ifupdown_does_not_write_into_what_another_program_writes() -> None:
    other = {**IFUPDOWN, "/etc/resolv.conf": link("../run/systemd/resolve/stub-resolv.conf")}
    with pytest.raises(UnsupportedGuest, match="another program writes"):
        customized(other, ("interface", STATIC))


def test_ifcfg_of_red_hat() -> None:
    tree = customized(IFCFG, ("interface", f"{BOTH},192.0.2.11/24"), families=("rhel",))
    folder = "/etc/sysconfig/network-scripts"
    assert not tree.exists(f"{folder}/ifcfg-System")
    assert tree.exists(f"{folder}/ifcfg-eth1")
    said = dict(line.split("=", 1) for line in tree.read_text(f"{folder}/ifcfg-eth0").splitlines())
    wanted = {
        "BOOTPROTO": "none", "IPADDR": "192.0.2.10", "PREFIX": "24", "IPADDR1": "192.0.2.11", "GATEWAY": "192.0.2.1",
        "IPV6ADDR": "2001:db8::10/64", "IPV6_DEFAULTGW": "2001:db8::1", "DNS2": "2001:db8::53",
        "DOMAIN": '"example.org"',
    }  # fmt: skip
    assert wanted.items() <= said.items()


def test_wicked_of_suse_with_its_routes_and_dns_servers() -> None:
    tree = customized(WICKED, ("interface", STATIC), families=("opensuse-leap", "suse"))
    folder = "/etc/sysconfig/network"
    assert tree.read_text(f"{folder}/ifcfg-eth0") == (
        "STARTMODE='auto'\nBOOTPROTO='static'\nIPADDR='192.0.2.10/24'\n"
    )
    assert tree.read_text(f"{folder}/ifroute-eth0") == "default 192.0.2.1 - eth0\n"
    assert tree.read_text(f"{folder}/routes") == "10.0.0.0/8 198.51.100.2 - -\n"
    assert tree.read_text(f"{folder}/config") == (
        'NETCONFIG_DNS_STATIC_SERVERS="192.0.2.53"\nNETCONFIG_DNS_STATIC_SEARCHLIST="example.org"\n'
    )


def test_a_card_is_named_by_its_mac_where_the_configuration_cannot_say_it() -> None:
    mac = ("interface", "eth0=dhcp,mac=52-54-00-AB-CD-EF")
    systemd = customized(
        {**IFUPDOWN, "/sbin/init": link("/lib/systemd/systemd"), "/lib/systemd/systemd": ""}, mac
    )
    said = systemd.read_text("/etc/systemd/network/00-eth0.link")
    assert said == "[Match]\nMACAddress=52:54:00:ab:cd:ef\n\n[Link]\nName=eth0\n"
    udev = customized({**WICKED, "/etc/udev/rules.d": directory(), "/etc/inittab": ""}, mac)
    assert '"52:54:00:ab:cd:ef"' in udev.read_text("/etc/udev/rules.d/70-persistent-net.rules")
    with pytest.raises(UnsupportedGuest, match="nothing that names a card"):
        customized({**IFUPDOWN, "/sbin/openrc": "", "/etc/runlevels": directory()}, mac)


@pytest.mark.parametrize("files", [NETPLAN, KEYFILE, NETWORKD, IFUPDOWN, IFCFG, WICKED])
def test_several_interfaces_and_the_last_word_counts(files: dict[str, Content]) -> None:
    twice = customized(files, ("interface", "eth0=dhcp"), ("interface", "eth7=dhcp"), ("interface", STATIC))
    once = customized(files, ("interface", "eth7=dhcp"), ("interface", STATIC))
    found = {found.path: found for found in twice.walk("/etc") if twice.is_file(found.path)}
    assert set(found) == {one.path for one in once.walk("/etc") if once.is_file(one.path)}
    for path in found:
        if path != "/etc/network/interfaces":  # there the two stand in another order
            assert twice.read_text(path) == once.read_text(path), path
    assert "192.0.2.10" in "".join(twice.read_text(path) for path in found)


def test_a_guest_that_nothing_known_configures() -> None:
    with pytest.raises(UnsupportedGuest, match="nothing known"):
        customized({}, ("interface", STATIC))
    with pytest.raises(UnsupportedGuest, match="connman configures"):
        customized({"/usr/sbin/connmand": ""}, ("interface", STATIC))


def test_a_netplan_file_that_does_not_parse_is_odd() -> None:
    with pytest.raises(OddGuest, match="is no YAML"):
        customized({**NETPLAN, "/etc/netplan/50-cloud-init.yaml": "a: [b\n"}, ("interface", STATIC))


OTHERS: dict[str, tuple[dict[str, Content], str, str]] = {
    "netplan": (NETPLAN, "/etc/netplan/01-br.yaml", "network: {bridges: {eth0: {interfaces: [eth1]}}}\n"),
    "keyfile": (
        KEYFILE,
        "/etc/NetworkManager/system-connections/wired.nmconnection",
        "[connection]\ntype=ethernet\ninterface-name=eth0\ncontroller=br0\n",
    ),
    "networkd": (NETWORKD, "/etc/systemd/network/10-eth0.netdev", "[NetDev]\nName=eth0\nKind=bridge\n"),
    "ifupdown": (
        IFUPDOWN,
        "/etc/network/interfaces.d/bond",
        "auto eth0\niface eth0 inet manual\n\n    bond-master bond0\n",
    ),
    "ifcfg": (IFCFG, "/etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\nBRIDGE=br0\n"),
    "wicked": (WICKED, "/etc/sysconfig/network/ifcfg-eth0", "BONDING_MASTER='yes'\n"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_bridge_or_a_part_of_a_bond_is_left_alone(case: str) -> None:
    files, path, text = OTHERS[case]
    with pytest.raises(UnsupportedGuest, match=f"no plain network card: see {path}"):
        customized({**files, path: text}, ("interface", STATIC))


REFUSED = {
    "eth0.10=dhcp": "not the settings",
    "eth0": "not the settings",
    "eth/0=dhcp": "not the settings",
    "eth0=192.0.2.10": "has no prefix",
    "eth0=192.0.2.0/24": "is the network itself",
    "eth0=192.0.2.255/24": "is the broadcast address",
    "eth0=192.0.2.300/24": "not an address",
    "eth0=192.0.2.10/24,gateway=198.51.100.1": "is not in 192.0.2.0/24",
    "eth0=192.0.2.10/24,gateway=192.0.2.10": "the address of the interface itself",
    "eth0=192.0.2.10/24,gateway=192.0.2.1,gateway=192.0.2.2": "two gateways of IPv4",
    "eth0=dhcp,gateway=192.0.2.1": "DHCP says the gateway",
    "eth0=dhcp,dns=nine": "not a value for dns",
    "eth0=dhcp,mac=53:54:00:12:34:56": "not a value for mac",
    "eth0=dhcp,mac=52:54:00:12:34": "not a value for mac",
    "eth0=dhcp,192.0.2.10/24": "not an address: 'dhcp'",
    "eth0=dhcp,search=a b;rm": "not a value for search",
    "eth0=dhcp,colour=red": "not a setting",
    "eth0=127.0.0.1/8": "no address for an interface",
}


@pytest.mark.parametrize("text", REFUSED)
def test_settings_that_make_no_sense(text: str) -> None:
    with pytest.raises(UsageError, match=REFUSED[text]):
        parse_interface(text)


def test_settings_are_a_record() -> None:
    found = parse_interface("ens3=192.0.2.10/24, dns=192.0.2.53 192.0.2.54,mac=52-54-00-AB-CD-EF")
    assert (found.name, found.dns, found.mac) == ("ens3", ("192.0.2.53", "192.0.2.54"), "52:54:00:ab:cd:ef")
    assert parse_interface("eth0=fd00::2/64,gateway=fe80::1").gateway(6) == "fe80::1"
