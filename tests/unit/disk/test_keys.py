"""Keys: where they may come from, and that they stay secret."""

from pathlib import Path

import pytest

from imgtools.disk.keys import parse_key
from imgtools.errors import HostError, UsageError


def no_one(prompt: str) -> str:
    raise AssertionError("nobody was to be asked")


def test_a_key_comes_from_a_file_the_environment_or_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_bytes(b"s3cret\n")
    monkeypatch.setenv("KEY", "s3cret")
    for text in (f"/dev/sda2:file:{tmp_path / 'key'}", "/dev/sda2:env:KEY", "/dev/sda2:key:s3cret"):
        key = parse_key(text, no_one)
        assert (key.selector, key.secret.reveal()) == ("/dev/sda2", b"s3cret")
    assert parse_key("all:ask", lambda prompt: "typed").secret.reveal() == b"typed"


@pytest.mark.parametrize("text", ["", "all", "all:", "all:file:", ":file:x", "all:morse:x", "s3cret"])
def test_what_is_not_a_key_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_key(text, no_one)
    assert caught.value.hint


def test_a_missing_file_or_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="cannot read"):
        parse_key(f"all:file:{tmp_path / 'none'}", no_one)
    with pytest.raises(HostError, match="NO_SUCH_VARIABLE"):
        parse_key("all:env:NO_SUCH_VARIABLE", no_one)
