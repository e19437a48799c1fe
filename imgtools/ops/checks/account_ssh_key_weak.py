"""Keys that let somebody in over SSH cannot be computed.

DSA keys have 1024 bits; NIST allows RSA from 2048 bits on until 2030, from 3072 on after that (SP 800-57). Whoever
computes the private key of one is in. It is no fix of a tool: somebody may have no other key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.accounts.ssh_keys import weakness
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.ssh_key_checks import keys_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``least``: how many bits an RSA key has to have."""

    least: int = 2048


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield each key that is weak."""
    for one in examined.once(keys_of):
        if text := weakness(one.authorized.key, params.least):
            yield Flaw(
                f"a weak key lets somebody in as {one.account.name}: {text}",
                one.path,
                one.authorized.line,
                one.authorized.key.fingerprint,
                one.words,
                advice="put a new one in its place: imgtools customize --ssh-inject, then take this line out",
            )


CHECK = Check(
    title="Keys that let somebody in over SSH are strong",
    severity=Level.MEDIUM,
    look=look,
    params=Params,
    references=("NIST 800-53 IA-5",),
)
