"""Keys that let somebody in over SSH are known, and may do only what they are for.

A key has no date and no name that anybody checks: it stays when its owner has gone. Each key without a limit (from=,
command=, restrict, expiry-time) is listed, for somebody to tell whether it should be there; those of root are listed
by account-root-keys. Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.ssh_key_checks import keys_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

LIMITS = ("from", "command", "restrict", "expiry-time", "principals")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each key that may do all that its account may."""
    for one in examined.once(keys_of):
        options = one.authorized.options
        if one.account.uid == 0 or any(option in LIMITS for option in options):
            continue
        what = "every key of an authority" if "cert-authority" in options else "a key"
        yield Flaw(
            f"{what} without a limit lets somebody in as {one.account.name}",
            one.path,
            one.authorized.line,
            one.authorized.key.fingerprint,
            one.words,
            severity=Level.MEDIUM if "cert-authority" in options else None,
            advice="if it should be there: waive it, or put from= or restrict in front of it",
        )


CHECK = Check(
    title="Keys that let somebody in over SSH are limited",
    severity=Level.LOW,
    look=look,
    references=("NIST 800-53 AC-2",),
)
