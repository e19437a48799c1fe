"""The repairs of what a Linux boots into, is called and has room for: consoles, SELinux, units, networks, logs."""

from __future__ import annotations

import pytest

from imgtools.change.change import Relabel, Remove, RunInGuest, Truncate, WriteFile
from imgtools.errors import OddGuest, UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.health import room
from imgtools.ops.operation import make_params
from imgtools.records.disks import Mount
from imgtools.records.usage import Usage
from tests.support.linux_repairs import (
    GRUB,
    KERNEL,
    ROOT,
    SHELF,
    linux,
    mended,
    planned,
    remarks,
    text,
    volume,
)
from tests.support.memory import Content, MemoryFilesystem, directory, link

UNITS = "/etc/systemd/system"
SELINUX: dict[str, Content] = {
    "/etc/selinux/config": "# modes\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
    "/etc/selinux/targeted/contexts/files/file_contexts": "/.* system_u:object_r:default_t:s0\n",
}


# -- the serial console ----------------------------------------------------------------------------------------


def test_a_serial_console_is_opened() -> None:
    guest = linux({f"{UNITS}/serial-getty@ttyS1.service": link("/dev/null")})
    words, after = mended("serial-console", guest, port="ttyS1", speed="9600")
    assert "remove /etc/systemd/system/serial-getty@ttyS1.service" in words
    assert "console=tty0 console=ttyS1,9600" in text(after, "/boot/grub/grub.cfg")
    assert "serial --unit=1 --speed=9600" in text(after, "/etc/default/grub")


def test_a_serial_console_needs_a_boot_loader_and_a_port() -> None:
    with pytest.raises(UnsupportedGuest):
        planned("serial-console", linux(without=("/boot/grub/grub.cfg",)))
    with pytest.raises(UsageError, match="not a serial port"):
        make_params(SHELF["serial-console"], {"port": "com1"})


# -- SELinux ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["selinux-relabel", "selinux-permissive", "selinux-off-once"])
def test_a_guest_without_selinux_has_no_use_of_it(name: str) -> None:
    assert SHELF[name].operation.lacking(linux()).startswith("no SELinux")


def test_files_are_labelled_at_the_next_boot_or_now() -> None:
    words, after = mended("selinux-relabel", linux(SELINUX))
    assert words == ["write /.autorelabel"] and after.files.is_file("/.autorelabel")
    assert planned("selinux-relabel", linux(SELINUX), how="now") == (Relabel(),)
    with pytest.raises(UsageError, match="one of boot, now"):
        make_params(SHELF["selinux-relabel"], {"how": "later"})


def test_permissive_is_said_in_both_places() -> None:
    guest = linux({**SELINUX, "/boot/grub/grub.cfg": GRUB.replace("quiet", "enforcing=1")})
    _words, after = mended("selinux-permissive", guest)
    assert text(after, "/etc/selinux/config") == "# modes\nSELINUX=permissive\nSELINUXTYPE=targeted\n"
    assert "enforcing=1" not in text(after, "/boot/grub/grub.cfg")
    bare = linux(SELINUX, without=("/boot/grub/grub.cfg",))
    assert mended("selinux-permissive", bare)[0] == ["write /etc/selinux/config"]


ENTRY = f"m-{KERNEL}"
BLS: dict[str, Content] = {
    **SELINUX,
    "/boot/grub2/grub.cfg": 'if [ "${next_entry}" ] ; then\n set default="${next_entry}"\nfi\nblscfg\n',
    "/boot/grub2/grubenv": ("# GRUB Environment Block\n" + f"saved_entry={ENTRY}\n").ljust(1024, "#"),
    f"/boot/loader/entries/{ENTRY}.conf": f"title Fedora\nlinux /vmlinuz-{KERNEL}\noptions root=UUID=d00d ro\n",
}
ONCE = f"/boot/loader/entries/{ENTRY}-selinux-off-once.conf"


def fedora(more: dict[str, Content] | None = None, content: str = "ext4") -> Guest:
    mounts = (Mount("/", ROOT), Mount("/boot", volume(1, content, "b007")))
    return linux({**BLS, **(more or {})}, without=("/boot/grub/grub.cfg",), mounts=mounts)


def test_selinux_is_off_for_one_boot() -> None:
    _words, after = mended("selinux-off-once", fedora(), word="selinux=0")
    assert text(after, ONCE) == (
        f"title Fedora (once with selinux=0)\nlinux /vmlinuz-{KERNEL}\noptions root=UUID=d00d ro selinux=0\n"
    )
    block = text(after, "/boot/grub2/grubenv")
    assert f"\nsaved_entry={ENTRY}\nnext_entry={ENTRY}-selinux-off-once\n#" in block and len(block) == 1024


@pytest.mark.parametrize(
    ("more", "content", "said"),
    [
        ({"/boot/grub2/grub.cfg": "blscfg\n"}, "ext4", "starts one of them once"),
        ({"/boot/grub2/grubenv": "# GRUB Environment Block\nsaved_entry=0\n"}, "ext4", "saved_entry"),
        ({}, "btrfs", "it would start the entry each time"),
    ],
)
def test_where_a_boot_cannot_be_started_once_it_is_refused(
    more: dict[str, Content], content: str, said: str
) -> None:
    with pytest.raises(UnsupportedGuest) as caught:
        planned("selinux-off-once", fedora(more, content))
    assert said in caught.value.message


def test_a_full_environment_block_is_told() -> None:
    full = f"# GRUB Environment Block\nsaved_entry={ENTRY}\nx={'y' * 940}\n".ljust(1024, "#")
    with pytest.raises(OddGuest, match="does not fit"):
        planned("selinux-off-once", fedora({"/boot/grub2/grubenv": full}))


# -- room ------------------------------------------------------------------------------------------------------


class Full(MemoryFilesystem):
    """A filesystem on which nothing is left but what root may use."""

    def usage(self) -> Usage:
        return Usage(1 << 30, 50 << 20, 0, 65536, 60000)


JOURNAL = "/var/log/journal/0123"
CLUTTER: dict[str, Content] = {
    "/var/cache/apt/archives/bash.deb": b"x" * 100,
    "/var/cache/apt/archives/lock": "",
    f"{JOURNAL}/system.journal": b"now",
    f"{JOURNAL}/system@1-2.journal": b"then",
    f"{JOURNAL}/user-1000.journal~": b"cut",
    "/var/lib/systemd/coredump/core.bash": b"dump",
    "/var/log/syslog.1": b"x" * (2 << 20),
    "/var/log/small.1": b"x",
}
OLD = "6.1.0-9-amd64"


@pytest.mark.parametrize(
    ("which", "gone"),
    [
        ("caches", ["/var/cache/apt/archives/bash.deb"]),
        ("journal", [f"{JOURNAL}/system@1-2.journal", f"{JOURNAL}/user-1000.journal~"]),
        ("dumps", ["/var/lib/systemd/coredump/core.bash"]),
        ("logs", ["/var/log/syslog.1"]),
    ],
)
def test_what_is_named_goes_whether_there_is_room_or_not(which: str, gone: list[str]) -> None:
    changes = planned("make-room", linux(CLUTTER), which=which)
    assert (
        [one.path for one in changes if isinstance(one, Remove) and one.size]
        == gone
        == [getattr(one, "path", "") for one in changes]
    )
    mended("make-room", linux(CLUTTER), which=which)


def test_only_caches_of_what_is_full_go_by_themselves() -> None:
    assert planned("make-room", linux(CLUTTER)) == () and remarks("make-room", linux(CLUTTER)) == []
    full = linux(CLUTTER, filesystem=Full)
    assert mended("make-room", full)[0] == ["remove /var/cache/apt/archives/bash.deb"]
    said = remarks("make-room", full)
    assert said[0].startswith("the filesystem is full: 0 of 1.0G") and len(said) == 4
    assert "make-room.which=logs would make room of 2.0M more" in said


def test_a_very_large_log_is_emptied_when_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LARGE_LOG", 4)
    assert planned("make-room", linux(), which="large-logs") == (Truncate("/var/log/syslog", 5),)
    mended("make-room", linux(), which="large-logs")


@pytest.mark.parametrize(("program", "word"), [("/usr/bin/dpkg", "dpkg --purge"), ("/usr/bin/rpm", "rpm -e")])
def test_old_kernels_are_removed_by_the_guest_s_own_package_manager(program: str, word: str) -> None:
    kernels: dict[str, Content] = {f"/boot/vmlinuz-{OLD}": "x" * 2048, f"/lib/modules/{OLD}/a.ko": "y" * 2048}
    (change,) = planned("make-room", linux({**kernels, program: ""}), which="kernels")
    assert isinstance(change, RunInGuest) and word in change.script and OLD in change.script
    assert change.what == f"remove the kernel {OLD} (4.0K)" and KERNEL not in change.script
    with pytest.raises(UnsupportedGuest):
        planned("make-room", linux(kernels), which="kernels")


def test_a_word_that_means_no_clutter_is_refused() -> None:
    with pytest.raises(UsageError, match="one of caches, journal"):
        make_params(SHELF["make-room"], {"which": "caches,everything"})


# -- units -----------------------------------------------------------------------------------------------------

WANTED = f"{UNITS}/multi-user.target.wants/cron.service"


@pytest.mark.parametrize(
    ("files", "settings", "words"),
    [
        ({}, {"names": "cron", "action": "mask"}, [f"link {UNITS}/cron.service -> /dev/null"]),
        ({f"{UNITS}/cron.service": link("/dev/null")}, {"names": "cron", "action": "unmask"},
         [f"remove {UNITS}/cron.service"]),
        ({}, {"names": "cron", "action": "enable"},
         [f"make directory {UNITS}/multi-user.target.wants", f"link {WANTED} -> /usr/lib/systemd/system/cron.service"]),
        ({WANTED: link("/usr/lib/systemd/system/cron.service")}, {"names": "cron", "action": "disable"},
         [f"remove {WANTED}"]),
        ({}, {"names": "multi-user.target", "action": "default"},
         [f"link {UNITS}/default.target -> /usr/lib/systemd/system/multi-user.target"]),
    ],
)  # fmt: skip
def test_a_unit(files: dict[str, Content], settings: dict[str, str], words: list[str]) -> None:
    guest = linux({UNITS: directory(), **files})
    assert mended("unit", guest, **settings)[0] == words


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"action": "mask"}, "the parameter names is missing"),
        ({"names": "cron"}, "the parameter action is missing"),
        ({"names": "cron", "action": "start"}, "one of mask, unmask, enable, disable, default"),
        ({"names": "a,b", "action": "default"}, "one target alone"),
    ],
)
def test_what_a_unit_has_to_be_told(settings: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_params(SHELF["unit"], settings)
    assert said in caught.value.message


@pytest.mark.parametrize(
    "settings", [{"names": "nope", "action": "enable"}, {"names": "nope", "action": "default"}]
)
def test_a_unit_that_is_not_there(settings: dict[str, str]) -> None:
    with pytest.raises(UnsupportedGuest):
        planned("unit", linux(), **settings)


# -- networks --------------------------------------------------------------------------------------------------

PINNED = "/etc/udev/rules.d/70-persistent-net.rules"
STACKS: dict[str, tuple[dict[str, Content], str, str]] = {
    "netplan": (
        {"/usr/sbin/netplan": "", "/etc/netplan/50.yaml":
         "network:\n  ethernets:\n    n0:\n      match:\n        macaddress: 52:54:00:00:00:01\n      set-name: ens3\n"
         "      addresses: [192.0.2.1/24]\n"},
        "/etc/netplan/90-ens3.yaml", "dhcp4: true",
    ),
    "networkmanager": (
        {"/usr/sbin/NetworkManager": "", "/etc/NetworkManager/system-connections/a.nmconnection":
         "[connection]\nid=a\ntype=ethernet\ninterface-name=ens3\n[ipv4]\nmethod=manual\n"},
        "/etc/NetworkManager/system-connections/ens3.nmconnection", "method=auto",
    ),
    "networkd": (
        {f"{UNITS}/multi-user.target.wants/systemd-networkd.service": link("/x"), "/etc/systemd/network/a.network":
         "[Match]\nName=ens3\n[Network]\nAddress=192.0.2.1/24\n"},
        "/etc/systemd/network/00-ens3.network", "DHCP=yes",
    ),
    "ifupdown": (
        {"/sbin/ifup": "", "/etc/network/interfaces":
         "auto lo\niface lo inet loopback\n\nauto ens3\niface ens3 inet static\n    address 192.0.2.1/24\n"},
        "/etc/network/interfaces", "iface ens3 inet dhcp",
    ),
    "ifcfg": (
        {"/etc/sysconfig/network-scripts/ifup": "", "/etc/sysconfig/network-scripts/ifcfg-ens3":
         "DEVICE=ens3\nHWADDR=52:54:00:00:00:01\nBOOTPROTO=none\nIPADDR=192.0.2.1\n"},
        "/etc/sysconfig/network-scripts/ifcfg-ens3", "BOOTPROTO=dhcp",
    ),
    "wicked": (
        {"/usr/sbin/wicked": "", "/etc/sysconfig/network/ifcfg-ens3": "BOOTPROTO='static'\nIPADDR='192.0.2.1/24'\n"},
        "/etc/sysconfig/network/ifcfg-ens3", "BOOTPROTO='dhcp'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("stack", STACKS)
def test_the_interfaces_that_are_configured_ask_dhcp(stack: str) -> None:
    files, path, said = STACKS[stack]
    words, after = mended("network-dhcp", linux({**files, PINNED: "NAME=eth0"}))
    assert said in text(after, path) and "192.0.2.1" not in text(after, path)
    assert f"remove {PINNED}" in words
    mended("network-dhcp", after, interface="ens4")


def test_without_a_name_there_is_nothing_to_ask() -> None:
    with pytest.raises(UnsupportedGuest, match="name no network card"):
        planned("network-dhcp", linux({"/sbin/ifup": "", "/etc/network/interfaces": "auto lo\n"}))
    with pytest.raises(UsageError, match="not the settings of an interface"):
        make_params(SHELF["network-dhcp"], {"interface": "eth 0"})


# -- the rest --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["none", "0" * 32, "0123", b"\0" * 33, "x" * 99])
def test_a_machine_id_that_is_none_is_emptied(content: str | bytes) -> None:
    (change,) = planned("machine-id", linux({"/etc/machine-id": content}))
    assert change == Truncate("/etc/machine-id", len(content))
    mended("machine-id", linux({"/etc/machine-id": content}))


@pytest.mark.parametrize("content", ["", "uninitialized\n", "A" * 32, link("/run/machine-id")])
def test_a_machine_id_that_systemd_takes_stays(content: Content) -> None:
    assert planned("machine-id", linux({"/etc/machine-id": content})) == ()


def test_a_machine_id_that_leads_nowhere_becomes_an_empty_file() -> None:
    _words, after = mended("machine-id", linux({"/etc/machine-id": link("/gone")}))
    assert text(after, "/etc/machine-id") == ""
    assert planned("machine-id", linux(without=("/etc/machine-id",))) == ()


def test_auditd_does_not_halt_the_machine() -> None:
    said = "log_file = /x\nDISK_FULL_ACTION = HALT\nspace_left_action = email\nadmin_space_left_action = single\n"
    guest = linux({"/etc/audit/auditd.conf": said})
    _words, after = mended("auditd", guest, action="syslog")
    assert text(after, "/etc/audit/auditd.conf").split("\n")[1:4] == [
        "DISK_FULL_ACTION = SYSLOG", "space_left_action = email", "admin_space_left_action = SYSLOG",
    ]  # fmt: skip
    assert SHELF["auditd"].operation.lacking(linux()) == "no audit daemon (auditd)"
    assert isinstance(planned("auditd", guest)[0], WriteFile)
