"""imgtools virt virt-customize and virt-sysprep: the peers' options and words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgtools.compat.customizations import MESSAGES, OURS, WITHOUT_TEXT
from imgtools.ops.operation import load_shelf
from tests.support.command import Ran, imgtools
from tests.support.fixtures import copy_fixture, fixture_image


def customize(*words: str | Path, code: int = 0) -> Ran:
    return imgtools("virt", "virt-customize", *words, code=code)


def sysprep(*words: str | Path, code: int = 0) -> Ran:
    return imgtools("virt", "virt-sysprep", *words, code=code)


def said(ran: Ran) -> list[str]:
    """What was said, without its times."""
    return [re.sub(r"^\[ *\d+\.\d\] ", "", line) for line in ran.out.splitlines()]


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    (image,) = copy_fixture("debian", tmp_path)
    return image


def shadow(image: Path, user: str) -> str:
    lines = imgtools("cat", image, "/etc/shadow").out.splitlines()
    return next(line.split(":")[1] for line in lines if line.startswith(f"{user}:"))


def test_every_customization_is_ours() -> None:
    shelf = load_shelf("imgtools.ops.customize")
    assert not {OURS.get(name, name) for name in (*MESSAGES, *WITHOUT_TEXT)} - shelf.keys()


@pytest.mark.parametrize("program", ["virt-customize", "virt-sysprep"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "you must give either -a or -d options"),
        (("-a", "x", "-d", "y"), "you cannot give -a and -d options together"),
        (("-a", "x", "y"), "stray argument 'y'"),
        (("-a", "x", "--format", "raw"), "--format parameter must appear before -a parameter"),
        (("--sm-register", "-a", "x"), "--sm-register is not taken"),
        (("-a", "x", "--write", "/a"), "not PATH:CONTENT"),
        (("-a", "x", "--commands-from-file", "/nowhere"), "cannot read /nowhere"),
        (("-a", "x", "--password", "root:rot13:x"), "rot13"),
        (("-a", "x", "--password-crypto", "md5", "--root-password", "random"), "no such hash method: md5"),
    ],
)
def test_what_is_refused(program: str, words: tuple[str, ...], says: str) -> None:
    image = fixture_image("debian")
    places = {"x": str(image)}
    ran = imgtools("virt", program, *(places.get(word, word) for word in words), code=1)
    assert says in ran.err.splitlines()[0]


def test_orders_in_their_order(debian: Path, tmp_path: Path) -> None:
    (tmp_path / "up").write_text("up\n")
    words = (
        "--write", "/etc/motd:MOTD", "--write", "/etc/motd2:MOTD2", "--delete", "/etc/motd2",
        "--delete", "/etc/nothing-like-it", "--chmod", "0600:/etc/motd", "--mkdir", "/srv/a/b",
        "--upload", f"{tmp_path / 'up'}:/srv/a", "--link", "/srv/a:/srv/c", "--hostname", "web1.example.org",
        "--move", "/srv/a/up:/srv/a/down", "--append-line", "/etc/motd:more", "--no-logfile", "--memsize", "512",
    )  # fmt: skip
    ran = customize("--format", "qcow2", "-a", debian, *words)
    assert said(ran) == [
        "Examining the guest ...",
        "Writing: /etc/motd",
        "Writing: /etc/motd2",
        "Deleting: /etc/motd2",
        "Deleting: /etc/nothing-like-it",
        "Changing permissions of /etc/motd to 0600",
        "Making directory: /srv/a/b",
        f"Uploading: {tmp_path / 'up'} to /srv/a",
        "Linking: /srv/c -> /srv/a",
        "Setting the hostname: web1.example.org",
        "Moving: /srv/a/up -> /srv/a/down",
        "Appending line to /etc/motd",
        "Finishing off",
    ]
    assert imgtools("cat", debian, "/etc/motd").out == "MOTD\nmore\n"
    assert imgtools("cat", debian, "/srv/c/down").out == "up\n"
    assert imgtools("cat", debian, "/etc/motd2", code=25).out == ""
    assert imgtools("cat", debian, "/etc/hostname").out == "web1.example.org\n"


def test_a_mode_without_a_zero_is_decimal(debian: Path) -> None:
    customize(
        "-q", "-a", debian, "--chmod", "448:/etc/fstab", "--write", "/etc/x:", "--chmod", "0o755:/etc/x"
    )
    (fstab,) = imgtools("ls", "--json", debian, "/etc/fstab").data["files"]
    (other,) = imgtools("ls", "--json", debian, "/etc/x").data["files"]
    assert (fstab["mode"], other["mode"]) == (0o700, 0o755)


def test_a_dry_run_changes_nothing(debian: Path) -> None:
    before = debian.read_bytes()
    ran = customize("-n", "-a", debian, "--write", "/etc/motd:x", "--root-password", "random")
    assert "Writing: /etc/motd" in said(ran) and "random password" not in ran.out
    assert debian.read_bytes() == before


def test_orders_from_a_file(debian: Path, tmp_path: Path) -> None:
    orders = tmp_path / "orders"
    orders.write_text(
        "# ours\nwrite /etc/a:one\npassword-crypto sha512\nno-logfile\nroot-password password:x:y\n"
    )
    ran = customize("-a", debian, "--commands-from-file", orders)
    assert said(ran)[1:3] == ["Writing: /etc/a", "Setting passwords"]
    assert imgtools("cat", debian, "/etc/a").out == "one"
    assert shadow(debian, "root").startswith("$6$")
    orders.write_text("\nsm-register\n")
    wrong = customize("-a", debian, "--commands-from-file", orders, code=1)
    assert f"{orders}, line 2: sm-register is not taken" in wrong.err


def test_a_random_password_is_printed_when_the_guest_has_it(debian: Path) -> None:
    ran = sysprep("-q", "-a", debian, "--enable", "customize", "--root-password", "random")
    (line,) = ran.out.splitlines()
    assert re.fullmatch("Setting random password of root to [A-Za-z0-9]{22}", line)
    assert shadow(debian, "root").startswith("$")


def test_what_chance_made_is_not_printed_if_the_guest_has_it_not(debian: Path) -> None:
    ran = customize("-a", debian, "--root-password", "random", "--edit", "/nowhere:s/a/b/", code=1)
    assert "random password" not in ran.out


# -- virt-sysprep -------------------------------------------------------------------------------------------


def test_operations_are_listed() -> None:
    lines = sysprep("--list-operations").out.splitlines()
    shelf = load_shelf("imgtools.ops.sysprep")
    assert [line.split()[0] for line in lines] == list(shelf)
    starred = {line.split()[0] for line in lines if line.split()[1] == "*"}
    assert starred == {name for name, one in shelf.items() if one.operation.default}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--enable", ""), "you cannot pass an empty argument to --enable"),
        (("--enable", "script", "--enable", "utmp"), "--enable option can only be given once"),
        (("--enable", "nothing"), "no such operation: nothing"),
        (("--enable", "utmp", "--hostname", "x"), "options for the operation customize, and it does not run"),
        (("--enable", "utmp", "--script", "true"), "options for the operation script, and it does not run"),
        (("--keep-user-accounts", "alice"), "the operation user-account does not run"),
        (("--dump-pod",), "--dump-pod is not taken"),
        (("--scriptdir", "/mnt"), "--scriptdir is not taken"),
    ],
)
def test_what_sysprep_refuses(words: tuple[str, ...], says: str) -> None:
    assert says in sysprep("-a", fixture_image("debian"), *words, code=1).err.splitlines()[0]


def test_operations_are_named_and_done(debian: Path) -> None:
    assert imgtools("cat", debian, "/etc/machine-id").out
    ran = sysprep("-a", debian, "--enable", "utmp", "--operations", "machine-id,-utmp")
    assert said(ran) == ["Examining the guest ...", 'Performing "machine-id" ...']
    assert imgtools("cat", debian, "/etc/machine-id").out == ""


def test_operations_for_other_guests_are_passed_over(debian: Path) -> None:
    ran = sysprep("-n", "-a", debian, "--enable", "machine-id,windows-agents")
    assert 'Performing "machine-id" ...' in said(ran)


def test_accounts_go_but_for_some(debian: Path) -> None:
    words = ("--enable", "user-account", "--keep-user-accounts", "alice")
    sysprep("-q", "-a", debian, *words)
    assert imgtools("ls", debian, "/home", "--json").data["files"][0]["name"] == "alice"
    assert len(imgtools("ls", debian, "/home", "--json").data["files"]) == 1


def test_scripts_of_the_host_change_the_guest(debian: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text(f"#!/bin/sh\npwd >> {tmp_path / 'places'}\necho ours > etc/motd\n")
    script.chmod(0o755)
    words = ("-q", "-a", debian, "--enable", "script", "--script", str(script))
    before = debian.read_bytes()
    sysprep("-n", *words)
    sysprep("-n", *words)
    assert debian.read_bytes() == before  # a dry run: thrown away
    assert len(set((tmp_path / "places").read_text().split())) == 2
    sysprep(*words)
    assert imgtools("cat", debian, "/etc/motd").out == "ours\n"


def test_a_script_that_fails_leaves_nothing(debian: Path) -> None:
    before = debian.read_bytes()
    words = ("--enable", "script", "--script", "rm etc/hostname", "--script", "exit 3", "--script", "touch x")
    assert "script failed (code 3)" in sysprep("-q", "-a", debian, *words, code=1).err
    assert debian.read_bytes() == before
