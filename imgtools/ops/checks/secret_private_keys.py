"""No private keys lie in the homes of accounts.

Whoever gets the disk, or a clone of it, gets in wherever the key does. A key with a passphrase gives time, no safety.
The keys of the SSH server itself are another matter, and every template loses them. Forms: RFC 7468 (PEM),
PROTOCOL.key of OpenSSH, whose fourth field is the cipher.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import UNIX, NoParams
from imgtools.ops.secret_checks import in_homes, text_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

PATTERNS = (".ssh/*", ".ssh/*/*", "*.pem", "*.key", ".gnupg/private-keys-v1.d/*", "*.ppk")
BEGIN = "-----BEGIN "
OPENSSH = b"openssh-key-v1\0"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each file in a home that is a private key."""
    for path in in_homes(examined, *PATTERNS):
        text = text_of(examined.files, path)
        kind = _kind(path, text)
        if kind:
            open_to_all = not _has_passphrase(text)
            yield Flaw(
                f"{kind} {'without' if open_to_all else 'with'} a passphrase",
                path,
                severity=Level.HIGH if open_to_all else Level.MEDIUM,
                advice="remove it, and use another one: this one has to count as known",
            )


def _kind(path: str, text: str) -> str:
    if "/.gnupg/" in path:
        return "a private key of GnuPG"
    if path.endswith(".ppk"):
        return "a private key of PuTTY" if text.startswith("PuTTY-User-Key-File") else ""
    lines = (line for line in text.splitlines() if line.startswith(BEGIN))
    head = next((line for line in lines if "PRIVATE KEY" in line), "")
    return f"a private key ({head.strip('- ').removeprefix('BEGIN ').lower()})" if head else ""


def _has_passphrase(text: str) -> bool:
    if "ENCRYPTED" in text or (text.startswith("PuTTY") and "Encryption: none" not in text):
        return True
    if "BEGIN OPENSSH PRIVATE KEY" not in text:
        return text.startswith("(") and "protected" in text  # GnuPG's S-expression
    body = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    try:
        content = base64.b64decode(body)
    except (binascii.Error, ValueError):
        return False
    cipher = content[len(OPENSSH) + 4 : len(OPENSSH) + 8]
    return content.startswith(OPENSSH) and cipher != b"none"


CHECK = Check(
    title="No private keys lie in the homes of accounts",
    severity=Level.HIGH,
    look=look,
    families=UNIX,
    references=("NIST 800-53 IA-5", "NIST 800-53 SC-12"),
)
