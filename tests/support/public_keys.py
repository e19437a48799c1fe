"""Public SSH keys as they are written down, of any size; nobody has the private ones."""

from __future__ import annotations

import base64


def wire(*parts: bytes) -> bytes:
    """Strings with their length in front (RFC 4251, section 5)."""
    return b"".join(len(one).to_bytes(4) + one for one in parts)


def line_of(kind: str, *parts: bytes) -> str:
    """A key as authorized_keys has it, without a comment."""
    return f"{kind} {base64.b64encode(wire(kind.encode(), *parts)).decode()}"


def rsa(bits: int) -> str:
    """An RSA key of a size."""
    return line_of("ssh-rsa", b"\x01\x00\x01", (1 << (bits - 1)).to_bytes(bits // 8 + 1))


ED25519 = line_of("ssh-ed25519", bytes(32))
DSA = line_of("ssh-dss", (1 << 1023).to_bytes(129), b"q", b"g", b"y")
