"""What sysprep shows: to a person on a terminal, to a script at the other end of a pipe."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image


def on_terminal(*words: str | Path) -> list[str]:
    """The lines that a person sees who has 100 columns."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": "100", "TERM": "dumb"}
    argv = [sys.executable, "-m", "imgtools", *words]
    with subprocess.Popen(argv, stdout=theirs, stderr=subprocess.DEVNULL, env=env):
        os.close(theirs)
        shown = b""
        while piece := _piece(ours):
            shown += piece
    os.close(ours)
    return shown.decode().replace("\r\n", "\n").split("\n")


def _piece(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # EIO: the other end is closed
        return b""


def test_a_person_reads_what_is_done_operation_by_operation() -> None:
    lines = on_terminal("sysprep", fixture_image("debian"))
    assert lines[0] == "Debian GNU/Linux 12 (bookworm) on /dev/sda3"
    start = lines.index("machine-id: Empty the machine ID")
    assert lines[start - 1] == "" and lines[start + 1] == "  empty /etc/machine-id (33)"
    start = lines.index("mail-names: Take the host name out of Postfix and Exim")
    assert lines[start + 1 : start + 4] == [
        "  write /etc/mailname (10)",
        "      -debian-fixture.example.com",
        "      +localhost",
    ]


def test_names_of_what_does_nothing_are_wrapped_to_the_terminal() -> None:
    lines = on_terminal("sysprep", fixture_image("debian"), "--operations", "all")
    start = next(number for number, line in enumerate(lines) if line.startswith("Nothing to do: "))
    end = lines.index("", start)
    assert end - start > 1 and all(len(line) <= 100 for line in lines[start:end])
    names = " ".join(line.strip() for line in lines[start:end]).removeprefix("Nothing to do: ").split(", ")
    assert "customize" not in names and "script" not in names  # they do what they are given
    assert lines[end + 1] == "Not for this guest: lvm-uuids, rpm-db"


def test_a_script_gets_a_row_for_each_change() -> None:
    ran = imgtools("sysprep", fixture_image("debian"), "--operations", "hostid,machine-id")
    assert ran.out.splitlines() == [
        "Operation\tKind\tPath\tChange",
        "hostid\tremove\t/etc/hostid\tremove /etc/hostid (4)",
        "machine-id\ttruncate\t/etc/machine-id\tempty /etc/machine-id (33)",
    ]
    assert ran.err.strip().startswith("2 changes planned, nothing written.")


def test_the_verdict_in_words(tmp_path: Path) -> None:
    image = copy_fixture("arch", tmp_path)[0]
    lines = on_terminal("sysprep", image, "--verify")
    assert lines[0] == f"{image}: not fit as a template (Arch Linux); left are:"
    imgtools("sysprep", image, "--write")
    assert on_terminal("sysprep", image, "--verify")[0] == f"{image}: fit as a template (Arch Linux)"


def test_what_a_search_finds_besides(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    (original := tmp_path / "original.qcow2").write_bytes(image.read_bytes())
    imgtools("sysprep", image, "--append-line", "/etc/motd:this is debian-fixture", "--write")
    words = ("sysprep", image, "--verify", "--original", original)
    assert "\ttrace\t/etc/motd\thost name debian-fixture" in imgtools(*words, code=1).out.splitlines()
    lines = on_terminal(*words)
    assert lines[2] == "traces of the machine it was made of:"
    assert "  /etc/motd: host name debian-fixture" in lines
    ran = imgtools("sysprep", image, "--original", original, code=2)
    assert "--original is what --verify compares with" in ran.err


def test_the_operations_are_listed_without_an_image() -> None:
    argv = [sys.executable, "-m", "imgtools", "sysprep", "--list-operations", "--json"]
    said = subprocess.run(argv, check=True, capture_output=True).stdout
    rows = json.loads(said)["data"]["operations"]
    policy = next(row for row in rows if row["name"] == "machine-id")
    assert policy["default"] and policy["parameters"] == ["policy"]
    assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
    lines = imgtools("sysprep", "--list-operations").out.splitlines()
    assert len(lines) == len(rows) + 1
    assert "fs-uuids\t\tGive filesystems new UUIDs" in lines
