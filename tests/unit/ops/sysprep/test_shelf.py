"""The sysprep shelf as a whole, and the operations that take more than a line of a table to tell."""

from __future__ import annotations

import pytest

from imgtools.change.change import WriteFile
from imgtools.errors import OddGuest
from imgtools.guest.guest import Guest
from imgtools.ops.operation import load_shelf
from imgtools.ops.selection import Selection, choose
from imgtools.ops.shelf_plan import all_changes, plan_operations
from imgtools.records.disks import Mount
from tests.support.memory import Content, link, memory_volume
from tests.support.sysprep import guest_of, planned, words
from tests.unit.ops.sysprep.test_table import WANTED

SHELF = load_shelf("imgtools.ops.sysprep")
WANTED_UNIT = "/etc/systemd/system/multi-user.target.wants/imgtools-ssh-hostkeys.service"


def test_planning_twice_gives_the_same_plan() -> None:
    guest = guest_of({path: content for files, _ in WANTED.values() for path, content in files.items()})
    chosen = choose(SHELF, Selection())
    assert plan_operations(guest, chosen) == plan_operations(guest, chosen)
    assert all_changes(plan_operations(guest, chosen))


def test_summaries_are_one_line_without_a_full_stop() -> None:
    for name, shelved in SHELF.items():
        summary = shelved.operation.summary
        assert summary and summary[0].isupper() and "\n" not in summary and not summary.endswith("."), name
        assert shelved.doc, f"{name} has no docstring"


def test_the_peers_defaults_are_ours() -> None:
    off = {name for name, shelved in SHELF.items() if not shelved.operation.default}
    assert off == {
        "application-logs",
        "ca-certificates",
        "firewall-rules",
        "flag-reconfiguration",
        "fs-uuids",
        "kerberos-data",
        "user-account",
        "windows-credentials",
        "windows-drive-letters",
        "windows-network-cards",
        "windows-shadow-copies",
    }


def test_a_volume_group_that_grub_finds_boot_in_keeps_its_uuid() -> None:
    (change,) = planned(SHELF["lvm-uuids"], guest_of({}))
    assert change.keep_groups == ("vg0",)  # type: ignore[union-attr]
    plain = memory_volume("/dev/sda1")
    guest = guest_of({})
    separate = Guest(guest.root, guest.os, (*guest.mounts, Mount("/boot", plain)), guest.files)
    (change,) = planned(SHELF["lvm-uuids"], separate)
    assert change.keep_groups == ()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("empty", ["empty /etc/machine-id (5)", "link /var/lib/dbus/machine-id -> /etc/machine-id"]),
        ("uninitialized", ["link /var/lib/dbus/machine-id -> /etc/machine-id", "write /etc/machine-id (14)"]),
        ("remove", ["remove /etc/machine-id (5)", "remove /var/lib/dbus/machine-id (5)"]),
        ("keep", []),
    ],
)
def test_the_machine_id_has_a_policy(policy: str, expected: list[str]) -> None:
    guest = guest_of(WANTED["machine-id"][0])
    (chosen,) = choose(SHELF, Selection(enable=("machine-id",), settings=(f"machine-id.policy={policy}",)))
    (one,) = plan_operations(guest, [chosen])
    assert words(list(one.changes), guest) == expected


@pytest.mark.parametrize("policy", ["empty", "uninitialized"])
def test_a_machine_id_that_is_uninitialized_is_prepared_already(policy: str) -> None:
    guest = guest_of({"/etc/machine-id": "uninitialized\n"})
    (chosen,) = choose(SHELF, Selection(enable=("machine-id",), settings=(f"machine-id.policy={policy}",)))
    assert [change for one in plan_operations(guest, [chosen]) for change in one.changes] == []


def test_a_guest_that_makes_no_host_keys_itself_gets_a_unit_that_does() -> None:
    debian: dict[str, Content] = {
        "/usr/sbin/sshd": "",
        "/usr/bin/ssh-keygen": "",
        "/usr/lib/systemd/systemd": "",
        "/etc/ssh/ssh_host_rsa_key": "k",
    }
    guest = guest_of(debian)
    assert words(planned(SHELF["ssh-hostkeys"], guest), guest) == [
        "create /etc/systemd/system/imgtools-ssh-hostkeys.service (246)",
        f"link {WANTED_UNIT} -> /etc/systemd/system/imgtools-ssh-hostkeys.service",
        "remove /etc/ssh/ssh_host_rsa_key (1)",
    ]
    guest = guest_of({**debian, "/usr/lib/systemd/system/sshd-keygen@.service": ""})
    assert words(planned(SHELF["ssh-hostkeys"], guest), guest) == ["remove /etc/ssh/ssh_host_rsa_key (1)"]


@pytest.mark.parametrize(
    ("path", "text", "left"),
    [
        (
            "/etc/default/grub",
            'GRUB_CMDLINE_LINUX="quiet systemd.machine_id=0123 rhgb"\n',
            'GRUB_CMDLINE_LINUX="quiet rhgb"\n',
        ),
        ("/boot/loader/entries/a.conf", "options ro systemd.machine_id=0123\n", "options ro\n"),
        ("/boot/grub2/grubenv", "kernelopts=ro systemd.machine_id=0123\n####", "kernelopts=ro\n" + "#" * 28),
    ],
    ids=["grub", "loader", "grubenv"],
)
def test_a_machine_id_on_the_command_line_goes_too(path: str, text: str, left: str) -> None:
    """systemd prefers it to the file; GRUB's environment block keeps its length, because GRUB writes into it."""
    (change,) = planned(SHELF["machine-id"], guest_of({path: text}))
    assert isinstance(change, WriteFile) and change.content.decode() == left
    keep = choose(SHELF, Selection(settings=("machine-id.policy=keep",)))
    (kept,) = [
        one for one in plan_operations(guest_of({path: text}), keep) if one.shelved.name == "machine-id"
    ]
    assert kept.changes == ()


def test_the_wizard_of_version_7_is_started() -> None:
    """RUN_FIRSTBOOT=YES, and the services that ask, enabled; a masked one stays masked."""
    unit = "[Install]\nWantedBy=graphical.target\n"
    files: dict[str, Content] = {
        "/usr/lib/systemd/systemd": "",
        "/etc/sysconfig/firstboot": "RUN_FIRSTBOOT=NO\n",
        "/usr/lib/systemd/system/firstboot-graphical.service": unit,
        "/usr/lib/systemd/system/initial-setup-graphical.service": unit,
        "/usr/lib/systemd/system/initial-setup.service": unit,
        "/etc/systemd/system/initial-setup.service": link("/dev/null"),
    }
    guest = guest_of(files, distro="rhel", families=("rhel", "fedora"))
    wants = "/etc/systemd/system/graphical.target.wants"
    assert words(planned(SHELF["flag-reconfiguration"], guest), guest) == [
        "create /.unconfigured (0)",
        "create /etc/reconfigSys (0)",
        f"link {wants}/firstboot-graphical.service -> /usr/lib/systemd/system/firstboot-graphical.service",
        f"link {wants}/initial-setup-graphical.service -> /usr/lib/systemd/system/initial-setup-graphical.service",
        "write /etc/sysconfig/firstboot (18)",
    ]


def test_snapd_registers_again() -> None:
    """Without its key the device cannot use its serial number, so the state must not name one."""
    path = "/var/lib/snapd/state.json"
    state = (
        '{"data": {"auth": {"device": {"brand": "generic", "serial": "1-2", "key-id": "k"}}, "snaps": {}}}'
    )
    (change,) = planned(SHELF["snapd-state"], guest_of({path: state}))
    assert isinstance(change, WriteFile)
    assert change.content == b'{"data":{"auth":{"device":{"brand":"generic"}},"snaps":{}}}'
    for fit in (change.content, b"{}", b"[]", b'{"data":{"auth":null}}'):
        assert planned(SHELF["snapd-state"], guest_of({path: fit})) == []
    with pytest.raises(OddGuest):
        planned(SHELF["snapd-state"], guest_of({path: "{"}))


@pytest.mark.parametrize("init", ["/sbin/openrc", ""])
def test_without_systemd_no_unit_is_written(init: str) -> None:
    files: dict[str, Content] = {
        "/usr/sbin/sshd": "",
        "/usr/bin/ssh-keygen": "",
        "/etc/ssh/ssh_host_rsa_key": "k",
    }
    if init:
        files |= {init: "", "/sbin/init": "", "/etc/inittab": "::sysinit:/sbin/openrc sysinit\n"}
    guest = guest_of(files)
    assert words(planned(SHELF["ssh-hostkeys"], guest), guest) == ["remove /etc/ssh/ssh_host_rsa_key (1)"]
    for lacking in ("/usr/sbin/sshd", "/usr/bin/ssh-keygen"):
        some = {**files, "/usr/lib/systemd/systemd": ""}
        del some[lacking]
        guest = guest_of(some)
        assert words(planned(SHELF["ssh-hostkeys"], guest), guest) == ["remove /etc/ssh/ssh_host_rsa_key (1)"]


@pytest.mark.parametrize(
    ("text", "left"),
    [("localhost\n", None), ("\n", None), ("", None), ("localhost.localdomain\n", b""), ("web1", b"")],
)
@pytest.mark.parametrize("path", ["/etc/hostname", "/etc/HOSTNAME"])
def test_localhost_is_nobodys_name(path: str, text: str, left: bytes | None) -> None:
    guest = guest_of({path: text})
    found = words(planned(SHELF["hostname"], guest), guest)
    assert found == ([] if left is None else [f"empty {path} ({len(text)})"])


def test_the_loopback_loses_the_name() -> None:
    hosts = (
        "127.0.0.1\tlocalhost web1 # ours\n127.0.1.1 web1.example.com web1\n::1 web1.example.com web1 ip6-localhost\n"
        "127.0.0.2 web1\n10.0.0.5 web1 # as others see it\n127.0.0.1 web10 web1-old\n"
    )
    (change,) = planned(SHELF["hostname"], guest_of({"/etc/hosts": hosts}, hostname="web1.example.com"))
    assert isinstance(change, WriteFile)
    assert change.content.decode() == (
        "127.0.0.1\tlocalhost # ours\n::1 ip6-localhost\n10.0.0.5 web1 # as others see it\n127.0.0.1 web10 web1-old\n"
    )
    for fit in ("127.0.0.1 localhost\n", "", "127.0.0.1\n"):
        assert planned(SHELF["hostname"], guest_of({"/etc/hosts": fit})) == []
    nobody = guest_of({"/etc/hosts": "127.0.0.1 localhost\n"}, hostname="localhost")
    assert planned(SHELF["hostname"], nobody) == []


@pytest.mark.parametrize(
    ("operation", "path", "text", "left"),
    [
        ("hostname", "/etc/conf.d/hostname", '# OpenRC\nhostname="web1"\n', "# OpenRC\n"),
        (
            "net-hostname",
            "/etc/network/interfaces",
            "iface eth0 inet dhcp\n\thostname web1\n",
            "iface eth0 inet dhcp\n",
        ),
        (
            "net-hostname",
            "/etc/systemd/network/a.network",
            "[DHCPv4]\nHostname=web1\nUseDNS=no\n",
            "[DHCPv4]\nUseDNS=no\n",
        ),
        ("net-hostname", "/etc/dhcp/dhclient.conf", 'send host-name "web1";\ntimeout 1;\n', "timeout 1;\n"),
        ("net-hostname", "/etc/dhcpcd.conf", "hostname web1\nduid\n", "duid\n"),
    ],
)
def test_a_name_that_is_sent_or_taken_goes(operation: str, path: str, text: str, left: str) -> None:
    (change,) = planned(SHELF[operation], guest_of({path: text}))
    assert isinstance(change, WriteFile) and change.content.decode() == left


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/conf.d/hostname", 'hostname="localhost"\n'),
        ("/etc/conf.d/hostname", "hostname=\n"),
        ("/etc/network/interfaces", "iface eth0 inet dhcp\n\thostname $(hostname)\n"),
        ("/etc/dhcp/dhclient.conf", "send host-name = gethostname();\n"),
        ("/etc/dhcpcd.conf", "hostname\n"),
    ],
)
def test_a_name_that_is_asked_for_or_nobodys_stays(path: str, text: str) -> None:
    guest = guest_of({path: text})
    assert planned(SHELF["hostname"], guest) == planned(SHELF["net-hostname"], guest) == []


@pytest.mark.parametrize(
    ("path", "text", "left"),
    [
        (
            "/etc/postfix/main.cf",
            "mydestination = $myhostname, web1.example.com, web1, localhost, web1-old, web10\nrelay = web1\n",
            "mydestination = $myhostname, localhost, web1-old, web10\nrelay = web1\n",
        ),
        (
            "/etc/exim4/update-exim4.conf.conf",
            "dc_other_hostnames='web1.example.com;web1;b.org'\n",
            "dc_other_hostnames='b.org'\n",
        ),
        ("/etc/exim4/update-exim4.conf.conf", "dc_other_hostnames='web1'\n", "dc_other_hostnames=''\n"),
    ],
)
def test_a_mail_server_is_no_longer_called_so(path: str, text: str, left: str) -> None:
    (change,) = planned(SHELF["mail-names"], guest_of({path: text}, hostname="web1"))
    assert isinstance(change, WriteFile) and change.content.decode() == left
    assert planned(SHELF["mail-names"], guest_of({path: text})) == []  # nobody knows the name


CMDLINES = (
    "/etc/default/grub",
    "/etc/default/grub.d/50.cfg",
    "/etc/kernel/cmdline",
    "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg",
    "/boot/extlinux/extlinux.conf",
    "/boot/loader/entries/a.conf",
    "/efi/loader/entries/a.conf",
    "/boot/efi/loader/entries/a.conf",
    "/boot/grub/grubenv",
    "/boot/grub2/grubenv",
)


@pytest.mark.parametrize("path", CMDLINES)
def test_a_machine_id_goes_from_every_command_line(path: str) -> None:
    (change,) = planned(SHELF["machine-id"], guest_of({path: "ro systemd.machine_id=0123\n"}))
    assert isinstance(change, WriteFile) and change.path == path and b"0123" not in change.content
