"""Nobody but their owners and groups writes to files.

A file that everybody may write to is changed by any service that is broken into. Those in /tmp are left out, and logs
have a check of their own. Below the system's folders the fix takes the right away; elsewhere a service may need it.
Source: inode(7).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import SetMode
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.tree_facts import SHARED, SYSTEM, each, is_below, not_read, tree_facts
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the files that everybody may write to."""
    facts = examined.once(tree_facts)
    yield from not_read(facts)
    for one in each(facts.writable_files, "files that everybody may write to"):
        if isinstance(one, Flaw):
            yield one
        elif not is_below(one.path, *SHARED, "/var/log"):
            is_system = is_below(one.path, *SYSTEM)
            yield Flaw(
                "everybody may write to this file",
                one.path,
                evidence=f"mode {one.stat.mode:04o}",
                severity=Level.HIGH if is_system else None,
                fix=always(SetMode(one.path, one.stat.mode & ~0o002)) if is_system else None,
                advice="chmod o-w, if no service writes to it",
            )


CHECK = Check(
    title="Nobody but owner and group writes to files",
    severity=Level.MEDIUM,
    look=look,
    references=("CIS Debian 12 7.1.11", "ANSSI R54", "NIST 800-53 AC-6"),
)
