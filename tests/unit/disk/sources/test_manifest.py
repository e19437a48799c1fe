"""Digests that come with a package."""

from __future__ import annotations

import pytest

from imgtools.disk.sources.manifest import LARGEST, Digest, check_bytes, read_manifest
from imgtools.errors import BadImage
from tests.support.sources import manifest


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA384", "SHA512"])
def test_each_algorithm(algorithm: str) -> None:
    found = read_manifest(manifest({"a (1).vmdk": b"x"}, algorithm), "m.mf")["a (1).vmdk"]
    assert found.algorithm == algorithm.lower()
    check_bytes(b"x", found, "a")
    with pytest.raises(BadImage, match=f"not what its manifest says: its {algorithm.lower()} is"):
        check_bytes(b"y", found, "a")


def test_spaces_and_letters_as_programs_write_them() -> None:
    text = b"\r\nSHA-1 (a.ovf) = " + b"AB" * 20 + b"\r\n\r\n"
    assert read_manifest(text, "m.mf") == {"a.ovf": Digest("sha1", "ab" * 20)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"MD5(a)= 00", "line 1 is no digest"),
        (b"SHA1(a)= 00", "line 1 is no digest"),
        (b"SHA256(a)= " + b"g" * 64, "line 1 is no digest"),
        (b"\0\xff", "line 1 is no digest"),
        (2 * (b"SHA1(a)= " + b"0" * 40 + b"\n"), "two digests of a"),
        (b" " * (LARGEST + 1), "a manifest of"),
    ],
)
def test_what_is_no_manifest_is_named(text: bytes, says: str) -> None:
    with pytest.raises(BadImage, match=says):
        read_manifest(text, "m.mf")
