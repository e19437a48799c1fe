"""Keys of encrypted volumes by cryptsetup's library: all kinds of key slots, wrong keys, and what costs too much."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from imgtools.engine.confined import luks
from imgtools.engine.confined.luks import derive_key, free_memory
from imgtools.errors import BadImage, EngineTimeout, KeyNeeded, NotEnoughMemory
from imgtools.records.request import Secret
from imgtools.volumes.luks.header import LuksHeader
from imgtools.volumes.luks.reader import read_header
from imgtools.volumes.volume_file import DiskFile
from tests.support.luks import (
    ARGON2,
    CHEAP,
    KEY,
    METADATA,
    SALT,
    add_key,
    format_luks,
    luks2_copy,
    luks2_volume,
    metadata,
)
from tests.support.volumes import bytes_volume, volume

pytestmark = pytest.mark.host
CONTENT = bytes(4096)


def derived(file: DiskFile, *secrets: bytes) -> bytes:
    header = read_header(file)
    assert isinstance(header, LuksHeader)
    return derive_key(header, file, [Secret(one) for one in secrets], "/dev/sda1")


@pytest.mark.parametrize(
    ("version", "options"),
    [
        (2, ("--pbkdf", "argon2id", *ARGON2)),
        (2, ("--pbkdf", "argon2i", *ARGON2)),
        (2, (*CHEAP, "--hash", "sha512")),
        (1, ("--pbkdf-force-iterations", "1000", "--hash", "sha512")),
    ],
)
def test_key_slots_of_each_kind(tmp_path: Path, version: int, options: tuple[str, ...]) -> None:
    key = format_luks(tmp_path / "v", CONTENT, *options, version=version)
    assert derived(volume(tmp_path / "v"), KEY) == key
    assert derived(volume(tmp_path / "v"), b"wrong", b"", KEY) == key
    with pytest.raises(KeyNeeded, match=r"/dev/sda1 is encrypted and the key does not open it"):
        derived(volume(tmp_path / "v"), b"wrong", b"sesame\n")


def test_any_of_several_slots_and_any_bytes(tmp_path: Path) -> None:
    binary = bytes(range(256)) * 40
    key = format_luks(tmp_path / "v", CONTENT, passphrase=binary)
    add_key(tmp_path / "v", b"second", binary, "--pbkdf", "argon2id", *ARGON2)
    for secret in (binary, b"second"):
        assert derived(volume(tmp_path / "v"), secret) == key
    with pytest.raises(KeyNeeded):
        derived(volume(tmp_path / "v"), binary[:-1])


@pytest.mark.parametrize("damaged", [slice(0, 8), slice(5000, 5001), slice(0, 16384)])
def test_the_second_copy_of_a_header(tmp_path: Path, damaged: slice) -> None:
    key = format_luks(tmp_path / "v", CONTENT)
    content = bytearray((tmp_path / "v").read_bytes())
    content[damaged] = bytes(len(content[damaged]))
    assert derived(bytes_volume(bytes(content)), KEY) == key


def test_a_slot_whose_material_is_damaged_opens_nothing(tmp_path: Path) -> None:
    format_luks(tmp_path / "v", CONTENT)
    content = bytearray((tmp_path / "v").read_bytes())
    content[32768:33280] = bytes(512)
    with pytest.raises(KeyNeeded):
        derived(bytes_volume(bytes(content)), KEY)


def test_what_cryptsetup_refuses_is_its_sentence(tmp_path: Path) -> None:
    """A header that is sound for us and not for it: a salt of another length."""
    file = bytes_volume(luks2_volume(metadata(keyslots__0__kdf__salt="c2FsdA==")))
    with pytest.raises(BadImage, match=r"/dev/sda1: cryptsetup refuses its header: .+") as caught:
        derived(file, KEY)
    assert "/proc/self" not in caught.value.message


def test_more_memory_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = luks2_volume(metadata(keyslots__0__kdf__memory=(1 << 32) - 1))
    with pytest.raises(NotEnoughMemory, match=r"to derive its key takes 4.* of memory, and .* are free"):
        derived(bytes_volume(huge), KEY)
    assert free_memory() > 0


def test_memory_that_is_refused_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The address space of the worker is what its header says; here it is told less."""
    format_luks(tmp_path / "v", CONTENT, "--pbkdf", "argon2id", *ARGON2)
    content = (tmp_path / "v").read_bytes()
    text = json.loads(content[4096:16384].split(b"\0")[0])
    text["keyslots"]["0"]["kdf"]["memory"] = 3 << 20
    file = bytes_volume(luks2_volume(text) + content[2 << 20 :])
    header = read_header(file)
    assert isinstance(header, LuksHeader)
    monkeypatch.setattr(luks, "SPARE", 64 << 20)
    with pytest.raises(NotEnoughMemory, match="and there is less"):
        derive_key(header._replace(memory=1), file, [Secret(KEY)], "/dev/sda1")


@pytest.mark.parametrize(
    "kdf",
    [
        {"type": "pbkdf2", "hash": "sha256", "iterations": (1 << 31) - 1},
        {"type": "argon2id", "time": (1 << 32) - 1, "memory": 32, "cpus": 1},
    ],
)
def test_more_rounds_than_anybody_waits_for(kdf: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(luks, "SECONDS", 0.5)
    hostile = luks2_volume(metadata(keyslots__0__kdf={**kdf, "salt": SALT}))
    with pytest.raises(EngineTimeout, match=r"no key was derived within 0\.5 s"):
        derived(bytes_volume(hostile), KEY)


def test_the_key_is_in_no_message_and_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    format_luks(tmp_path / "v", CONTENT)
    with caplog.at_level(logging.DEBUG), pytest.raises(KeyNeeded) as caught:
        derived(volume(tmp_path / "v"), b"not-the-passphrase")
    for text in (str(caught.value), caught.value.hint, caplog.text, repr(caught.value.__dict__)):
        assert "not-the-passphrase" not in text


def test_sound_metadata_is_what_cryptsetup_takes() -> None:
    """What the hostile headers are made from differs from a real one in nothing but its key."""
    file = bytes_volume(luks2_volume(luks2_copy(json.dumps(METADATA).encode())))
    with pytest.raises(KeyNeeded):
        derived(file, KEY)
