"""SSH keys as they are written down, held against ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from imgtools.guest.accounts.ssh_keys import (
    parse_authorized_keys,
    parse_key_line,
    parse_private_key,
    parse_public_key,
    split_options,
    weakness,
)
from tests.support.public_keys import DSA, ED25519, line_of, rsa, wire


@pytest.mark.host
@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        ("rsa", 1024),
        ("rsa", 2048),
        ("dsa", 1024),
        ("ecdsa", 256),
        ("ecdsa", 384),
        ("ecdsa", 521),
        ("ed25519", 256),
    ],
)
def test_type_size_and_fingerprint_are_those_of_ssh_keygen(kind: str, bits: int, tmp_path: Path) -> None:
    path = tmp_path / "key"
    size = [] if kind in ("ed25519", "dsa") else ["-b", str(bits)]
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "a b", "-f", path], check=True)
    shown = subprocess.run(
        ["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True
    ).stdout.split()
    public = parse_key_line(path.with_suffix(".pub").read_text())
    assert public is not None
    assert [str(public.bits), public.fingerprint] == shown[:2]
    assert parse_private_key(path.read_text()) == public


@pytest.mark.host
def test_a_certificate_is_as_strong_as_its_key(tmp_path: Path) -> None:
    for name in ("ca", "key"):
        command = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", tmp_path / name]
        subprocess.run(command, check=True)
    subprocess.run(["ssh-keygen", "-q", "-s", tmp_path / "ca", "-I", "x", tmp_path / "key.pub"], check=True)
    found = parse_key_line((tmp_path / "key-cert.pub").read_text())
    assert found is not None
    assert (found.type, found.bits) == ("ssh-rsa-cert-v01@openssh.com", 2048)


def test_lines_of_authorized_keys() -> None:
    text = f'# x\n\n  {ED25519} ann at home\nrestrict,command="a \\"b, c" {ED25519}\nnone\n{ED25519[:30]}\n'
    found = list(parse_authorized_keys(text))
    assert [(one.line, one.options, one.comment) for one in found] == [
        (3, (), "ann at home"),
        (4, ("restrict", "command"), ""),
    ]


@pytest.mark.parametrize(
    ("text", "options", "rest"),
    [
        ('from="a,b" K', ("from",), "K"),
        (
            'no-pty,environment="A=from=x y",PERMITOPEN="h:1" K k',
            ("no-pty", "environment", "permitopen"),
            "K k",
        ),
        ('command="never ends', ("command",), ""),
        ("", (), ""),
    ],
)
def test_options(text: str, options: tuple[str, ...], rest: str) -> None:
    assert split_options(text) == (options, rest)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\0\0",
        b"\0\0\0\x07ssh-rs",
        wire(b"other", b"x"),
        b"\xff" * 100,
        wire(b"ssh-rsa")[:-1],
        bytes(1 << 17),
    ],
)
def test_what_is_no_key(blob: bytes) -> None:
    assert parse_public_key(blob) is None


def test_a_key_that_is_cut_has_no_size() -> None:
    found = parse_public_key(wire(b"ssh-rsa", b"\x01"))
    assert found is not None
    assert found.bits == 0


@pytest.mark.parametrize(
    ("line", "least", "is_weak"),
    [
        (rsa(2047), 2048, True),
        (rsa(2048), 2048, False),
        (rsa(3071), 3072, True),
        (DSA, 1, True),
        (ED25519, 4096, False),
        (line_of("ecdsa-sha2-nistp256", b"nistp256", b"x"), 4096, False),
    ],
)
def test_weakness(line: str, least: int, is_weak: bool) -> None:
    key = parse_key_line(line)
    assert key is not None
    assert bool(weakness(key, least)) is is_weak


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAA!A\n-----END OPENSSH PRIVATE KEY-----",
    ],
)
def test_private_keys_of_other_forms_are_not_read(text: str) -> None:
    assert parse_private_key(text) is None
