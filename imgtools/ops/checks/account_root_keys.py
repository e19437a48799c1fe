"""Nobody comes in as root with a key.

A key of root's lets its owner do all, and the logs tell only that it was root. Keys of agents that start one command,
and those of cloud images that only send people to another account, are listed as less. Source: sshd(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.ssh_key_checks import keys_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each key of root's."""
    for one in examined.once(keys_of):
        if one.account.uid == 0:
            held = "command" in one.authorized.options
            yield Flaw(
                f"a key lets somebody in as {one.account.name}" + (", for one command" if held else ""),
                one.path,
                one.authorized.line,
                one.authorized.key.fingerprint,
                one.words,
                severity=Level.LOW if held else None,
                advice="if it should be there: waive it; else take the line out",
            )


CHECK = Check(
    title="No key lets anybody in as root",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 AC-6",),
)
