"""The system's own files belong to root or to services, not to people.

Whoever owns a program, a library or a file of /etc changes it without being root, and with it what root runs. uids of
people are 1000 to 60000, login.defs(5). It happens with archives that were unpacked with their owners. Source:
Filesystem Hierarchy Standard 3.0.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.tree_facts import each, not_read, tree_facts
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the files of the system that belong to somebody with a uid of people."""
    facts = examined.once(tree_facts)
    yield from not_read(facts)
    for one in each(facts.people_files, "files of the system that belong to people"):
        if isinstance(one, Flaw):
            yield one
        elif not one.path.startswith("/usr/local/src/"):
            said = f"owner {one.stat.uid}:{one.stat.gid}"
            yield Flaw(
                f"the user {one.stat.uid} may change this file of the system",
                one.path,
                evidence=said,
                advice="chown root:root, if no service of that user writes to it",
            )


CHECK = Check(
    title="Files of the system belong to root or to services",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 CM-5",),
)
