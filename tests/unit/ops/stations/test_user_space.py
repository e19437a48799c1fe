"""What keeps the programs of a Linux guest from starting."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from imgtools.ops.stations import audit, clock, first_boot, init, network, packages, room, selinux, units
from imgtools.records.diagnosis import Remedy
from imgtools.records.usage import Usage
from tests.support.elves import elf
from tests.support.memory import Content, Node, directory, link
from tests.support.stations import PROGRAM, examined_of, found, ids, marked, reasons

LOADER, LIBRARIES = "/lib64/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu"
SYSTEM: dict[str, Content] = {
    "/bin": link("usr/bin"),
    "/sbin": link("usr/sbin"),
    "/lib": link("usr/lib"),
    "/lib64": link("usr/lib64"),
    "/bin/sh": link("bash"),
    "/usr/bin/sh": link("bash"),
    "/usr/bin/bash": elf(["libc.so.6"], LOADER),
    "/usr/sbin/init": Node(target="../lib/systemd/systemd", kind=link("").kind),
    "/usr/lib/systemd/systemd": Node(content=elf(["libmount.so.1", "libc.so.6"], LOADER), mode=0o755),
    "/usr/lib64/ld-linux-x86-64.so.2": link("../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
    f"{LIBRARIES}/ld-linux-x86-64.so.2": elf(),
    f"{LIBRARIES}/libc.so.6": elf(),
    f"{LIBRARIES}/libmount.so.1": link("libmount.so.1.1.0"),
    f"{LIBRARIES}/libmount.so.1.1.0": elf(["libc.so.6"]),
}


def without(*paths: str) -> dict[str, Content]:
    """The system without files of its own: they are put where nothing is."""
    return {path: content for path, content in SYSTEM.items() if path not in paths and path != "/bin/sh"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (without(), []),
        (without("/usr/sbin/init"), ["init-missing!"]),
        (without("/lib64"), ["usrmerge-link-missing!"]),
        (without("/usr/lib64/ld-linux-x86-64.so.2"), ["libc-missing!"]),
        (without(f"{LIBRARIES}/libc.so.6"), ["libc-missing!"]),
        (without(f"{LIBRARIES}/libmount.so.1.1.0"), ["library-missing!"]),
        ({**without(), f"{LIBRARIES}/libc.so.6": elf()[:900]}, ["libc-damaged!"]),
        ({**without(), f"{LIBRARIES}/libmount.so.1.1.0": b""}, ["library-damaged!"]),
        (
            {**without(), "/usr/lib/systemd/systemd": Node(content=elf()[:17000], mode=0o755)},
            ["init-damaged!"],
        ),
        (
            {**without(), "/usr/lib/systemd/systemd": Node(content=elf(), mode=0o644)},
            ["init-not-executable!"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_init_needs(files: dict[str, Content], expected: list[str]) -> None:
    examined = examined_of(files)
    assert marked(found(init.STATION, examined)) == expected


def test_the_c_library_is_mended_where_it_is_somewhere() -> None:
    files = {**without(f"{LIBRARIES}/libc.so.6"), f"{LIBRARIES}/libc-2.36.so": elf()}
    (one,) = found(init.STATION, examined_of(files))
    assert one.remedy == Remedy("libc-links") and "libc-2.36.so" in one.evidence[0].text


def test_a_tree_of_a_few_files_is_not_judged_by_its_programs() -> None:
    assert ids(init.STATION, {"/sbin/init": "x"}) == []


def test_what_could_not_be_mounted_is_not_judged() -> None:
    examined = examined_of({"/etc/fstab": ""})
    assert examined.guest is not None
    lost = replace(examined, guest=replace(examined.guest, unmounted=("/usr",)))
    for each in (init, units, selinux, packages):
        assert marked(found(each.STATION, lost)) == []
        assert reasons(each.STATION, lost) == ["/usr could not be mounted"]


# -- units ---------------------------------------------------------------------------------------------------

ETC, LIB = "/etc/systemd/system", "/usr/lib/systemd/system"
SYSTEMD: dict[str, Content] = {
    "/sbin/init": link("/usr/lib/systemd/systemd"),
    "/usr/lib/systemd/systemd": PROGRAM,
}
VENDOR: dict[str, Content] = {
    f"{LIB}/{name}": "[Unit]\nDescription=x\n"
    for name in ("sysinit.target", "basic.target", "local-fs.target", "multi-user.target", "emergency.target",
                 "systemd-udevd.service", "systemd-journald.service")
}  # fmt: skip
SSH = "[Service]\nExecStart=/usr/sbin/sshd -D $OPTIONS\nExecReload=/bin/kill\n\n[Install]\nWantedBy=multi-user.target\n"
RUNS: dict[str, Content] = {
    **SYSTEMD,
    **VENDOR,
    f"{LIB}/default.target": link("multi-user.target"),
    f"{LIB}/ssh.service": SSH,
    f"{ETC}/multi-user.target.wants/ssh.service": link(f"{LIB}/ssh.service"),
    "/usr/sbin/sshd": "x",
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({f"{ETC}/default.target": link(f"{LIB}/gone.target")}, ["default-target-missing!"]),
        ({f"{ETC}/default.target": link(f"{LIB}/emergency.target")}, ["default-target-odd!"]),
        ({f"{ETC}/default.target": link("/lib/systemd/system/multi-user.target")}, []),
        ({f"{ETC}/basic.target": link("/dev/null")}, ["unit-masked!"]),
        ({f"{ETC}/systemd-logind.service": link("/dev/null")}, ["unit-masked"]),
        ({f"{ETC}/apt-daily.service": link("/dev/null")}, []),
        ({f"{LIB}/basic.target": directory()}, ["unit-missing!"]),
        ({"/usr/sbin/sshd": directory(), f"{LIB}/ssh.service": SSH.replace("/usr/sbin/sshd", "/opt/sshd")},
         ["unit-program-missing"]),
        ({f"{LIB}/ssh.service": SSH.replace("=/usr", "=-/opt")}, []),
        ({f"{ETC}/multi-user.target.wants/sshd.service": link(f"{LIB}/sshd.service")}, ["unit-link-broken"]),
        ({f"{ETC}/multi-user.target.wants/old.service": link(f"{LIB}/old.service")}, []),
        ({f"{ETC}/ssh.service.d/a.conf": "[Service]\nRestart always\n"}, ["unit-syntax"]),
        ({f"{ETC}/ssh.service.d/a.conf": "Restart=always\n"}, ["unit-syntax"]),
        ({f"{ETC}/ssh.service.d/a.conf": "# x\n[Service]\nEnvironment=A \\\n  B\n"}, []),
        ({f"{ETC}/ssh.service.d/a.conf": "[Service]\nExecStart=/usr/sbin/sshd -d\n"}, ["unit-refused"]),
        ({f"{ETC}/ssh.service.d/a.conf": "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd\n"}, []),
    ],
)  # fmt: skip
def test_units(more: dict[str, Content], expected: list[str]) -> None:
    assert ids(units.STATION, {**RUNS, **more}) == expected


def test_a_guest_without_systemd_has_no_units() -> None:
    assert reasons(units.STATION, examined_of({"/sbin/init": "x", "/etc/inittab": "x"})) == ["no systemd"]


# -- SELinux -------------------------------------------------------------------------------------------------

ENFORCING: dict[str, Content] = {"/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=targeted\n"}
POLICY: dict[str, Content] = {"/etc/selinux/targeted/policy/policy.33": "x"}
CONTEXTS: dict[str, Content] = {
    "/etc/selinux/targeted/contexts/files/file_contexts": "/.* system_u:object_r:default_t:s0\n"
    "/etc(/.*)? system_u:object_r:etc_t:s0\n"
}


def test_a_policy_that_is_not_there() -> None:
    assert ids(selinux.STATION, {**SYSTEMD, **ENFORCING}) == ["selinux-policy-missing!"]
    permissive = {"/etc/selinux/config": "SELINUX=permissive\nSELINUXTYPE=targeted\n"}
    assert ids(selinux.STATION, {**SYSTEMD, **permissive}) == []
    assert ids(selinux.STATION, {**SYSTEMD, "/etc/selinux/config": "SELINUX=enforce\n"}) == ["selinux-config"]
    assert reasons(selinux.STATION, examined_of({})) == ["no SELinux"]


def test_labels_that_are_not_there_or_wrong() -> None:
    files = {**SYSTEMD, **ENFORCING, **POLICY, **CONTEXTS, "/usr/bin/bash": PROGRAM}
    assert ids(selinux.STATION, files) == ["selinux-labels!"]
    assert ids(selinux.STATION, {**files, "/.autorelabel": ""}) == []
    off = {"/boot/loader/entries/a.conf": "options root=/dev/sda1 selinux=0\n"}
    assert reasons(selinux.STATION, examined_of({**files, **off})) == ["the kernel's arguments switch it off"]


# -- package managers ----------------------------------------------------------------------------------------

BASH = "Package: bash\nStatus: install ok {state}\nVersion: 5\n"
DPKG: dict[str, Content] = {"/var/lib/dpkg/info/bash.list": "/.\n"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"/var/lib/dpkg/status": BASH.format(state="installed")}, []),
        ({"/var/lib/dpkg/status": BASH.format(state="half-installed")}, ["packages-interrupted"]),
        ({"/var/lib/dpkg/status": BASH.format(state="unpacked")}, ["packages-interrupted"]),
        ({"/var/lib/dpkg/status": BASH.replace("bash", "other").format(state="unpacked")}, []),
        ({"/var/lib/dpkg/status": BASH.format(state="installed"), "/var/lib/dpkg/updates/0003": "x"},
         ["packages-interrupted"]),
        ({"/var/lib/dpkg/status": ""}, ["dpkg-status-missing"]),
        ({"/var/lib/dpkg/status": BASH.format(state="installed"), "/usr/bin/ls;5f3a11aa": "x"},
         ["packages-interrupted"]),
        ({"/var/lib/dpkg/status": "x", "/usr/lib/libz.so.1": link("libz.so.1.2")}, ["library-link-broken"]),
        ({"/var/lib/dpkg/status": "x", "/usr/lib/libz.so": link("libz.so.1.2")}, []),
    ],
)  # fmt: skip
def test_packages(more: dict[str, Content], expected: list[str]) -> None:
    assert ids(packages.STATION, {**DPKG, **more}, package_format="deb") == expected


def test_a_line_and_a_name_are_told() -> None:
    status = (
        BASH.format(state="installed") + "\n" + BASH.replace("bash", "dash").format(state="half-installed")
    )
    (one,) = found(packages.STATION, examined_of({"/var/lib/dpkg/status": status}, package_format="deb"))
    assert one.evidence[0].line == 6 and one.evidence[0].text.startswith("dash: ")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("rpmdb.sqlite", b"SQLite format 3\0", []),
        ("rpmdb.sqlite", b"", ["rpm-database-damaged"]),
        ("Packages", bytes(12) + b"\x61\x15\x06\x00", []),
        ("Packages", bytes(4096), ["rpm-database-damaged"]),
        ("Packages.db", b"RpmP", []),
    ],
)
def test_the_database_of_rpm(name: str, content: bytes, expected: list[str]) -> None:
    assert ids(packages.STATION, {f"/var/lib/rpm/{name}": content}, package_format="rpm") == expected


# -- network, first boot, clock, room ------------------------------------------------------------------------

RULES = 'SUBSYSTEM=="net", ATTR{address}=="52:54:00:00:00:0%d", NAME="eth%d"\n'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/etc/netplan/a.yaml": "network:\n  version: 2\n"}, []),
        ({"/etc/netplan/a.yaml": "network:\n\tversion: 2\n"}, ["netplan-broken"]),
        ({"/etc/netplan/a.yaml": "ethernets: {}\n"}, ["netplan-broken"]),
        ({"/etc/netplan/a.yaml": "network:\n  ethernet: {}\n"}, ["netplan-broken"]),
        ({"/etc/network/interfaces": "auto lo\niface lo inet loopback\n    mtu 9000\n"}, []),
        ({"/etc/network/interfaces": "auto lo\nifaces lo inet loopback\n"}, ["interfaces-broken"]),
        ({"/etc/NetworkManager/system-connections/a": Node(content=b"x", mode=0o644)}, ["network-file-mode"]),
        ({"/etc/NetworkManager/system-connections/a": Node(content=b"x", mode=0o600)}, []),
        ({"/etc/udev/rules.d/70-persistent-net.rules": RULES % (1, 0)}, []),
        ({"/etc/udev/rules.d/70-persistent-net.rules": RULES % (1, 0) + RULES % (2, 1),
          "/etc/sysconfig/network-scripts/ifcfg-eth0": "x"}, ["network-card-renamed"]),
        ({"/etc/machine-id": "0123456789abcdef0123456789abcdef\n"}, []),
        ({"/etc/machine-id": ""}, []),
        ({"/etc/machine-id": "uninitialized\n"}, []),
        ({"/etc/machine-id": "unknown\n"}, ["machine-id-malformed"]),
        ({"/etc/cloud/cloud.cfg": "users: [default\n"}, ["cloud-init-config"]),
        ({"/etc/cloud/cloud.cfg": "a: 1", "/var/lib/cloud/data/result.json": json.dumps({"v1": {"errors": ["x"]}})},
         ["cloud-init-errors"]),
        ({"/etc/cloud/cloud.cfg": "a: 1", "/var/lib/cloud/data/status.json": json.dumps({"v1": {"stage": "init"}})},
         ["cloud-init-waiting"]),
        ({"/var/log": Node(directory().kind, mtime=1 << 62)}, ["clock-ahead"]),
    ],
)  # fmt: skip
def test_settings_and_signs(files: dict[str, Content], expected: list[str]) -> None:
    assert [one for each in (network, first_boot, clock) for one in ids(each.STATION, files)] == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(1 << 30, 1 << 29, 1 << 29, 1000, 500), []),
        (Usage(1 << 30, 50 << 20, 0, 1000, 500), ["filesystem-full"]),
        (Usage(1 << 30, 0, 0, 1000, 500), ["filesystem-full!"]),
        (Usage(1 << 30, 1 << 29, 1 << 29, 1000, 3), ["filesystem-inodes!"]),
        (Usage(1 << 30, 1 << 29, 1 << 29, 0, 0), []),
    ],
)
def test_room(usage: Usage, expected: list[str]) -> None:
    assert ids(room.STATION, {"/var/log/a": "x" * 100}, usage=usage) == expected


def test_what_fills_a_full_filesystem_is_named() -> None:
    examined = examined_of({"/var/log/a": "x" * 5000}, usage=Usage(1 << 30, 0, 0, 0, 0))
    assert [one.path for one in found(room.STATION, examined)[0].evidence][1:] == ["/var/log"]


@pytest.mark.parametrize(
    ("config", "left", "expected"),
    [
        ("admin_space_left = 50\nadmin_space_left_action = halt\n", 40 << 20, ["auditd-halts!"]),
        ("admin_space_left = 50\nadmin_space_left_action = halt\n", 60 << 20, []),
        ("admin_space_left = 10%\nadmin_space_left_action = SINGLE\n", 60 << 20, ["auditd-halts!"]),
        ("disk_full_action = halt\n", 0, ["auditd-halts!"]),
        ("disk_full_action = suspend\n", 0, []),
    ],
)
def test_auditd(config: str, left: int, expected: list[str]) -> None:
    usage = Usage(1 << 30, left, left, 0, 0)
    assert ids(audit.STATION, {"/etc/audit/auditd.conf": config}, usage=usage) == expected
