"""Keys: where they may come from, and that they stay secret."""

import ctypes
import io
import os
from pathlib import Path

import pytest

from imgtools.disk.keys import parse_key, read_lines
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


def test_a_part_of_a_file_in_the_words_of_crypttab(tmp_path: Path) -> None:
    """Nothing is taken off its end: where it ends is said."""
    path = tmp_path / "key,odd"
    path.write_bytes(b"skip" + b"s3cret\n" + b"rest\n")
    cases = {
        ",keyfile-offset=4,keyfile-size=7": b"s3cret\n",
        ",keyfile-offset=4": b"s3cret\nrest\n",
        ",keyfile-size=4": b"skip",
        "": b"skips3cret\nrest",
    }
    for words, content in cases.items():
        assert parse_key(f"all:file:{path}{words}", no_one).secret.reveal() == content


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        ("keyfile-offset=99", "ends before byte 100"),
        ("keyfile-offset=3,keyfile-size=9", "ends before byte 12"),
        ("keyfile-offset=999999999999", "ends before byte"),
    ],
)
def test_a_part_that_is_not_there(tmp_path: Path, words: str, fact: str) -> None:
    (tmp_path / "key").write_bytes(b"s3cret")
    with pytest.raises(HostError, match=fact) as caught:
        parse_key(f"all:file:{tmp_path / 'key'},{words}", no_one)
    assert "s3cret" not in caught.value.message + caught.value.hint


def test_a_part_that_is_larger_than_any_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a key of 9000000 bytes"):
        parse_key("all:file:/dev/zero,keyfile-size=9000000", no_one)
    with pytest.raises(HostError, match="is larger than"):
        parse_key("all:file:/dev/zero,keyfile-offset=1", no_one)
    assert parse_key("all:file:/dev/zero,keyfile-size=8", no_one).secret.reveal() == bytes(8)


def test_a_key_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    library = ctypes.CDLL("libkeyutils.so.1", use_errno=True)
    own = -2  # KEY_SPEC_PROCESS_KEYRING: it goes with this process
    if library.add_key(b"user", b"imgtools-test", b"s3\0cret", ctypes.c_size_t(7), own) < 0:
        pytest.skip(f"this host lets nobody have keys: {os.strerror(ctypes.get_errno())}")
    assert parse_key("all:keyring:imgtools-test", no_one).secret.reveal() == b"s3\0cret"
    with pytest.raises(HostError, match="there is none of that description") as caught:
        parse_key("all:keyring:imgtools-none", no_one)
    assert "keyctl" in caught.value.hint


def test_lines_are_keys_for_all() -> None:
    keys = read_lines(io.BytesIO(b"one\ntwo\r\n\n\xff\xfe\nlast"))
    assert [(key.selector, key.secret.reveal()) for key in keys] == [
        ("all", b"one"), ("all", b"two"), ("all", b"\xff\xfe"), ("all", b"last")
    ]  # fmt: skip
    with pytest.raises(UsageError, match="has no key"):
        read_lines(io.BytesIO(b"\n\n"))
    with pytest.raises(HostError, match="are more than"):
        read_lines(io.BytesIO(bytes(9 << 20)))
