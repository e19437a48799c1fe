"""Encrypted volumes made without a kernel: headers by hand, or by cryptsetup, and contents by another AES than ours."""

from __future__ import annotations

import copy
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.support.volumes import tool

MIB = 1 << 20
KEY = b"sesame"
CHEAP = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
ARGON2 = ("--pbkdf-memory", "32", "--pbkdf-parallel", "1", "--pbkdf-force-iterations", "4")
SMALL = (
    "--luks2-metadata-size",
    "16k",
    "--luks2-keyslots-size",
    "1m",
)  # the data begins at 2 MiB, as in LUKS1
UUID = "d0d0d0d0-0041-4000-8000-000000000e01"

# A header as cryptsetup writes it, with areas that are as large as they must be.
HEADER_SIZE = 16384
SALT = "c2FsdHNhbHRzYWx0c2FsdHNhbHRzYWx0c2FsdHNhbHQ="  # 32 bytes
METADATA: dict[str, Any] = {
    "keyslots": {
        "0": {
            "type": "luks2",
            "key_size": 64,
            "af": {"type": "luks1", "stripes": 4000, "hash": "sha256"},
            "area": {
                "type": "raw",
                "offset": "32768",
                "size": "258048",
                "encryption": "aes-xts-plain64",
                "key_size": 64,
            },
            "kdf": {"type": "argon2id", "time": 4, "memory": 32, "cpus": 1, "salt": SALT},
        }
    },
    "tokens": {},
    "segments": {
        "0": {
            "type": "crypt",
            "offset": "1048576",
            "size": "dynamic",
            "iv_tweak": "0",
            "encryption": "aes-xts-plain64",
            "sector_size": 512,
        }
    },
    "digests": {
        "0": {
            "type": "pbkdf2",
            "keyslots": ["0"],
            "segments": ["0"],
            "hash": "sha256",
            "iterations": 1000,
            "salt": SALT,
            "digest": SALT,
        }
    },
    "config": {"json_size": "12288", "keyslots_size": "1015808"},
}


def metadata(**parts: Any) -> dict[str, Any]:
    """The JSON of a sound header; ``segments__0__size="0"`` is another value deep in it, ``...`` takes one away."""
    made: dict[str, Any] = copy.deepcopy(METADATA)
    for name, value in parts.items():
        *above, last = name.split("__")
        place = made
        for step in above:
            place = place.setdefault(step, {})
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return made


def luks2_copy(text: bytes, second: bool = False, size: int = HEADER_SIZE, sequence: int = 3) -> bytes:
    """One of the two copies of a header with any JSON text; its checksum is right."""
    area = text.ljust(size - 4096, b"\0")[: size - 4096]
    fields = (
        b"SKUL\xba\xbe" if second else b"LUKS\xba\xbe", 2, size, sequence, b"", b"sha256", bytes(64),
        UUID.encode(), b"", size if second else 0, b"", b"",
    )  # fmt: skip
    binary = bytearray(struct.pack(">6sHQQ48s32s64s40s48sQ184s64s", *fields).ljust(4096, b"\0"))
    binary[448:512] = hashlib.sha256(binary + area).digest().ljust(64, b"\0")
    return bytes(binary + area)


def luks2_volume(first: dict[str, Any] | bytes, second: dict[str, Any] | bytes | None = None) -> bytes:
    """A volume of 2 MiB with a header of two copies: JSON, or bytes in place of a copy."""
    other = first if second is None else second
    copies = [
        one if isinstance(one, bytes) else luks2_copy(json.dumps(one).encode(), number == 1)
        for number, one in enumerate((first, other))
    ]
    return b"".join(copies).ljust(2 * MIB, b"\0")


def luks1_volume(**changes: int) -> bytes:
    """A volume of 2 MiB with a header of LUKS1 by hand; its first key slot is in use."""
    fields = {"key_size": 64, "payload": 2048, "state": 0x00AC71F3, "place": 8, "stripes": 4000} | changes
    head = struct.pack(
        ">6sH32s32s32sII20s32sI40s",
        b"LUKS\xba\xbe", 1, b"aes", b"xts-plain64", b"sha256", fields["payload"], fields["key_size"],
        bytes(20), bytes(32), 1000, UUID.encode(),
    )  # fmt: skip
    slots = struct.pack(">II32sII", fields["state"], 1000, bytes(32), fields["place"], fields["stripes"])
    slots += struct.pack(">II32sII", 0x0000DEAD, 0, bytes(32), 512, 4000) * 7
    return (head + slots).ljust(2 * MIB, b"\0")


# -- with contents ----------------------------------------------------------------------------------------


def encrypted(content: bytes, cipher: str, key: bytes, sector_size: int = 512, first: int = 0) -> bytes:
    """Encrypt as dm-crypt does: the vector of a sector is its number in units of 512 bytes."""
    return b"".join(
        _encrypt_sector(content[place : place + sector_size], cipher, key, first + place // 512)
        for place in range(0, len(content), sector_size)
    )


def _encrypt_sector(sector: bytes, cipher: str, key: bytes, number: int) -> bytes:
    vector, mode = number.to_bytes(16, "little"), cipher.partition("-")[2]
    if "essiv" in mode:
        salt = Cipher(algorithms.AES(hashlib.sha256(key).digest()), modes.ECB()).encryptor()
        vector = salt.update(vector)
    how = modes.XTS(vector) if mode.startswith("xts") else modes.CBC(vector)
    return Cipher(algorithms.AES(key), how).encryptor().update(sector)


def format_luks(
    path: Path,
    content: bytes,
    *options: str,
    version: int = 2,
    cipher: str = "aes-xts-plain64",
    key_size: int = 64,
    sector_size: int = 512,
    passphrase: bytes = KEY,
    header: Path | None = None,
) -> bytes:
    """Make a volume with cryptsetup, and its content without a kernel; return the volume key."""
    key = bytes(range(1, key_size + 1))
    key_file, pass_file = path.with_name(f"{path.name}.vk"), path.with_name(f"{path.name}.pass")
    key_file.write_bytes(key)
    pass_file.write_bytes(passphrase)
    data_at = 0 if header else 2 * MIB
    path.write_bytes(bytes(data_at) + encrypted(content, cipher, key, sector_size))
    words = [
        "-q",
        "--type",
        f"luks{version}",
        "--cipher",
        cipher,
        "--key-size",
        str(key_size * 8),
        "--uuid",
        UUID,
    ]
    words += ["--master-key-file", str(key_file), *(options or CHEAP)]
    if version == 2:
        words += ["--sector-size", str(sector_size), *SMALL, "--offset", str(data_at // 512)]
    else:
        words += ["--align-payload", "0" if header else "4096"]
    if header is not None:
        header.write_bytes(bytes(2 * MIB))
        words += ["--header", str(header)]
    tool("cryptsetup", "luksFormat", *words, path, pass_file)
    return key


def add_key(path: Path, passphrase: bytes, old: bytes = KEY, *options: str) -> None:
    """Give a volume another passphrase."""
    files = [path.with_name(f"{path.name}.{name}") for name in ("old", "new")]
    for file, content in zip(files, (old, passphrase), strict=True):
        file.write_bytes(content)
    tool("cryptsetup", "luksAddKey", "-q", *(options or CHEAP), "--key-file", files[0], path, files[1])
