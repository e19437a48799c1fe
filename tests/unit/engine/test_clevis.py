"""Bindings of clevis: a real Tang server gives the key; a TPM, a server that is gone, and odd bindings are named."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgtools.engine.clevis import ask_clevis, read_binding
from imgtools.errors import KeyNeeded, KeyOutOfReach
from imgtools.volumes.luks.header import LuksHeader
from imgtools.volumes.luks.reader import read_header
from tests.support.luks import METADATA, format_luks, luks1_volume, luks2_volume
from tests.support.tang import bind, sealed, tang
from tests.support.volumes import bytes_volume, volume

pytestmark = pytest.mark.host
SECRET = b"a key that a server helps to find"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tang(tmp_path_factory.mktemp("tang") / "keys") as found:
        yield found


def header_of(path: Path) -> LuksHeader:
    found = read_header(volume(path))
    assert isinstance(found, LuksHeader)
    return found


def with_token(*jwes: object) -> LuksHeader:
    tokens = {str(n): {"type": "clevis", "keyslots": ["0"], "jwe": one} for n, one in enumerate(jwes)}
    found = read_header(bytes_volume(luks2_volume(METADATA)))
    assert isinstance(found, LuksHeader)
    return found._replace(tokens=tokens)


def jwe_of(clevis: object) -> str:
    head = (
        base64.urlsafe_b64encode(json.dumps({"alg": "dir", "clevis": clevis}).encode()).decode().rstrip("=")
    )
    return f"{head}..aaaa.bbbb.cccc"


def test_a_server_gives_the_key(url: str, tmp_path: Path) -> None:
    format_luks(tmp_path / "v", bytes(4096), passphrase=SECRET)
    bind(tmp_path / "v", sealed("tang", {"url": url}, SECRET))
    assert ask_clevis(header_of(tmp_path / "v"), "/dev/sda1").reveal() == SECRET


def test_a_shared_secret(url: str) -> None:
    jwe = sealed("sss", {"t": 2, "pins": {"tang": [{"url": url}, {"url": url}]}}, SECRET)
    assert read_binding(jwe).urls == (url, url)
    assert ask_clevis(with_token(jwe), "/dev/sda1").reveal() == SECRET


def test_the_first_that_answers_is_taken(url: str) -> None:
    damaged, tpm = "x", jwe_of({"pin": "tpm2", "tpm2": {}})
    tokens = with_token(damaged, tpm, sealed("tang", {"url": url}, SECRET))
    assert ask_clevis(tokens, "/dev/sda1").reveal() == SECRET


def test_a_server_that_is_gone(tmp_path: Path) -> None:
    with tang(tmp_path / "keys") as url:
        jwe = sealed("tang", {"url": url}, SECRET)
    with pytest.raises(
        KeyOutOfReach, match=r"/dev/sda1: its key cannot be had from here: http://127\.0\.0\.1"
    ):
        ask_clevis(with_token(jwe), "/dev/sda1")


@pytest.mark.parametrize(
    ("pin", "words"), [("tpm2", "the TPM"), ("yubikey", "YubiKey"), ("nsa", "'nsa' is not known")]
)
def test_what_is_out_of_reach(pin: str, words: str) -> None:
    with pytest.raises(KeyOutOfReach, match=words) as caught:
        ask_clevis(with_token(jwe_of({"pin": pin, pin: {}})), "/dev/sda1")
    assert caught.value.exit_code == 28


def test_no_binding() -> None:
    for content, words in ((luks2_volume(METADATA), "its header has none"), (luks1_volume(), "luksmeta")):
        found = read_header(bytes_volume(content))
        assert isinstance(found, LuksHeader)
        with pytest.raises(KeyNeeded, match=words):
            ask_clevis(found, "/dev/sda1")


DEEP: object = {"pin": "sss", "sss": {"jwe": []}}
for _ in range(6):
    DEEP = {"pin": "sss", "sss": {"jwe": [jwe_of(DEEP)]}}


@pytest.mark.parametrize(
    ("jwe", "words"),
    [
        (None, "no JWE"),
        ({"protected": 1}, "is no text"),
        ("a b.c", "no JWE"),
        ("a" * (2 << 20), "no JWE"),
        ("bm90IGpzb24.a.b.c.d", "cannot be read"),
        (jwe_of(None), "names no pin"),
        (jwe_of({"pin": ["tang"]}), "names no pin"),
        (jwe_of({"pin": "tang"}), "none of http"),
        (jwe_of({"pin": "tang", "tang": {"url": "file:///etc/shadow"}}), "none of http"),
        (jwe_of({"pin": "tang", "tang": {"url": "-K/etc/passwd"}}), "none of http"),
        (jwe_of({"pin": "tang", "tang": {"url": "http://a/\n-o/x"}}), "none of http"),
        (jwe_of({"pin": "sss", "sss": {"jwe": [1]}}), "no text"),
        (jwe_of({"pin": "sss", "sss": {"jwe": ["a"] * 17}}), "too many"),
        (jwe_of(DEEP), "too many"),
    ],
)
def test_odd_bindings(jwe: object, words: str) -> None:
    with pytest.raises(KeyOutOfReach, match=f"a binding of clevis is damaged: .*{words}"):
        ask_clevis(with_token(jwe), "/dev/sda1")
