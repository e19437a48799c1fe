"""What sysprep is asked and cannot do: a named error and its exit code, before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.cache import digest_of
from imgtools.errors import HostError, NotInGuest, OddGuest, UnsupportedGuest, UsageError
from tests.support.command import imgtools
from tests.support.edits import plan_file
from tests.support.fixtures import copy_fixture, fixture_image

USAGE = UsageError.exit_code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--enable", "ssh-hostkey"), "did you mean ssh-hostkeys?"),
        (("--disable", "machine_id"), "did you mean machine-id?"),
        (("--operations", "defaults,-log-files"), "did you mean logfiles?"),
        (("--operations", "defaults,qqqq"), "see --list-operations"),
        (("--set", "macine-id.policy=keep"), "did you mean machine-id?"),
        (("--set", "user-account.keep=alice"), "the operation user-account does not run"),
        (("--set", "machine-id.polcy=keep"), "it has: policy"),
        (("--set", "machine-id.policy=gone"), "one of empty, uninitialized, remove, keep"),
        (("--set", "machine-id=keep"), "write operation.parameter=value"),
        (("--enable", "hostid", "--operations", "all"), "do not go together"),
        (("--verify", "--write"), "--verify only looks"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(words: tuple[str, ...], said: str) -> None:
    ran = imgtools("sysprep", fixture_image("debian"), *words, code=USAGE)
    assert said in ran.err and ran.out == ""


def test_an_account_that_is_not_there_is_a_fact_of_the_guest() -> None:
    words = ("--enable", "user-account", "--set", "user-account.remove=nobody-here")
    ran = imgtools("sysprep", fixture_image("debian"), *words, code=NotInGuest.exit_code)
    assert "no such account in the guest" in ran.err and ran.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--enable", "rpm-db"), "rpm-db is not for Debian GNU/Linux 12 (bookworm): it has no rpm database"),
        (("--operations", "defaults,lvm-uuids", "--write"), "it has no logical volumes"),
    ],
)
def test_an_operation_that_is_not_for_the_guest_is_an_error_by_name(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    (own,) = copy_fixture("debian", tmp_path)  # who wants to write has an image for himself
    ran = imgtools("sysprep", own, *words, code=UnsupportedGuest.exit_code)
    assert said in ran.err and "--operations defaults,-" in ran.err
    rows = imgtools("sysprep", fixture_image("debian"), "--operations", "all", "--json").data["operations"]
    assert {one["name"] for one in rows if not one["applies"]} == {"rpm-db", "lvm-uuids"}


def test_the_document_of_an_error_says_the_same() -> None:
    ran = imgtools("sysprep", fixture_image("debian"), "--enable", "hostids", "--json", code=USAGE)
    assert ran.json["ok"] is False
    assert ran.json["error"]["hint"] == "did you mean hostid?"


def test_an_unknown_operation_is_told_before_the_image_is_opened(tmp_path: Path) -> None:
    ran = imgtools("sysprep", tmp_path / "not-there.qcow2", "--enable", "hostids", code=USAGE)
    assert "no such operation: hostids" in ran.err


def test_an_operation_for_others_is_refused_of_windows(tmp_path: Path) -> None:
    image = copy_fixture("windows", tmp_path)[0]
    before = digest_of(image)
    ran = imgtools("sysprep", image, "--enable", "logfiles", "--write", code=UnsupportedGuest.exit_code)
    assert "the operation logfiles is not for Windows 10 Pro" in ran.err
    assert digest_of(image) == before


@pytest.mark.parametrize("operation", ["bash-history", "user-account"])
def test_an_accounts_file_that_does_not_parse_stops_it(operation: str, tmp_path: Path) -> None:
    """A home might be missed, so nothing is done at all."""
    image = copy_fixture("alpine", tmp_path)[0]
    damage = [
        {"kind": "write-file", "path": "/etc/passwd", "content": "root:x:0:0:root:/root:/bin/sh\nalice\n"}
    ]
    imgtools("apply", image, plan_file(tmp_path, damage), "--write", "--no-check")
    before = digest_of(image)
    ran = imgtools("sysprep", image, "--enable", operation, "--write", code=OddGuest.exit_code)
    assert "/etc/passwd" in ran.err
    assert digest_of(image) == before


def test_a_script_that_is_not_there_stops_it(tmp_path: Path) -> None:
    image = copy_fixture("alpine", tmp_path)[0]
    before = digest_of(image)
    words = ("--set", f"script.file={tmp_path / 'none.sh'}", "--write")
    ran = imgtools("sysprep", image, *words, code=HostError.exit_code)
    assert "cannot read the script" in ran.err and digest_of(image) == before
