"""Headers of encrypted volumes that are hostile, damaged, or not known, each with the words that it ends in.

``DAMAGED`` are errors, ``UNKNOWN`` are declined, ``SOUND`` are read all the same.
"""

from __future__ import annotations

import json

from tests.support.luks import HEADER_SIZE, METADATA, luks1_volume, luks2_copy, luks2_volume, metadata

SLOT = METADATA["keyslots"]["0"]
SEGMENT = METADATA["segments"]["0"]
GOOD = json.dumps(METADATA).encode()


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def _both(text: bytes) -> bytes:
    return luks2_volume(luks2_copy(text), luks2_copy(text, second=True))


DAMAGED: dict[str, tuple[bytes, str]] = {
    "both checksums are wrong": (
        luks2_volume(_flipped(luks2_copy(GOOD), 5000), _flipped(luks2_copy(GOOD, second=True), 5000)),
        "first copy, its checksum is wrong",
    ),
    "cut in the first copy": (luks2_volume(METADATA)[:9000], "it is not whole"),
    "cut behind the magic": (luks2_volume(METADATA)[:8], "there is none"),
    "cut in the area of the key slots": (luks2_volume(METADATA)[:200_000], "it is not whole"),
    "a size that there is not": (
        luks2_volume(luks2_copy(GOOD, size=20480), bytes(HEADER_SIZE)), "size or place is wrong",
    ),
    "an unknown checksum": (
        luks2_volume(luks2_copy(GOOD).replace(b"sha256\0", b"crc32x\0", 1), bytes(HEADER_SIZE)), "of no known kind",
    ),
    "JSON that is a bomb of brackets": (_both(b"[" * 12000), "more than 32 levels deep"),
    "JSON of objects in each other": (_both(b'{"a":' * 1000 + b"1" + b"}" * 1000), "more than 32 levels deep"),
    "JSON that does not end": (_both(b'{"keyslots": {'), "cannot be parsed"),
    "JSON that is not text": (_both(b'{"a": "\xff\xfe"}'), "cannot be parsed"),
    "JSON with a number of 10,000 digits": (_both(b'{"a": ' + b"9" * 10000 + b"}"), "cannot be parsed"),
    "JSON with NaN": (_both(b'{"a": NaN}'), "cannot be parsed"),
    "JSON that is a list": (_both(b"[]"), "is no object"),
    "JSON that is empty": (_both(b""), "cannot be parsed"),
    "no segments": (luks2_volume(metadata(segments={})), "no data segment"),
    "segments are a list": (luks2_volume(metadata(segments=[])), "'segments' is no object"),
    "a segment is a text": (luks2_volume(metadata(segments={"0": "crypt"})), "a segment is no object"),
    "no key slots": (luks2_volume(metadata(keyslots={})), "no key slot is in use"),
    "33 key slots": (
        luks2_volume(metadata(keyslots={str(n): {"type": "x"} for n in range(33)})), "33 key slots",
    ),
    "a key slot that no digest names": (luks2_volume(metadata(digests__0__keyslots=[])), "no key slot is in use"),
    "a digest whose slots are numbers": (luks2_volume(metadata(digests__0__keyslots=[0])), "no list of names"),
    "data beyond the end": (luks2_volume(metadata(segments__0__offset="18446744073709551104")), "its data begins at"),
    "data over the header": (luks2_volume(metadata(segments__0__offset="512")), "its data begins at byte 512"),
    "data that begins within a sector": (luks2_volume(metadata(segments__0__offset="1048577")), "its data begins at"),
    "data of more than there is": (luks2_volume(metadata(segments__0__size="1099511627776")), "its data ends at byte"),
    "data of no bytes": (luks2_volume(metadata(segments__0__size="0")), "not whole sectors"),
    "data of a part of a sector": (luks2_volume(metadata(segments__0__size="700")), "not whole sectors"),
    "a negative number": (luks2_volume(metadata(segments__0__offset="-512")), "'offset' is no number"),
    "a number of 65 bits": (luks2_volume(metadata(segments__0__iv_tweak="18446744073709551616")), "is no number"),
    "a number in Arabic digits": (luks2_volume(metadata(segments__0__iv_tweak="١٢")), "is no number"),
    "sectors of 8192": (luks2_volume(metadata(segments__0__sector_size=8192)), "no size that there is"),
    "sectors that are true": (luks2_volume(metadata(segments__0__sector_size=True)), "no size that there is"),
    "a cipher that is a list": (luks2_volume(metadata(segments__0__encryption=[])), "'encryption' is no text"),
    "a slot beyond the end": (luks2_volume(metadata(keyslots__0__area__offset="9007199254740992")), "slot 0 lies at"),
    "a slot in the header": (luks2_volume(metadata(keyslots__0__area__offset="4096")), "key slot 0 lies at byte 4096"),
    "a slot of 100 MiB": (
        luks2_volume(metadata(keyslots__0__area__size="104857600")), "key slot 0 lies at byte",
    ),
    "slots over each other": (
        luks2_volume(metadata(keyslots__1=SLOT, digests__0__keyslots=["0", "1"])), "lie over each other",
    ),
    "too many stripes": (luks2_volume(metadata(keyslots__0__af__stripes=60000)), "60000 stripes"),
    "minus one stripe": (luks2_volume(metadata(keyslots__0__af__stripes=-1)), "'stripes' is no number"),
    "a key of a gigabyte": (luks2_volume(metadata(keyslots__0__key_size=1 << 30)), "'key_size' is no number"),
    "keys of two sizes": (
        luks2_volume(
            metadata(
                keyslots__1={**SLOT, "key_size": 32, "area": {**SLOT["area"], "offset": "290816"}},
                digests__0__keyslots=["0", "1"],
            )
        ),
        "do not agree about the size of the volume key",
    ),
    "a digest of an unknown hash": (luks2_volume(metadata(digests__0__hash="sha257")), "by 'pbkdf2 sha257'"),
    "an unknown digest": (luks2_volume(metadata(digests__0__type="crc")), "is verified by 'crc sha256'"),
    "an unknown derivation": (luks2_volume(metadata(keyslots__0__kdf__type="scrypt")), "derived by 'scrypt'"),
    "a derivation by threads": (luks2_volume(metadata(keyslots__0__kdf__cpus=1 << 20)), "'cpus' is no number"),
    "a derivation of no rounds": (
        luks2_volume(metadata(keyslots__0__kdf={"type": "pbkdf2", "hash": "sha256", "iterations": 0})),
        "'iterations' is no number",
    ),
    "an area of 4 GiB for key slots": (luks2_volume(metadata(config__keyslots_size="4294967296")), "for key slots"),
    "parts that do not fit": (luks2_volume(metadata(config__json_size="65536")), "do not agree about their size"),
    "LUKS1, cut": (luks1_volume()[:100], "it is not whole"),
    "LUKS1, a key of a gigabyte": (luks1_volume(key_size=1 << 30), "volume key of"),
    "LUKS1, data beyond the end": (luks1_volume(payload=0xFFFFFFFF), "its data begins at byte"),
    "LUKS1, data over the header": (luks1_volume(payload=1), "its data begins at byte 512"),
    "LUKS1, a slot beyond the end": (luks1_volume(place=0xFFFFFFFF), "key slot 0 lies at byte"),
    "LUKS1, a slot in the data": (luks1_volume(place=2000), "key slot 0 lies in the data"),
    "LUKS1, a slot over the header": (luks1_volume(place=0), "key slot 0 lies at byte 0"),
    "LUKS1, other stripes": (luks1_volume(stripes=0xFFFFFFFF), "4294967295 stripes"),
    "LUKS1, a slot of no state": (luks1_volume(state=7), "neither in use nor free"),
    "LUKS1, erased": (luks1_volume(state=0x0000DEAD), "no key slot is in use"),
}  # fmt: skip

UNKNOWN: dict[str, tuple[bytes, str]] = {
    "integrity": (
        luks2_volume(metadata(segments__0__integrity={"type": "hmac(sha256)", "journal_encryption": "none"})),
        "integrity profile",
    ),
    "two segments": (luks2_volume(metadata(segments__1=SEGMENT)), "its data is in 2 segments"),
    "a linear segment": (luks2_volume(metadata(segments__0__type="linear")), "of type 'linear'"),
    "an opal segment": (luks2_volume(metadata(segments__0__type="hw-opal-crypt")), "of type 'hw-opal-crypt'"),
    "reencryption of a segment": (luks2_volume(metadata(segments__0__flags=["in-reencryption"])), "re-encryption"),
    "reencryption of a slot": (luks2_volume(metadata(keyslots__1={"type": "reencrypt"})), "re-encryption"),
    "reencryption as a requirement": (
        luks2_volume(metadata(config__requirements={"mandatory": ["online-reencrypt-v2"]})), "re-encryption",
    ),
    "an unknown requirement": (
        luks2_volume(metadata(config__requirements={"mandatory": ["time-travel"]})), "it requires 'time-travel'",
    ),
    "a requirement of opal": (luks2_volume(metadata(config__requirements={"mandatory": ["opal"]})), "'opal'"),
    "LUKS3": (b"LUKS\xba\xbe\0\3" + bytes(MIB := 1 << 20), "version 3 is not known"),
}  # fmt: skip

SOUND: dict[str, bytes] = {
    "both": luks2_volume(METADATA),
    "the first copy is damaged": luks2_volume(
        _flipped(luks2_copy(GOOD), 5000), luks2_copy(GOOD, second=True)
    ),
    "the first copy is gone": luks2_volume(bytes(HEADER_SIZE), luks2_copy(GOOD, second=True)),
    "the second copy is damaged": luks2_volume(
        luks2_copy(GOOD), _flipped(luks2_copy(GOOD, second=True), 5000)
    ),
    "the second copy is newer": luks2_volume(
        luks2_copy(b"{}", sequence=2), luks2_copy(GOOD, second=True, sequence=9)
    ),
    "LUKS1": luks1_volume(),
}
