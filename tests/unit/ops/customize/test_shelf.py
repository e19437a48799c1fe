"""Every customization on the in-memory guest: what the guest says afterwards, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import FileChange
from imgtools.change.compose import compose
from imgtools.change.contradictions import refuse_contradictions
from imgtools.change.writable_tree import WritableTree
from imgtools.engine.crypt import hash_password
from imgtools.errors import (
    HostError,
    ImgtoolsError,
    NoSuchGuestFile,
    NotInGuest,
    OddGuest,
    UnsupportedGuest,
    UsageError,
)
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import SHELF, Named, Order, plan_orders
from imgtools.ops.operation import load_shelf
from imgtools.records.disks import Mount
from imgtools.records.files import FileKind
from imgtools.records.request import Engine, Secret
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import Content, MemoryWriter, directory, link, memory_volume

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsome/key+text alice@laptop"
BASE: dict[str, Content] = {
    "/etc/hostname": "old\n",
    "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1\told.lan old\n",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1:1::/b:/bin/sh\n",
    "/etc/shadow": "root:*:19000:0:99999:7:::\nalice:$6$salt$hash:19000:0:99999:7:::\n",
    "/etc/timezone": "Etc/UTC\n",
    "/usr/share/zoneinfo/Europe/Berlin": "TZif",
    "/etc/localtime": link("/usr/share/zoneinfo/Etc/UTC"),
    "/home/alice": directory(),
    "/root": directory(),
    "/etc/motd": "hello\n",
    "/sbin/init": link("/lib/systemd/systemd"),
    "/lib/systemd/systemd": "",
    "/lib/systemd/system/ssh.service": "[Install]\nWantedBy=multi-user.target\n",
}


def used(more: dict[str, Content] | None = None, without: tuple[str, ...] = ()) -> tuple[Guest, WritableTree]:
    files = {path: node for path, node in {**BASE, **(more or {})}.items() if path not in without}
    tree = WritableTree({}, {"/": MemoryWriter(files)}, Engine.MEMORY)
    volume = memory_volume()
    os = OsInfo(OsType.LINUX, families=("debian",), hostname="old")
    return Guest(volume, os, (Mount("/", volume),), tree), tree


def customized(
    *wanted: tuple[str, str], secret: bytes = b"", more: dict[str, Content] | None = None
) -> WritableTree:
    guest, tree = used(more)
    orders = [Named(name, Order(text, Secret(secret) if secret else None)) for name, text in wanted]
    plan = refuse_contradictions(compose(tuple(plan_orders(guest, orders)), tree), tree)
    apply_changes(tree, [change for change in plan if isinstance(change, FileChange)])
    return tree


def shadow_of(tree: WritableTree, name: str) -> str:
    lines = tree.read_text("/etc/shadow").splitlines()
    return next(line for line in lines if line.startswith(f"{name}:"))


CASES = {
    "hostname": ("web1.example.org", "/etc/hostname", "web1.example.org\n"),
    "timezone": ("Europe/Berlin", "/etc/timezone", "Europe/Berlin\n"),
    "write-file": ("/srv/a:b:c", "/srv/a", "b:c"),
    "append-line": ("/etc/motd:bye", "/etc/motd", "hello\nbye\n"),
    "edit": ("/etc/motd:s/hello/moin/", "/etc/motd", "moin\n"),
    "truncate": ("/etc/motd", "/etc/motd", ""),
    "move": ("/etc/motd:/etc/moved", "/etc/moved", "hello\n"),
    "link": ("/etc/motd:/etc/a:/etc/b", "/etc/b", "hello\n"),
    "ssh-inject": (f"alice:{KEY}", "/home/alice/.ssh/authorized_keys", KEY + "\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_guest_says_afterwards(name: str) -> None:
    text, path, content = CASES[name]
    more: dict[str, Content] = {"/srv": directory()}
    assert customized((name, text), more=more).read_text(path) == content


BAD: list[tuple[str, str, type[ImgtoolsError]]] = [
    ("hostname", "no_such name", UsageError),
    ("hostname", "a" * 65, UsageError),
    ("timezone", "Europe/Atlantis", NotInGuest),
    ("timezone", "../../etc/motd", NotInGuest),
    ("password", "nobody-here::sha512", NotInGuest),
    ("password", "root:md5", UsageError),
    ("password", "root::yescrypt", UnsupportedGuest),
    ("password", "bob::sha512", OddGuest),
    ("ssh-inject", f"eve:{KEY}", NotInGuest),
    ("ssh-inject", "alice:-----BEGIN OPENSSH PRIVATE KEY-----", UsageError),
    ("ssh-inject", f"bob:{KEY}", OddGuest),
    ("upload", "/no/such/file:/etc/x", HostError),
    ("delete", "/etc/nothing*", NoSuchGuestFile),
    ("move", "/etc/nothing:/etc/x", NoSuchGuestFile),
    ("truncate", "/etc/nothing", NoSuchGuestFile),
    ("chmod", "rw:/etc/motd", UsageError),
    ("chmod", "0644:/etc/nothing", NoSuchGuestFile),
    ("chown", "eve:/etc/motd", NotInGuest),
    ("chown", "alice.nogroup:/etc/motd", NotInGuest),
    ("mkdir", "relative", UsageError),
    ("service", "nothing:on", UnsupportedGuest),
    ("service", "ssh:maybe", UsageError),
    ("no-such-order", "x", UsageError),
]


@pytest.mark.parametrize(("name", "text", "error"), BAD)
def test_what_cannot_be_done_is_an_error(name: str, text: str, error: type[ImgtoolsError]) -> None:
    guest, _ = used()
    with pytest.raises(error):
        tuple(plan_orders(guest, [Named(name, Order(text, Secret(b"pw")))]))


def test_the_name_is_changed_in_hosts_too() -> None:
    tree = customized(("hostname", "web1"))
    assert tree.read_text("/etc/hosts") == "127.0.0.1 localhost\n127.0.1.1\tweb1\n"


def test_old_red_hat_and_openrc_keep_the_name_elsewhere() -> None:
    more: dict[str, Content] = {"/etc/sysconfig/network": "NETWORKING=yes\nHOSTNAME=old\n"}
    tree = customized(("hostname", "web1"), more=more)
    assert tree.read_text("/etc/sysconfig/network") == "NETWORKING=yes\nHOSTNAME=web1\n"
    more = {
        "/sbin/init": link("/sbin/openrc-init"),
        "/sbin/openrc-init": "",
        "/etc/conf.d/hostname": 'hostname="x"\n',
    }
    tree = customized(("hostname", "web1"), more=more)
    assert tree.read_text("/etc/conf.d/hostname") == 'hostname="web1"\n'


def test_the_zone_is_a_link_into_the_guest() -> None:
    tree = customized(("timezone", "Europe/Berlin"))
    assert tree.resolve("/etc/localtime") == "/usr/share/zoneinfo/Europe/Berlin"


@pytest.mark.parametrize(("method", "start"), [("", "$6$"), (":sha512", "$6$")])
def test_a_password_is_hashed_for_the_guest(method: str, start: str) -> None:
    line = shadow_of(customized(("password", f"root:{method}"), secret=b"sesame"), "root")
    assert line.startswith(f"root:{start}")
    assert line.endswith(":0:99999:7:::")
    assert "sesame" not in line


def test_yescrypt_where_the_guest_uses_it() -> None:
    more: dict[str, Content] = {"/etc/shadow": "root:*:1::::::\nalice:$y$j9T$abc$defghijkl:1::::::\n"}
    line = shadow_of(customized(("password", "root:"), secret=b"sesame", more=more), "root")
    assert line.startswith("root:$y$j9T$")


def test_two_hashes_of_one_password_differ() -> None:
    assert hash_password(b"sesame", "sha512") != hash_password(b"sesame", "sha512")


def test_locking_keeps_the_hash_and_disabling_does_not() -> None:
    assert shadow_of(customized(("password", "alice:locked")), "alice").startswith("alice:!$6$salt$hash:")
    assert shadow_of(customized(("password", "alice:disabled")), "alice").startswith("alice:*:")


def test_keys_have_the_owner_and_modes_that_sshd_insists_on() -> None:
    tree = customized(("ssh-inject", f"alice:{KEY}"))
    folder, file = tree.stat("/home/alice/.ssh"), tree.stat("/home/alice/.ssh/authorized_keys")
    assert (folder.mode & 0o777, folder.uid) == (0o700, 1000)
    assert (file.mode & 0o777, file.uid, file.gid) == (0o600, 1000, 1000)


def test_an_upload_into_a_folder_keeps_its_name(tmp_path: Path) -> None:
    source = tmp_path / "site.conf"
    source.write_text("x\n")
    tree = customized(("upload", f"{source}:/home/alice"))
    assert tree.read_text("/home/alice/site.conf") == "x\n"


def test_files_are_made_changed_and_deleted() -> None:
    tree = customized(("mkdir", "/srv/deep/er"), ("chmod", "600:/etc/motd"), ("delete", "/etc/time*"))
    assert tree.is_dir("/srv/deep/er")
    owned = customized(("chown", "alice.7:/etc/motd")).stat("/etc/motd")
    assert (owned.uid, owned.gid) == (1000, 7)
    assert tree.stat("/etc/motd").mode & 0o777 == 0o600
    assert not tree.exists("/etc/timezone")


def test_a_service_is_enabled_and_disabled() -> None:
    wanted = "/etc/systemd/system/multi-user.target.wants/ssh.service"
    tree = customized(("service", "ssh:on"))
    found = tree.lstat(wanted)
    assert found is not None
    assert found.kind is FileKind.LINK
    assert customized(("service", "ssh:off"), more={wanted: link("/x")}).lstat(wanted) is None


def test_passwords_come_last() -> None:
    guest, _ = used()
    orders = [Named("password", Order("root:locked")), Named("write-file", Order("/etc/motd:x"))]
    assert [change.path for change in plan_orders(guest, orders) if hasattr(change, "path")] == [
        "/etc/motd",
        "/etc/shadow",
    ]


def test_every_order_is_told_by_the_shelf() -> None:
    assert {*CASES} <= {*load_shelf(SHELF)}
