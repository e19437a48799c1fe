"""imgtools customize."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image


def test_no_secret_is_in_what_is_printed(tmp_path: Path) -> None:
    (secret := tmp_path / "pw").write_text("open-sesame\n")
    words = ("customize", fixture_image("debian"), "--password", f"root:file:{secret}", "--engine", "direct")
    for more in ((), ("--json",)):
        ran = imgtools(*words, *more)
        assert "/etc/shadow" in ran.out
        for hidden in ("open-sesame", "$6$", "$y$"):
            assert hidden not in ran.out + ran.err


def test_what_is_written_can_be_read_and_planning_again_finds_nothing(tmp_path: Path) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    words = (
        "customize",
        disk,
        "--hostname",
        "web1",
        "--append-line",
        "/etc/motd:hello",
        "--engine",
        "direct",
    )
    assert imgtools(*words, "--write", "--json").data["applied"] is True
    assert imgtools("cat", disk, "/etc/hostname").out == "web1\n"
    assert imgtools(*words, "--json").data["changes"] == []


def test_a_bad_order_is_an_error_with_nothing_written(tmp_path: Path) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    before = disk.read_bytes()
    ran = imgtools("customize", disk, "--hostname", "web1", "--password", "eve:locked", "--write", code=2)
    assert "no user 'eve'" in ran.err
    assert disk.read_bytes() == before
