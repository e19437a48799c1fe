"""SSH keys: their type and strength, and the lines of authorized_keys with their options.

Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT; RFC 4253 section 6.6, RFC 5656 section 3.1 (how keys are written down);
PROTOCOL.key of OpenSSH (private keys, of which only the public part is read here).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

TYPE = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]{1,60}|webauthn-sk-[a-z0-9@.-]{1,60}")
MAGIC = b"openssh-key-v1\0"
MOST_LINES = 10_000  # of one file
LONGEST = 1 << 16  # bytes of one key; RSA of 16384 bits has 2 KiB


class PublicKey(NamedTuple):
    """A public key: its type as it says it itself, its size in bits (0: not known), and its SHA-256 fingerprint."""

    type: str
    bits: int
    fingerprint: str

    @property
    def words(self) -> str:
        """For people: ``RSA 2048 SHA256:...``."""
        size = f" {self.bits}" if self.bits else ""
        return f"{self.type}{size} {self.fingerprint}"


class AuthorizedKey(NamedTuple):
    """One line of authorized_keys, from 1 on; ``options`` are the names of what stands before the key."""

    line: int
    key: PublicKey
    options: tuple[str, ...]
    comment: str


def parse_public_key(blob: bytes) -> PublicKey | None:
    """Read a key as it is on the wire; None if it is none."""
    parts = _strings(blob)
    if not parts:
        return None
    kind = parts[0].decode("ascii", "replace")
    if not TYPE.fullmatch(kind):
        return None
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return PublicKey(kind, _bits(kind, parts[1:]), f"SHA256:{digest}")


def _bits(kind: str, parts: list[bytes]) -> int:
    """The size that a key's strength is told by; a certificate begins with a number that is used once."""
    is_certificate = "-cert-" in kind
    rest = parts[1:] if is_certificate else parts
    if kind.startswith("ssh-rsa") and len(rest) > 1:
        return int.from_bytes(rest[1]).bit_length()  # e, n
    if kind.startswith("ssh-dss") and rest:
        return int.from_bytes(rest[0]).bit_length()  # p
    if match := re.search(r"nistp(\d{3})", kind):
        return int(match[1])
    return 256 if "ed25519" in kind else 0


def _strings(blob: bytes) -> list[bytes]:
    """Split into strings with their length in front; what is left over is no part of the key."""
    found: list[bytes] = []
    at = 0
    while at + 4 <= len(blob) <= LONGEST and len(found) < 12:
        size = int.from_bytes(blob[at : at + 4])
        if at + 4 + size > len(blob):
            break
        found.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def parse_authorized_keys(text: str) -> Iterator[AuthorizedKey]:
    """Yield the keys of a file; lines that the server does not understand are passed over, as it does."""
    for number, line in enumerate(text.split("\n")[:MOST_LINES], 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#") or len(stripped) > LONGEST:
            continue
        options, rest = ((), stripped) if TYPE.match(stripped) else split_options(stripped)
        words = rest.split(None, 2)
        key = _decoded(words[1]) if len(words) > 1 else None
        if key is not None:
            yield AuthorizedKey(number, key, options, words[2] if len(words) > 2 else "")


def parse_key_line(text: str) -> PublicKey | None:
    """Read the key of a ``.pub`` file; None if it holds none."""
    return next((one.key for one in parse_authorized_keys(text)), None)


def split_options(text: str) -> tuple[tuple[str, ...], str]:
    """Split a line into the names of its options and what follows them; a comma or space in quotes ends nothing."""
    quoted, at = False, 0
    while at < len(text) and (quoted or text[at] not in " \t"):
        if text[at] == "\\" and text[at + 1 : at + 2] == '"':
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        at += 1
    bare = re.sub(r'"(?:\\"|[^"])*"?', "", text[:at])
    names = (one.partition("=")[0].strip().lower() for one in bare.split(","))
    return tuple(one for one in names if one), text[at:].strip()


def _decoded(word: str) -> PublicKey | None:
    try:
        return parse_public_key(base64.b64decode(word, validate=True)) if len(word) < LONGEST else None
    except ValueError:
        return None


def parse_private_key(text: str) -> PublicKey | None:
    """Return the public part of a private key of OpenSSH's own form; None of another, or if it is damaged."""
    match = re.search(
        r"-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----", text
    )
    if match is None:
        return None
    try:
        content = base64.b64decode("".join(match[1].split()))
    except ValueError:
        return None
    if not content.startswith(MAGIC):
        return None
    # cipher, KDF, its options, then how many keys, and the public ones
    header = _strings(content[len(MAGIC) :])[:3]
    at = len(MAGIC) + sum(4 + len(one) for one in header) + 4
    blobs = _strings(content[at:])
    return parse_public_key(blobs[0]) if len(header) == 3 and blobs else None


def weakness(key: PublicKey, least: int) -> str:
    """Say what makes a key weak; "" if nothing does.

    :param least: how many bits an RSA key has to have.
    """
    if key.type.startswith("ssh-dss"):
        return "DSA has keys of 1024 bits, and is broken"
    if key.type.startswith("ssh-rsa") and 0 < key.bits < least:
        return f"an RSA key of {key.bits} bits is too short; it takes {least}"
    return ""
