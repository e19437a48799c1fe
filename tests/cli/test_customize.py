"""imgtools customize."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from imgtools.cli.command.customization import offered
from imgtools.ops.customize_plan import SHELF
from imgtools.ops.operation import load_shelf
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

DIRECT = ("--engine", "direct")


def test_no_secret_is_in_what_is_printed(tmp_path: Path) -> None:
    (secret := tmp_path / "pw").write_text("open-sesame\n")
    (orders := tmp_path / "orders").write_text(f"password root:file:{secret}\nroot-password random\n")
    for words in (("--password", f"root:file:{secret}"), ("--commands-from-file", str(orders))):
        for more in ((), ("--json",), ("-vv",)):
            ran = imgtools("customize", fixture_image("debian"), *words, *DIRECT, *more)
            assert "/etc/shadow" in ran.out
            for hidden in ("open-sesame", "$6$", "$y$"):
                assert hidden not in ran.out + ran.err


def test_a_random_password_is_in_its_file_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without a file or a terminal the guest is left alone: nobody could log in."""
    (disk,) = copy_fixture("debian", tmp_path)
    before = disk.read_bytes()
    monkeypatch.setattr("imgtools.cli.output.passwords.TERMINAL", tmp_path / "none")
    words = ("customize", disk, "--root-password", "random", *DIRECT, "--write", "--json", "-vv")
    assert "nobody would learn" in imgtools(*words, code=2).err
    assert disk.read_bytes() == before
    ran = imgtools(*words, "--password-output", tmp_path / "pw")
    user, _, password = (tmp_path / "pw").read_text().strip().partition(":")
    assert user == "root" and len(password) == 22 and password not in ran.out + ran.err
    stored = imgtools("cat", disk, "/etc/shadow").out.splitlines()[0].split(":")[1]
    assert stored.startswith("$y$")
    taken = imgtools(*words, "--password-output", tmp_path / "pw", code=15)
    assert "there already" in taken.err


def test_what_is_written_can_be_read_and_planning_again_finds_nothing(tmp_path: Path) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    words = ("customize", disk, "--hostname", "web1", "--append-line", "/etc/motd:hello", *DIRECT)
    assert imgtools(*words, "--write", "--json").data["written"] is True
    assert imgtools("cat", disk, "/etc/hostname").out == "web1\n"
    assert imgtools(*words, "--json").data["changes"] == []


def test_a_bad_order_is_an_error_with_nothing_written(tmp_path: Path) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    before = disk.read_bytes()
    ran = imgtools("customize", disk, "--hostname", "web1", "--password", "eve:locked", "--write", code=26)
    assert "no user 'eve'" in ran.err
    assert disk.read_bytes() == before


def _content(tmp_path: Path, *words: str) -> str:
    (disk,) = copy_fixture("debian", tmp_path)
    imgtools("customize", disk, *words, *DIRECT, "--write")
    return imgtools("cat", disk, "/etc/motd").out


def test_orders_are_carried_out_as_they_stand_on_the_command_line(tmp_path: Path) -> None:
    """Across options, and also where a value is joined to its option."""
    write, more, edit = "/etc/motd:one", "/etc/motd:two", "/etc/motd:s/t/T/g"
    words = ("--write-file", write, "--edit", edit, "--append-line", more)
    assert _content(tmp_path, *words) == "one\ntwo\n"
    words = ("--append-line", more, f"--edit={edit}", "--append-line", "/etc/motd:last")
    assert _content(tmp_path, *words).endswith("Two\nlast\n")
    words = (f"--append-line={more}", f"--write-file={write}")
    assert _content(tmp_path, *words) == "one"


def test_orders_of_a_file_stand_where_the_file_is_named(tmp_path: Path) -> None:
    (orders := tmp_path / "orders").write_text(
        "# the message of the day\n\nwrite-file /etc/motd:one\n--append-line /etc/motd:t\\\nwo\n  append-line=\n"
    )
    ran = imgtools("customize", fixture_image("debian"), "--commands-from-file", orders, code=2)
    assert f"{orders}, line 6: " in ran.err
    orders.write_text("write-file /etc/motd:one\n--append-line=/etc/motd:t\\\nwo\n")
    words = (
        "--write-file",
        "/etc/motd:zero",
        "--delete",
        "/etc/motd",
        "--commands-from-file",
        str(orders),
        "--append-line",
        "/etc/motd:three",
    )
    assert _content(tmp_path, *words) == "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("hostnam web1\n", 2, "line 1: no such customization: hostnam"),
        ("\nhostname\n", 2, "line 2: hostname takes NAME"),
        ("update now\n", 2, "line 1: update takes no value"),
        ("hostname a\nchmod 0644:/no/such\n", 25, "line 2: no such file in the guest"),
        ("hostname a\npassword eve:locked\n", 26, "line 2: the guest has no user 'eve'"),
    ],
)
def test_errors_of_a_file_name_its_line(tmp_path: Path, text: str, code: int, said: str) -> None:
    (orders := tmp_path / "orders").write_text(text)
    ran = imgtools("customize", fixture_image("debian"), "--commands-from-file", orders, *DIRECT, code=code)
    assert f"{orders}, {said}" in ran.err


def test_a_misspelt_name_is_answered_with_the_right_one(tmp_path: Path) -> None:
    (orders := tmp_path / "orders").write_text("hostnam web1\n")
    ran = imgtools("customize", fixture_image("debian"), "--commands-from-file", orders, code=2)
    assert "did you mean hostname?" in ran.err


def test_options_about_orders_need_orders() -> None:
    ran = imgtools("customize", fixture_image("debian"), "--network", code=2)
    assert "--network is about orders" in ran.err


def test_the_options_are_those_of_the_shelf() -> None:
    """They are read from the sources; what the modules say is the same."""
    shelf = {name: one.operation for name, one in load_shelf(SHELF).items()}
    assert [one.name for one in offered()] == sorted(shelf)
    for one in offered():
        operation = shelf[one.name]
        how = f": {operation.how}" if operation.how else ""
        assert (one.metavar, one.text) == (operation.metavar, f"{operation.summary}{how}.")


FAMILIES = {
    "debian": ("yescrypt", "/etc/systemd/system/multi-user.target.wants/imgtools-firstboot.service"),
    "ubuntu": ("yescrypt", "/etc/systemd/system/imgtools-firstboot.service"),
    "arch": ("yescrypt", "/etc/systemd/system/imgtools-firstboot.service"),
    "rocky": ("yescrypt", "/etc/systemd/system/imgtools-firstboot.service"),
    "amazon": ("sha512", "/etc/systemd/system/imgtools-firstboot.service"),
    "rhel6": ("sha512", "/etc/rc.d/rc3.d/S99imgtools-firstboot"),
    "alpine": ("sha512", "/etc/runlevels/default/imgtools-firstboot"),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gets_what_it_can_read_and_start(name: str) -> None:
    method, starter = FAMILIES[name]
    words = ("--root-password", "random", "--firstboot-command", "true")
    changes = imgtools("customize", fixture_image(name), *words, *DIRECT, "--json").data["changes"]
    summaries = [one["summary"] for one in changes]
    assert summaries[-1].endswith(f": set the password of root ({method})")  # passwords come last
    assert starter in [one["path"] for one in changes]
    assert "make directory /etc" not in summaries


def test_files_of_a_windows_guest(tmp_path: Path) -> None:
    (disk,) = copy_fixture("windows", tmp_path)
    (tmp_path / "hi.txt").write_text("hi\n")
    words = ("--mkdir", "/Tools", "--upload", f"{tmp_path}/hi.txt:/tools/", "--write-file", "/Tools/a.txt:x")
    more = ("--append-line", "/tools/A.TXT:y", "--copy", "/Tools:/Tools2", "--delete", "/Tools/hi.txt")
    imgtools("customize", disk, *words, *more, *DIRECT, "--write")
    assert imgtools("ls", disk, "/Tools").out.split() == ["a.txt"]
    assert imgtools("ls", disk, "/Tools2").out.split() == ["a.txt", "hi.txt"]
    assert imgtools("cat", disk, "/Tools2/a.txt").out == "x\ny\n"


def test_what_is_not_for_a_guest_is_refused() -> None:
    ran = imgtools("customize", fixture_image("windows"), "--firstboot-install", "nginx", *DIRECT, code=24)
    assert "firstboot-install is not for Windows 10 Pro" in ran.err


def test_sysprep_takes_them_too_in_one_transaction(tmp_path: Path) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    before = hashlib.sha256(disk.read_bytes()).digest()
    words = ("sysprep", disk, "--enable", "machine-id", "--hostname", "template", *DIRECT)
    assert imgtools(*words, "--delete", "/no/such", "--write", code=25)
    assert hashlib.sha256(disk.read_bytes()).digest() == before
    ran = imgtools(*words, "--firstboot-command", "touch /done", "--write", "--json")
    assert [one["name"] for one in ran.data["operations"]] == ["machine-id", "customize"]
    assert imgtools("cat", disk, "/etc/hostname").out == "template\n"
    assert imgtools("cat", disk, "/etc/machine-id").out == ""
    assert "touch /done" in imgtools("cat", disk, "/usr/lib/imgtools/firstboot/scripts/0001-command").out
    assert imgtools("sysprep", disk, "--verify", "--hostname", "x", code=2)
