"""The keys that the server proves itself with are strong.

A host key that can be computed lets an attacker on the way be the server. DSA keys have 1024 bits, and NIST allows
RSA from 2048 bits on until 2030, from 3072 on after that (SP 800-57). The type and size are read of the public key,
or of the private one's public part. A template has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.ssh_keys import PublicKey, parse_key_line, parse_private_key, weakness
from imgtools.guest.health.sshd_config import host_keys, private_keys
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere


@dataclass(frozen=True, slots=True)
class Params:
    """``least``: how many bits an RSA key has to have."""

    least: int = 2048


LIMIT = 1 << 16  # bytes of one key


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield each host key that is weak."""
    keys = private_keys(examined.files)
    if not keys:
        yield NotThere("no SSH host keys")
    wanted = host_keys(examined.files, cloud_init=False).wanted
    for one in keys:
        key = _key(examined.files, one.path)
        if key is None:
            yield NotKnown(f"the type of {one.path}")
        elif text := weakness(key, params.least):
            used = one.path in wanted
            yield Flaw(
                f"a host key{'' if used else ', which the server does not use,'} is weak: {text}",
                one.path,
                evidence=key.words,
                severity=None if used else Level.LOW,
                advice="ssh-keygen -A makes what is missing, once it is removed; clients have to learn the new one",
            )


def _key(files: GuestReader, path: str) -> PublicKey | None:
    public = f"{path}.pub"
    if files.is_file(public) and files.stat(public).size <= LIMIT:
        return parse_key_line(files.read_text(public, limit=LIMIT))
    if files.stat(path).size <= LIMIT:
        return parse_private_key(files.read_text(path, limit=LIMIT))
    return None


CHECK = Check(
    title="The SSH server's keys are strong",
    severity=Level.MEDIUM,
    look=look,
    params=Params,
    references=("NIST 800-53 SC-12",),
)
