"""Programs for the guest: at its first boot by each init system, and now in its own tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import FileChange, Relabel, Remove, RunInGuest, WriteFile
from imgtools.change.contradictions import refuse_contradictions
from imgtools.change.writable_tree import WritableTree
from imgtools.errors import HostError, ImgtoolsError, UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Named, Order, plan_orders
from imgtools.ops.firstboot import FOLDER, LOG, OPENRC, RUNNER, RUNNER_TEXT, SYSV
from imgtools.records.disks import Mount
from imgtools.records.files import FileKind
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType
from tests.support.memory import Content, MemoryWriter, directory, link, memory_volume

SHELL: dict[str, Content] = {"/bin/sh": "", "/tmp": directory(0o1777), "/etc/hostname": "old\n"}
INITS: dict[str, dict[str, Content]] = {
    "systemd": {"/sbin/init": link("/lib/systemd/systemd"), "/lib/systemd/systemd": ""},
    "openrc": {"/sbin/init": link("/bin/busybox"), "/bin/busybox": "", "/sbin/openrc": ""},
    "sysvinit": {"/sbin/init": "", "/etc/inittab": "id:3:initdefault:\n", "/etc/rc2.d": directory()},
    "upstart": {"/sbin/init": "", "/sbin/initctl": "", "/etc/rc.d/rc3.d": directory()},
}
STARTERS = {
    "systemd": ("/etc/systemd/system/multi-user.target.wants/imgtools-firstboot.service",),
    "openrc": ("/etc/runlevels/default/imgtools-firstboot",),
    "sysvinit": tuple(f"/etc/rc{level}.d/S99imgtools-firstboot" for level in "2345"),
    "upstart": tuple(f"/etc/rc.d/rc{level}.d/S99imgtools-firstboot" for level in "2345"),
}


def guest_of(files: dict[str, Content], **facts: object) -> Guest:
    tree = WritableTree({}, {"/": MemoryWriter({**SHELL, **files})}, Engine.MEMORY)
    volume = memory_volume()
    os = OsInfo(OsType.LINUX, **facts)  # type: ignore[arg-type]
    return Guest(volume, os, (Mount("/", volume),), tree)


def orders(*wanted: tuple[str, str], network: bool = False) -> list[Named]:
    return [Named(name, Order(text, network=network)) for name, text in wanted]


def written(guest: Guest, *wanted: tuple[str, str]) -> WritableTree:
    tree = guest.files
    assert isinstance(tree, WritableTree)
    plan = refuse_contradictions(tuple(plan_orders(guest, orders(*wanted))), tree)
    apply_changes(tree, [change for change in plan if isinstance(change, FileChange)])
    return tree


# -- at the first boot ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", INITS)
def test_every_init_system_starts_the_runner(init: str) -> None:
    tree = written(guest_of(INITS[init]), ("firstboot-command", "touch /done"))
    for path in STARTERS[init]:
        found = tree.lstat(path)
        assert found is not None
        assert found.kind is FileKind.LINK
        assert RUNNER in tree.read_text(path)  # the link leads to what starts it
        if init != "systemd":
            assert tree.stat(path).mode & 0o111
    assert tree.stat(RUNNER).mode & 0o111


@pytest.mark.host
@pytest.mark.parametrize("text", [RUNNER_TEXT, SYSV, OPENRC], ids=["runner", "sysv", "openrc"])
def test_what_starts_scripts_is_a_shell_script(text: str) -> None:
    assert text.startswith(("#!/bin/sh\n", "#!/sbin/openrc-run\n"))
    subprocess.run(["/bin/sh", "-n"], input=text.encode(), check=True)


def test_scripts_wait_in_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    (script := tmp_path / "set up.sh").write_bytes(b"#!/bin/sh\necho \xff\n")
    guest = guest_of(INITS["systemd"], package_management="apt")
    wanted = (("firstboot-command", "true"), ("firstboot", str(script)), ("firstboot-install", "nginx,less"))
    tree = written(guest, *wanted)
    names = [path.rpartition("/")[2] for path in tree.glob(f"{FOLDER}/scripts/*")]
    assert names == ["0001-command", "0002-set-up.sh", "0003-install"]
    assert tree.read_bytes(f"{FOLDER}/scripts/0002-set-up.sh") == script.read_bytes()
    assert tree.read_text(f"{FOLDER}/scripts/0003-install").rstrip().endswith("install nginx less")
    assert all(tree.stat(path).mode & 0o111 for path in tree.glob(f"{FOLDER}/scripts/*"))
    assert tuple(plan_orders(guest, orders(*wanted))) == ()  # they wait there: nothing to add


def test_those_of_an_earlier_time_keep_their_numbers() -> None:
    more: dict[str, Content] = {f"{FOLDER}/done/0007-command": "", **INITS["systemd"]}
    tree = written(guest_of(more), ("firstboot-command", "true"))
    assert tree.exists(f"{FOLDER}/scripts/0008-command")


@pytest.mark.host
def test_the_runner_runs_each_once_and_keeps_a_log(tmp_path: Path) -> None:
    """The runner itself, on the host, with its folders in a temporary one."""
    tree = written(
        guest_of(INITS["systemd"]), ("firstboot-command", "echo one"), ("firstboot-command", "exit 3")
    )
    folder = tmp_path / "firstboot"
    (folder / "scripts").mkdir(parents=True)
    for path in tree.glob(f"{FOLDER}/scripts/*"):
        (copy := folder / "scripts" / path.rpartition("/")[2]).write_bytes(tree.read_bytes(path))
        copy.chmod(0o755)
    text = tree.read_text(RUNNER).replace(FOLDER, str(folder)).replace(LOG, str(tmp_path / "log"))
    for _ in range(2):
        subprocess.run(["/bin/sh", "-c", text], check=True)
    lines = [line.partition(":")[0] for line in (tmp_path / "log").read_text().splitlines()]
    assert lines == [
        "=== 0001-command begins", "one", "=== 0001-command ended with 0",
        "=== 0002-command begins", "=== 0002-command ended with 3",
    ]  # fmt: skip
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in sorted((folder / "done").iterdir())] == ["0001-command", "0002-command"]


def test_a_guest_that_nothing_is_known_to_start_is_refused() -> None:
    with pytest.raises(UnsupportedGuest, match="nothing is known that starts scripts"):
        tuple(plan_orders(guest_of({}), orders(("firstboot-command", "true"))))


# -- now -----------------------------------------------------------------------------------------------------


def test_a_command_runs_without_network_unless_it_is_allowed() -> None:
    guest = guest_of({})
    (run,) = plan_orders(guest, orders(("run-command", "make me")))
    assert run == RunInGuest("make me", network=False, what="make me")
    (run,) = plan_orders(guest, orders(("run-command", "make me"), network=True))
    assert run == RunInGuest("make me", network=True, what="make me")


def test_a_script_is_put_there_run_and_removed(tmp_path: Path) -> None:
    (script := tmp_path / "setup.pl").write_text("#!/usr/bin/perl\n")
    (plain := tmp_path / "plain").write_text("echo hello\n")
    put, run, _, plain_run = plan_orders(guest_of({}), orders(("run", str(script)), ("run", str(plain))))
    assert isinstance(put, WriteFile)
    assert isinstance(run, RunInGuest)
    assert (put.mode, put.content) == (0o700, b"#!/usr/bin/perl\n")
    assert run.script.splitlines()[0] == put.path
    assert f"rm -f {put.path}" in run.script
    assert isinstance(plain_run, RunInGuest)
    assert plain_run.script.startswith("/bin/sh /tmp/")
    assert "perl" not in run.what or run.what == str(script)


COMMANDS = {
    ("apt", "install", "nginx,vim"): "apt-get -q -y ",
    ("dnf", "install", "nginx"): "dnf -y install nginx",
    ("dnf5", "uninstall", "nginx"): "dnf5 -y remove nginx",
    ("yum", "update", ""): "yum -y update",
    ("zypper", "install", "nginx"): "zypper --non-interactive install --auto-agree-with-licenses nginx",
    ("zypper", "update", ""): "zypper --non-interactive update",
    ("pacman", "update", ""): "pacman -Su --noconfirm",
    ("pacman", "uninstall", "vim"): "pacman -R --noconfirm vim",
    ("apk", "install", "nginx=1.2-r0"): "apk add nginx=1.2-r0",
    ("xbps", "install", "nginx"): "xbps-install -y nginx",
}


@pytest.mark.parametrize("case", COMMANDS, ids="-".join)
def test_packages_are_the_business_of_the_guests_own_manager(case: tuple[str, str, str]) -> None:
    manager, name, text = case
    (run,) = plan_orders(guest_of({}, package_management=manager), orders((name, text)))
    assert isinstance(run, RunInGuest)
    assert COMMANDS[case] in run.script
    assert "&&" not in run.script  # lists of packages are not got without the network


def test_lists_of_packages_are_got_with_the_network() -> None:
    guest = guest_of({}, package_management="apt")
    (run,) = plan_orders(guest, orders(("install", "nginx"), network=True))
    assert isinstance(run, RunInGuest)
    first, second = run.script.split(" && ")
    assert first.endswith(" update")
    assert second.endswith(" install nginx")
    assert run.what == "install nginx"


def test_tumbleweed_is_updated_as_a_whole() -> None:
    guest = guest_of({}, package_management="zypper", families=("opensuse-tumbleweed", "suse"))
    (run,) = plan_orders(guest, orders(("update", "")))
    assert isinstance(run, RunInGuest)
    assert " dup " in run.script


BAD: list[tuple[str, str, type[ImgtoolsError]]] = [
    ("run", "/no/such/script", HostError),
    ("firstboot", "/no/such/script", HostError),
    ("run", "/dev/null", HostError),
    ("install", "nginx;reboot", UsageError),
    ("install", "--nogpgcheck", UsageError),
    ("uninstall", ",", UsageError),
    ("firstboot-install", "$(id)", UsageError),
]


@pytest.mark.parametrize(("name", "text", "error"), BAD)
def test_what_cannot_be_run_is_an_error(name: str, text: str, error: type[ImgtoolsError]) -> None:
    guest = guest_of(INITS["systemd"], package_management="apt")
    with pytest.raises(error):
        tuple(plan_orders(guest, orders((name, text))))


def test_a_guest_that_cannot_run_anything_is_refused() -> None:
    wanted = orders(("run-command", "true"))
    with pytest.raises(UnsupportedGuest, match="are for s390x"):
        tuple(plan_orders(guest_of({}, arch="s390x"), wanted))
    tree = WritableTree({}, {"/": MemoryWriter({"/etc/hostname": "x"})}, Engine.MEMORY)
    volume = memory_volume()
    bare = Guest(volume, OsInfo(OsType.LINUX), (Mount("/", volume),), tree)
    with pytest.raises(UnsupportedGuest, match="no /bin/sh"):
        tuple(plan_orders(bare, wanted))
    with pytest.raises(UnsupportedGuest, match="unknown package manager"):
        tuple(plan_orders(guest_of({}), orders(("install", "nginx"))))


def test_what_programs_make_is_labelled_where_labels_matter() -> None:
    more: dict[str, Content] = {
        "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=targeted\n",
        "/etc/selinux/targeted/contexts/files/file_contexts": "/.* system_u:object_r:default_t:s0\n",
    }
    changes = tuple(plan_orders(guest_of(more), orders(("run-command", "true"), ("write-file", "/a:b"))))
    assert changes[-1] == Relabel()
    assert Relabel() not in tuple(plan_orders(guest_of(more), orders(("write-file", "/a:b"))))


def test_a_file_may_be_uploaded_run_and_deleted(tmp_path: Path) -> None:
    (tool := tmp_path / "tool").write_text("x")
    wanted = orders(("upload", f"{tool}:/tmp/tool"), ("run-command", "/tmp/tool"), ("delete", "/tmp/tool"))
    guest = guest_of({})
    plan = refuse_contradictions(tuple(plan_orders(guest, wanted)), guest.files)
    assert [type(change).__name__ for change in plan] == ["Upload", "RunInGuest", "Remove"]
    assert isinstance(plan[-1], Remove)
