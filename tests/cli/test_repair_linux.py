"""What `imgtools repair` shows, refuses and writes, on Linux guests that are broken by imgtools itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.cache import digest_of
from imgtools.errors import NotInGuest, UnsupportedGuest, UsageError
from tests.support.command import Ran, imgtools
from tests.support.fixtures import copy_fixture, fixture_disks, fixture_image
from tests.support.packages import deb_of, written

LINUX = (
    "alpine", "amazon", "arch", "debian", "fedora", "lvm", "mbr-logical", "md", "multidisk", "opensuse", "rhel6",
    "rocky", "ubuntu", "real", "real-plain",
)  # fmt: skip


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    return copy_fixture("debian", tmp_path)[0]


def put(image: Path, path: str, content: str, folder: Path) -> None:
    """Write a file of the guest, whatever it says."""
    source = folder / "content"
    source.write_text(content)
    imgtools("write", image, path, "--from", source, "--no-check", "--write")


def said(image: Path, path: str) -> str:
    return imgtools("cat", image, path).out


def repaired(image: Path, *words: str) -> Ran:
    """Repair it, and make sure that nothing is left to be repaired."""
    ran = imgtools("repair", image, *words, "--write", "--json")
    assert ran.data["changed"], ran.err
    again = imgtools("repair", image, *words, "--json")
    assert again.data["changes"] == []
    return ran


@pytest.mark.parametrize("name", LINUX)
def test_a_healthy_guest_needs_nothing(name: str) -> None:
    first, *others = fixture_disks(name)
    more = [word for disk in others for word in ("--add", disk)]
    ran = imgtools("repair", first, *more, "--json")
    assert ran.data["changes"] == [] and not ran.data["changed"] and ran.json["warnings"] == []


def test_a_healthy_guest_is_not_written(debian: Path) -> None:
    before = digest_of(debian)
    assert "Nothing to change." in imgtools("repair", debian, "--write").err and digest_of(debian) == before


def test_several_are_mended_in_one_transaction(debian: Path, tmp_path: Path) -> None:
    """Without being named: each can tell for itself."""
    fstab = said(debian, "/etc/fstab")
    broken = fstab.replace("LABEL=BOOT\t/boot\text4\tdefaults,nofail", "LABEL=NO /boot ext4 ro")
    put(debian, "/etc/fstab", broken, tmp_path)
    put(debian, "/etc/sudoers", "root ALL=(ALL:ALL) ALL\nbob ALL=(ALL\n", tmp_path)
    put(debian, "/etc/ssh/sshd_config", "Port 22\nPermitRootLogn yes\n", tmp_path)
    put(debian, "/etc/group", "", tmp_path)
    put(debian, "/etc/nologin", "closed\n", tmp_path)
    put(debian, "/etc/machine-id", "none\n", tmp_path)
    ran = repaired(debian)
    done = {one["name"] for one in ran.data["repairs"] if one["changes"]}
    assert done == {"account-files", "fstab", "machine-id", "nologin", "sshd-config", "sudoers"}
    assert "LABEL=BOOT /boot ext4 ro" in said(debian, "/etc/fstab")
    assert "# bob ALL=(ALL\n" in said(debian, "/etc/sudoers")
    assert "# PermitRootLogn yes\n" in said(debian, "/etc/ssh/sshd_config")
    assert said(debian, "/etc/group") == "root:x:0:\n" and said(debian, "/etc/machine-id") == ""


def test_the_plan_says_what_and_how_much(debian: Path, tmp_path: Path) -> None:
    before = digest_of(debian)
    ran = imgtools(
        "repair", debian, "--only", "make-room", "--set", "make-room.which=caches,journal,logs,dumps"
    )
    rows = [line.split("\t") for line in ran.out.splitlines()[1:]]
    assert rows and {row[0] for row in rows} == {"make-room"} and {row[1] for row in rows} == {"remove"}
    assert all("(" in row[3] for row in rows) and digest_of(debian) == before
    repaired(debian, "--only", "make-room", "--set", "make-room.which=caches,journal,logs,dumps")


@pytest.mark.parametrize("option", ["--package-file", "--package"])
def test_a_packages_files_are_put_back(debian: Path, tmp_path: Path, option: str) -> None:
    package = written(tmp_path / "a_1_all.deb", deb_of({"/usr": None, "/usr/bin/a-tool": b"good"}))
    put(debian, "/usr/bin/a-tool", "bad", tmp_path)
    repaired(debian, option, str(package))
    assert said(debian, "/usr/bin/a-tool") == "good"


def test_a_package_file_that_nobody_reads(debian: Path, tmp_path: Path) -> None:
    gone = imgtools("repair", debian, "--package-file", tmp_path / "none.deb", code=3)
    assert "none.deb" in gone.err
    auto = imgtools("repair", debian, "--auto", "--package-file", tmp_path / "none.deb", code=2)
    assert "leave --auto or --package-file away" in auto.err


def test_a_password_is_set_and_appears_nowhere(debian: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    words = ("--only", "password", "--set", "password.user=root", "--set", f"password.secret=file:{secret}")
    ran = repaired(debian, *words)
    assert "correct horse" not in ran.out + ran.err and "$y$" not in ran.out + ran.err
    assert said(debian, "/etc/shadow").startswith("root:$y$")


def test_an_account_is_locked_by_one_repair_and_unlocked_by_another(debian: Path) -> None:
    locked = ("--only", "password", "--set", "password.user=alice", "--set", "password.secret=locked")
    repaired(debian, *locked)
    repaired(debian, "--only", "account-unlock", "--set", "account-unlock.user=alice")


def test_modes_that_sudo_and_sshd_refuse(debian: Path) -> None:
    for mode, path in (
        ("0666", "/etc/sudoers"),
        ("0644", "/etc/ssh/ssh_host_ed25519_key"),
        ("0755", "/usr/bin/sudo"),
    ):
        imgtools("chmod", debian, mode, path, "--write")
    kinds = {(one["path"], one["mode"]) for one in repaired(debian).data["changes"]}
    assert kinds == {
        ("/etc/sudoers", "0440"), ("/etc/ssh/ssh_host_ed25519_key", "0600"), ("/usr/bin/sudo", "4755"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("guest", "words"),
    [
        ("debian", ("--only", "serial-console,root-login")),
        ("ubuntu", ("--only", "network-dhcp")),
        ("opensuse", ("--only", "network-dhcp", "--set", "network-dhcp.interface=eth7")),
        ("debian", ("--only", "unit", "--set", "unit.names=ssh", "--set", "unit.action=mask")),
    ],
)
def test_what_is_somebody_s_choice_is_done_once(guest: str, words: tuple[str, ...], tmp_path: Path) -> None:
    (image, *_others) = copy_fixture(guest, tmp_path)
    ran = imgtools("repair", image, *words, "--write", "--json")
    assert ran.data["changed"]
    assert imgtools("repair", image, *words, "--json").data["changes"] == []


@pytest.mark.parametrize(
    ("guest", "words", "rows"),
    [
        ("rocky", "lvm-devices", [["lvm-devices", "move", "/etc/lvm/devices/system.devices"]]),
        ("fedora", "selinux-relabel,selinux-permissive",
         [["selinux-permissive", "write-file", "/etc/selinux/config"],
          ["selinux-relabel", "write-file", "/.autorelabel"]]),
    ],
)  # fmt: skip
def test_what_is_planned_for_the_red_hat_family(guest: str, words: str, rows: list[list[str]]) -> None:
    ran = imgtools("repair", fixture_image(guest), "--only", words)
    assert [line.split("\t")[:3] for line in ran.out.splitlines()[1:]] == rows


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("--only", "password"), UsageError, "the parameter user is missing"),
        (("--only", "password", "--set", "password.user=a", "--set", "password.secret=hunter2"), UsageError,
         "file:PATH, env:NAME"),
        (("--only", "account-unlock", "--set", "account-unlock.user=nobody-here"), NotInGuest, "no user"),
        (("--only", "selinux-relabel"), UnsupportedGuest, "it has no SELinux"),
        (("--only", "auditd"), UnsupportedGuest, "it has no audit daemon"),
        (("--only", "selinux-off-once"), UnsupportedGuest, "it has no SELinux"),
        (("--only", "unit", "--set", "unit.names=x"), UsageError, "the parameter action is missing"),
        (("--only", "make-room", "--set", "make-room.which=all"), UsageError, "one of caches"),
        (("--only", "fstabs"), UsageError, "did you mean fstab?"),
    ],
)  # fmt: skip
def test_what_is_refused(words: tuple[str, ...], code: type[UsageError], hint: str) -> None:
    image = fixture_image("debian")
    ran = imgtools("repair", image, *words, code=code.exit_code)
    assert hint in ran.err and "hunter2" not in ran.err and ran.err.count("imgtools:") == 1 and ran.out == ""


def test_repairs_of_linux_are_not_for_windows() -> None:
    ran = imgtools("repair", fixture_image("windows"), "--only", "fstab", code=UnsupportedGuest.exit_code)
    assert "fstab is not for Windows" in ran.err
