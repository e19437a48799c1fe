"""BitLocker: a start-up key opens a volume as a password does; what is neither is told."""

from __future__ import annotations

import struct
import uuid
from pathlib import Path

import pytest

from fixtures import bitlocker as maker
from imgtools.engine.confined import bitlocker as fenced
from imgtools.errors import BadImage, KeyNeeded
from imgtools.records.request import Secret
from imgtools.volumes.bitlocker import is_startup_key, open_bitlocker
from tests.support.volumes import bytes_volume

EXTERNAL = uuid.UUID("d0d0d0d0-001b-4000-8000-00000000be01")
EXTERNAL_KEY = bytes(range(200, 232))
BY_STARTUP_KEY = 0x0200  # libbde's documentation, section 5.4.1
STARTUP_KEY, EXTERNAL_VALUE, DESCRIPTION, TEXT_VALUE = 0x6, 0x9, 0x7, 0x2
# libbde looks at the first sector of what a start-up key has opened.
BOOT = b"\xeb\x52\x90NTFS    " + struct.pack("<HB26xQ16xbxxxb", 512, 8, 511, -10, -12)
CONTENT = BOOT.ljust(512, b"\0") + bytes(range(256)) * 1022


def startup_key(identifier: uuid.UUID = EXTERNAL, key: bytes = EXTERNAL_KEY) -> bytes:
    """The content of a .BEK file, as Windows writes it."""
    name = maker._entry(0, TEXT_VALUE, "ExternalKey\0".encode("utf-16-le"))
    inner = identifier.bytes_le + struct.pack("<Q", maker.CREATED) + name + maker._key(key)
    entry = maker._entry(STARTUP_KEY, EXTERNAL_VALUE, inner)
    size = 48 + len(entry)
    head = struct.pack("<IIII16sIHHQ", size, 1, 48, size, identifier.bytes_le, 1, 0, 0, maker.CREATED)
    return head + entry


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A volume that a start-up key opens, and nothing else."""

    def vmk_entry() -> bytes:
        sealed = maker._sealed(maker._key(maker._long_key()), EXTERNAL_KEY, 1)
        head = struct.pack("<16sQHH", EXTERNAL.bytes_le, maker.CREATED, 0, BY_STARTUP_KEY)
        inner = head + maker._entry(0, maker.ENCRYPTED_VALUE, sealed)
        return maker._entry(maker.IS_VMK, maker.VMK_VALUE, inner)

    monkeypatch.setattr(maker, "_vmk_entry", vmk_entry)
    path = tmp_path / "volume"
    path.write_bytes(CONTENT)
    maker.encrypt(path, len(CONTENT) + maker.TAIL)
    return path.read_bytes()


def test_a_startup_key(volume: bytes) -> None:
    disk = open_bitlocker(bytes_volume(volume), Secret(startup_key()))
    assert disk.read(0, len(CONTENT)) == CONTENT
    assert disk.read(4096, 100) == CONTENT[4096:4196]


@pytest.mark.parametrize(
    "key",
    [
        startup_key(key=bytes(32)),
        startup_key(identifier=uuid.UUID(int=1)),
        startup_key()[:60].ljust(len(startup_key()), b"\0"),
        b"fixture",
        b"111111-222222-333333-444444-555555-666666-777777-888888",
    ],
)
def test_a_key_that_does_not_open_it(volume: bytes, key: bytes) -> None:
    with pytest.raises(KeyNeeded, match="the key does not open it"):
        open_bitlocker(bytes_volume(volume), Secret(key))


def test_what_is_neither_text_nor_a_startup_key(volume: bytes) -> None:
    with pytest.raises(KeyNeeded, match="neither text nor a start-up key") as caught:
        open_bitlocker(bytes_volume(volume), Secret(b"\xff\xfe"))
    assert ".BEK" in caught.value.hint


def test_what_a_startup_key_looks_like() -> None:
    key = startup_key()
    assert is_startup_key(key)
    for other in (b"", key[:-1], key + b"\n", bytes(48), b"x" * 5000):
        assert not is_startup_key(other)


def test_a_damaged_volume_is_named_whatever_the_key_is(volume: bytes) -> None:
    for key in (startup_key(), b"fixture"):
        with pytest.raises(BadImage, match="not read by libbde"):
            open_bitlocker(bytes_volume(volume[: 1 << 17]), Secret(key))


def test_a_startup_key_behind_the_fence(volume: bytes) -> None:
    """There is no file that libbde could be given but one in memory."""
    disk = fenced.open_bitlocker(bytes_volume(volume), Secret(startup_key()))
    assert disk.read(0, 4096) == CONTENT[:4096]
    with pytest.raises(KeyNeeded):
        fenced.open_bitlocker(bytes_volume(volume), Secret(startup_key(key=bytes(32))))
