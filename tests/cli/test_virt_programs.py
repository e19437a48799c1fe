"""The programs of imgtools virt that write, or that a peer without an appliance is beside: what the user gets."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from imgtools.compat.log import journal_line
from imgtools.compat.perl_expression import edited
from imgtools.errors import UsageError
from imgtools.workflows.log import LogRow
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

CONTROL = r"HKLM\SYSTEM\ControlSet001\Control"
VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    (image,) = copy_fixture("debian", tmp_path)
    return image


@pytest.fixture(scope="module")
def hives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hives")
    names = ("SYSTEM", "SOFTWARE", "DEFAULT")
    paths = [f"/Windows/System32/config/{name}" for name in names]
    imgtools("copy-out", fixture_image("windows"), *paths, folder)
    return folder


def test_copy_in_and_out(debian: Path, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1\n")
    (tmp_path / "out").mkdir()
    imgtools("virt", "virt-copy-in", "-a", debian, tmp_path / "one", "/root")
    assert imgtools("virt", "virt-cat", "-a", debian, "/root/one").out == "1\n"
    imgtools("virt", "virt-copy-out", "-a", debian, "/root/one", tmp_path / "out")
    assert (tmp_path / "out" / "one").read_text() == "1\n"
    imgtools("virt", "virt-copy-out", "-a", debian, "/root/one", tmp_path / "out")  # again: it is replaced


def test_copy_in_wants_a_directory(debian: Path, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1\n")
    before = debian.read_bytes()
    ran = imgtools("virt", "virt-copy-in", "-a", debian, tmp_path / "one", "/nowhere", code=1)
    assert ran.err.splitlines()[0] == "virt-copy-in: target '/nowhere' is not a directory"
    assert debian.read_bytes() == before


def test_tar_in_and_out(debian: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in a tar\n")
    with tarfile.open(tmp_path / "in.tar", "w") as archive:
        archive.add(tmp_path / "file", "file")
    imgtools("virt", "virt-tar-in", "-a", debian, tmp_path / "in.tar", "/srv")
    imgtools("virt", "virt-tar-out", "-a", debian, "/srv", tmp_path / "out.tar.gz")
    with tarfile.open(tmp_path / "out.tar.gz", "r:") as archive:  # not compressed, whatever its name
        assert archive.extractfile("file").read() == b"in a tar\n"  # type: ignore[union-attr]


def test_edit_by_an_expression(debian: Path) -> None:
    old = imgtools("cat", debian, "/etc/hostname").out
    ran = imgtools("virt", "virt-edit", "-a", debian, "-e", "s/debian/other/", "-b", "~", "/etc/hostname")
    assert ran.out == ""
    assert imgtools("cat", debian, "/etc/hostname").out == old.replace("debian", "other")
    assert imgtools("cat", debian, "/etc/hostname~").out == old
    ran = imgtools("virt", "virt-edit", "-a", debian, "-e", "s/nothing like it/x/", "/etc/hostname")
    assert ran.out == "File not changed.\n"


def test_edit_in_an_editor(debian: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/debian/edited/")
    imgtools("virt", "virt-edit", "-a", debian, "/etc/hostname")
    assert imgtools("cat", debian, "/etc/hostname").out.startswith("edited")


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("s/^[a-f]/$lineno/", "1 b/c\n2 e\n\\x\n"),
        ("s/(\\w) (\\w)/$2 ${1}/;", "b a/c\ne d\n\\x\n"),
        ("s,b/,<$&>,", "a <b/>c\nd e\n\\x\n"),
        ("s/b\\/c/\\//", "a /\nd e\n\\x\n"),
        ("s/E/\\$\\./i", "a b/c\nd $.\n\\x\n"),
        ("s/\\\\/\\\\\\\\/", "a b/c\nd e\n\\\\x\n"),
    ],
)
def test_perls_substitutions_mean_the_same(expression: str, wanted: str) -> None:
    assert edited(b"a b/c\nd e\n\\x\n", expression).decode() == wanted
    perl = ["perl", "-pe", f"$lineno++; {expression}"]
    assert subprocess.run(perl, input=b"a b/c\nd e\n\\x\n", capture_output=True).stdout.decode() == wanted


@pytest.mark.parametrize(
    "expression",
    [
        "s/a/$ENV/",
        "s/a/@x/",
        "s/$x/b/",
        "s/a/\\U$1/",
        "s/[[:space:]]/b/",
        "s/a/b/e",
        "s/a/b/; s/c/d/",
        "s{a}{b}",
        "tr/a/b/",
    ],
)
def test_what_only_perl_can_do_is_refused(expression: str) -> None:
    with pytest.raises(UsageError):
        edited(b"a\n", expression)


def test_other_perl_is_refused(debian: Path) -> None:
    before = debian.read_bytes()
    ran = imgtools("virt", "virt-edit", "-a", debian, "-e", "print if /x/", "/etc/hostname", code=1)
    assert ran.err.startswith("virt-edit: ")
    assert debian.read_bytes() == before


@pytest.mark.parametrize(
    ("key", "hive", "prefix", "inside", "more"),
    [
        (CONTROL, "SYSTEM", r"HKEY_LOCAL_MACHINE\SYSTEM", r"\ControlSet001\Control", ()),
        (VERSION, "SOFTWARE", r"HKEY_LOCAL_MACHINE\SOFTWARE", r"\Microsoft\Windows NT\CurrentVersion", ()),
        (r"HKLM\SYSTEM", "SYSTEM", r"HKEY_LOCAL_MACHINE\SYSTEM", "\\", ()),
        (r"HKU\.DEFAULT", "DEFAULT", r"HKEY_LOCAL_MACHINE\.DEFAULT", "\\", ()),
        (
            VERSION,
            "SOFTWARE",
            r"HKEY_LOCAL_MACHINE\SOFTWARE",
            r"\Microsoft\Windows NT\CurrentVersion",
            ("--unsafe-printable-strings",),
        ),
    ],
)
def test_an_export_is_the_peers(
    hives: Path, key: str, hive: str, prefix: str, inside: str, more: tuple[str, ...]
) -> None:
    """virt-win-reg prints what Win::Hivex::Regedit makes of the hive, and so does hivexregedit."""
    theirs = subprocess.run(
        ["hivexregedit", "--export", *more, "--prefix", prefix, hives / hive, inside],
        capture_output=True,
        check=True,
    ).stdout
    header = b"Windows Registry Editor Version 5.00\n\n"  # of hivexregedit alone
    ours = imgtools("virt", "virt-win-reg", *more, fixture_image("windows"), key).out
    assert ours.encode("utf-8", "surrogateescape") == theirs.removeprefix(header)


@pytest.mark.parametrize("name", ["ProductName", "CurrentMajorVersionNumber", "InstallDate"])
def test_a_value_is_the_peers(hives: Path, name: str) -> None:
    inside = r"\Microsoft\Windows NT\CurrentVersion"
    theirs = subprocess.run(
        ["hivexget", hives / "SOFTWARE", inside, name], capture_output=True, check=True, text=True
    ).stdout
    assert imgtools("virt", "virt-win-reg", fixture_image("windows"), VERSION, name).out == theirs


def test_a_merge_is_made(tmp_path: Path) -> None:
    (image,) = copy_fixture("windows", tmp_path)
    text = (
        'Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Ours]\n"a"=dword:00000007\n\n'
    )
    (tmp_path / "ours.reg").write_text(text)
    imgtools("virt", "virt-win-reg", "--merge", image, tmp_path / "ours.reg")
    ran = imgtools("virt", "virt-win-reg", image, r"HKLM\SOFTWARE\Ours")
    assert ran.out == '[HKEY_LOCAL_MACHINE\\SOFTWARE\\Ours]\n"a"=dword:00000007\n\n'


def test_the_journals_lines() -> None:
    row = LogRow("2024-03-01T12:00:00.000000Z", None, "journal", "h", "u", "sshd", 7, 3, None, "hello")
    assert journal_line(row) == "Mar 01 12:00:00 sshd[7] err: hello\n"
    bare = LogRow("2024-03-01T12:00:00.000000Z", None, "journal", "", "", "", None, None, None, "")
    assert journal_line(bare) == "Mar 01 12:00:00 info:\n"
    lines = imgtools("virt", "virt-log", "-a", fixture_image("debian")).out.splitlines()
    assert lines
    assert all(line[3] == " " and line[9] == ":" for line in lines)


def test_a_guests_text_log_is_printed_whole() -> None:
    image = fixture_image("lvm")
    text = next((one for one in ("/var/log/syslog", "/var/log/messages") if _is_there(image, one)), None)
    wanted = imgtools("cat", image, text).out if text else ""
    assert imgtools("virt", "virt-log", "-a", image).out == wanted


def _is_there(image: Path, path: str) -> bool:
    return imgtools("cat", image, path, code=None).code == 0


def test_mount_and_unmount(tmp_path: Path) -> None:
    folder = tmp_path / "mnt"
    folder.mkdir()
    script = [os.fspath(Path(os.sys.executable).parent / "imgtools"), "virt"]  # type: ignore[attr-defined]
    words = [
        "guestmount",
        "-a",
        fixture_image("debian"),
        "-i",
        "--ro",
        "--pid-file",
        tmp_path / "pid",
        folder,
    ]
    subprocess.run([*script, *words], check=True, timeout=120)
    try:
        assert (folder / "etc" / "hostname").read_text() == "debian-fixture\n"
        assert (tmp_path / "pid").read_text().strip().isdigit()
    finally:
        subprocess.run([*script, "guestunmount", folder], check=True, timeout=120)
    assert not folder.is_mount()
    assert imgtools("virt", "guestunmount", "--quiet", folder, code=2).err == ""


@pytest.mark.parametrize("option", ["uid=1000", "max_read=7"])
def test_options_of_fuse_that_are_not_taken(tmp_path: Path, option: str) -> None:
    ran = imgtools("virt", "guestmount", "-a", fixture_image("debian"), "-i", "-o", option, tmp_path, code=1)
    assert ran.err.splitlines()[0] == f"guestmount: -o {option} is not taken"
