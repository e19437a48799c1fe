"""Scripts of the first boot of a Windows: where they wait, what starts them, and what takes that back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import HostError, UnsupportedGuest, UsageError
from imgtools.guest.windows.startup_script import with_scripts_extension, with_startup_script
from imgtools.ops.windows_firstboot import RUNNER, as_windows_reads_it
from tests.support.customized import carry_out
from tests.support.windows_guest import GENERALISED, planned, windows_guest

pytestmark = pytest.mark.host

FOLDER = "/ProgramData/imgtools/firstboot"
POLICY = "/Windows/System32/GroupPolicy"
SCRIPTS = f"{POLICY}/Machine/Scripts/scripts.ini"
COMPLETE = "/Windows/Setup/Scripts/SetupComplete.cmd"
START = r"%SystemDrive%\ProgramData\imgtools\firstboot\start.cmd"
EXTENSION = "[{42B5FAAE-6536-11D2-AE5A-0000F87571E3}{40B6664F-4972-11D1-A7CA-0000F87571E3}]"
OTHER = "[{35378EAC-683F-11D2-A89A-00C04FBBCFA2}{D02B1F72-3407-48AE-BA88-E8213C6761F1}]"


def script(tmp_path: Path, name: str, content: bytes = b"echo hi\n") -> tuple[str, str]:
    (tmp_path / name).write_bytes(content)
    return "firstboot", str(tmp_path / name)


def test_what_waits_and_what_starts_it(tmp_path: Path) -> None:
    guest, tree = windows_guest()
    orders = (script(tmp_path, "My Setup.cmd"), ("firstboot-command", "echo %PATH%"))
    carry_out(guest, tree, *orders)
    scripts = f"{FOLDER}/scripts"
    assert [one.name for one in tree.list_dir(scripts)] == ["0001-My-Setup.cmd", "0002-command.cmd"]
    assert tree.read_bytes(f"{scripts}/0001-My-Setup.cmd") == b"echo hi\r\n"
    assert tree.read_bytes(f"{scripts}/0002-command.cmd") == b"@echo off\r\necho %PATH%\r\n"
    assert tree.read_text(SCRIPTS) == f"[Startup]\r\n0CmdLine={START}\r\n0Parameters=\r\n"
    assert f"gPCMachineExtensionNames={EXTENSION}\r\n" in tree.read_text(f"{POLICY}/gpt.ini")
    assert "Version=1\r\n" in tree.read_text(f"{POLICY}/gpt.ini")
    assert tree.read_bytes(f"{FOLDER}/policy/scripts.ini.new") == tree.read_bytes(SCRIPTS)
    assert not tree.exists(f"{FOLDER}/policy/scripts.ini.old")  # so it goes when all have run
    assert not tree.exists(COMPLETE)
    assert planned(guest, *orders) == ()


def test_a_policy_that_is_there_is_kept_and_can_be_brought_back() -> None:
    ini = "\r\n[Logon]\r\n0CmdLine=a.cmd\r\n0Parameters=\r\n[Startup]\r\n3CmdLine=b.cmd\r\n3Parameters=x\r\n"
    gpt = f"[General]\r\ngPCMachineExtensionNames={OTHER}\r\nVersion=131077\r\n"
    more = {SCRIPTS: ini.encode("utf-16"), f"{POLICY}/gpt.ini": gpt}
    guest, tree = windows_guest(more=more)
    carry_out(guest, tree, ("firstboot-command", "ver"))
    new = tree.read_bytes(SCRIPTS).decode("utf-16")
    assert new == f"{ini}4CmdLine={START}\r\n4Parameters=\r\n"
    text = tree.read_text(f"{POLICY}/gpt.ini")
    assert f"gPCMachineExtensionNames={OTHER}{EXTENSION}\r\n" in text and "Version=131078\r\n" in text
    assert tree.read_bytes(f"{FOLDER}/policy/scripts.ini.old") == ini.encode("utf-16")
    assert tree.read_text(f"{FOLDER}/policy/gpt.ini.old") == gpt


def test_the_version_of_the_machine_does_not_run_into_that_of_the_users() -> None:
    assert b"Version=65537\r\n" in with_scripts_extension(b"[General]\nVersion=131071\n")
    assert b"Version=1\r\n" in with_scripts_extension(b"[general]\nversion = what\n")


def test_a_script_that_is_started_already_is_not_added_again() -> None:
    once = with_startup_script(b"", START)
    assert with_startup_script(once, START.upper()) == once
    assert with_startup_script(b"[Startup]\n0CmdLine=x\n\n[Shutdown]\n0CmdLine=y\n", "z") == (
        b"[Startup]\r\n0CmdLine=x\r\n1CmdLine=z\r\n1Parameters=\r\n\r\n[Shutdown]\r\n0CmdLine=y\r\n"
    )


@given(st.binary(max_size=200) | st.text("[]SGtartup=0CmdLine\n ", max_size=60).map(str.encode))
def test_whatever_a_policy_holds_the_script_is_in_it_once(content: bytes) -> None:
    once = with_startup_script(content, START)
    assert with_startup_script(once, START) == once
    assert with_scripts_extension(content)


def test_one_that_waits_for_its_setup_runs_them_at_its_end() -> None:
    guest, tree = windows_guest(GENERALISED, more={COMPLETE: "net start x\r\nexit /b\r\n"})
    carry_out(guest, tree, ("firstboot-command", "a"), ("firstboot-command", "b"))
    lines = tree.read_bytes(COMPLETE).splitlines()
    assert lines[0].endswith(b'run.cmd" setup') and lines[1:] == [b"net start x", b"exit /b"]
    assert tree.is_file(SCRIPTS)  # for what comes again after a restart


def test_what_is_refused(tmp_path: Path) -> None:
    guest, tree = windows_guest()
    with pytest.raises(UsageError, match=r"no script of this kind: a\.sh") as raised:
        carry_out(guest, tree, script(tmp_path, "a.sh"))
    assert ".ps1" in raised.value.hint
    with pytest.raises(HostError, match="cannot read"):
        carry_out(guest, tree, ("firstboot", str(tmp_path / "none.cmd")))
    guest, tree = windows_guest(major=5)
    with pytest.raises(UnsupportedGuest, match="need Windows Vista"):
        carry_out(guest, tree, ("firstboot-command", "ver"))
    off = {r"Policies\Microsoft\Windows\System": {"DisableLGPOProcessing": 1}}
    guest, tree = windows_guest(off)
    with pytest.raises(UnsupportedGuest, match="DisableLGPOProcessing"):
        carry_out(guest, tree, ("firstboot-command", "ver"))


def test_numbers_go_on_behind_what_has_run() -> None:
    """Else the log of a new script would be mistaken for that of an old one."""
    guest, tree = windows_guest(more={f"{FOLDER}/0007-old.cmd.log": "x"})
    carry_out(guest, tree, ("firstboot-command", "ver"))
    assert [one.name for one in tree.list_dir(f"{FOLDER}/scripts")] == ["0008-command.cmd"]


@pytest.mark.parametrize(
    ("kind", "content", "read"),
    [
        ("cmd", b"a\nb\r\n", b"a\r\nb\r\n"),
        ("ps1", b"a\nb\n", b"a\nb\n"),
        ("ps1", "Grüße".encode(), b"\xef\xbb\xbf" + "Grüße".encode()),
        ("ps1", "Grüße".encode("cp1252"), "Grüße".encode("cp1252")),
        ("ps1", "ü".encode("utf-16"), "ü".encode("utf-16")),
    ],
)
def test_line_ends_and_letters(kind: str, content: bytes, read: bytes) -> None:
    assert as_windows_reads_it(content, kind) == read


def test_the_runner_is_a_batch_file_whose_labels_are_there() -> None:
    lines = [line.strip() for line in RUNNER.splitlines()]
    labels = {line[1:] for line in lines if line.startswith(":")}
    wanted = {word.split()[0] for line in lines for word in line.split("call :")[1:]}
    wanted |= {line.split("goto ")[1].split()[0] for line in lines if "goto " in line}
    assert wanted <= labels | {"eof"}
    assert RUNNER.isascii() and max(map(len, lines)) < 8191  # what cmd.exe reads in a line
