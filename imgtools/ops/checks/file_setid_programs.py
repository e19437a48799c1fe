"""Every program that runs with its owner's or group's rights comes from a package.

One that does not was made by hand, or by an attacker who keeps a way back to root: a copy of a shell with the
set-user-ID bit is the oldest one. What packages own is looked after by their updates. Source: inode(7), execve(2).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.tree_facts import each, not_read, owned, tree_facts
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown

ADVICE = "find out who put it there; if nobody needs it, chmod a-s or remove it"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the programs with other rights that no package owns."""
    facts = examined.once(tree_facts)
    yield from not_read(facts)
    if not facts.set_ids.count:
        return
    packages = examined.once(owned)
    if isinstance(packages, NotKnown):
        yield packages
        return
    for one in each(facts.set_ids, "programs with other rights"):
        if isinstance(one, Flaw):
            yield one
        elif one.path not in packages:
            said = f"mode {one.stat.mode:04o}, owner {one.stat.uid}:{one.stat.gid}"
            yield Flaw(
                "no package owns this program, which runs with its owner's rights",
                one.path,
                evidence=said,
                advice=ADVICE,
            )


CHECK = Check(
    title="Set-user-ID and set-group-ID programs come from packages",
    severity=Level.HIGH,
    look=look,
    references=("CIS Debian 12 7.1.13", "ANSSI R56", "NIST 800-53 CM-6"),
)
