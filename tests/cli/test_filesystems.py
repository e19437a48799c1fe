"""imgtools filesystems."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image
from tools.terminal import run_on_terminal


def test_every_device_has_one_line_in_the_tree(tmp_path: Path) -> None:
    shown = run_on_terminal(f"imgtools filesystems {fixture_image('lvm')}", tmp_path)
    lines = [line.lstrip("│├└─ ") for line in shown.text.splitlines()]
    seen = Counter(line.split()[0] for line in lines if line.startswith("/dev/"))
    volumes = {"/dev/vg_main/root", "/dev/vg_main/home", "/dev/vg_main/swap_1", "/dev/vg_data/srv-data"}
    assert set(seen) == {"/dev/sda", "/dev/sda1", "/dev/sda2", "/dev/sda3"} | volumes
    assert set(seen.values()) == {1}, seen


def test_logical_volumes_stand_below_what_they_are_made_of(tmp_path: Path) -> None:
    text = run_on_terminal(f"imgtools filesystems {fixture_image('lvm')}", tmp_path).text
    assert text.index("/dev/sda2") < text.index("/dev/vg_main/root") < text.index("/dev/sda3")
    assert text.index("/dev/sda3") < text.index("/dev/vg_data/srv-data")


def test_pipe_gets_a_line_a_filesystem() -> None:
    header, *rows = [
        line.split("\t") for line in imgtools("filesystems", fixture_image("debian")).out.splitlines()
    ]
    found = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert list(found) == ["/dev/sda1", "/dev/sda2", "/dev/sda3", "/dev/sda4"]
    root = found["/dev/sda3"]
    assert (root["Type"], root["Label"]) == ("ext4", "debian-root")
    assert int(root["Used"]) + int(root["Available"]) < int(root["Size"])


def test_alignment_is_judged_by_the_exit_code(tmp_path: Path) -> None:
    assert "bad" not in imgtools("filesystems", "--alignment", fixture_image("debian")).out
    old = tmp_path / "old.raw"
    old.write_bytes(bytes(4 << 20))
    table = "label: dos\nstart=63, size=2000\nstart=4096\n"  # as Windows XP did it: cylinder 0, head 1
    subprocess.run(["/sbin/sfdisk", "-q", "--no-reread", str(old)], input=table, text=True, check=True)
    judged = imgtools("filesystems", "--alignment", old, code=1).out.splitlines()
    assert [line.split("\t")[3] for line in judged[1:]] == ["bad", "ok"]


def test_one_kind_of_thing_as_a_table() -> None:
    lines = imgtools("filesystems", "--only", "vgs", fixture_image("lvm")).out.splitlines()
    assert {line.split("\t")[0] for line in lines} == {"Name", "vg_main", "vg_data"}
