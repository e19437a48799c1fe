"""In a folder that everybody may write to, nobody removes or renames the files of others.

That is what the sticky bit is for. Without it a program of root that works there is led to other files.
Source: inode(7), "The sticky bit".
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import SetMode
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.tree_facts import SHARED, each, is_below, not_read, tree_facts
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the folders that everybody may write to, without the sticky bit; /tmp has a check of its own."""
    facts = examined.once(tree_facts)
    yield from not_read(facts)
    for one in each(facts.writable_folders, "folders that everybody may write to"):
        if isinstance(one, Flaw):
            yield one
        elif one.path not in SHARED and not is_below(one.path, "/var/log"):
            yield Flaw(
                "everybody may remove others' files in this folder",
                one.path,
                evidence=f"mode {one.stat.mode:04o}",
                fix=always(SetMode(one.path, one.stat.mode | 0o1000)),
            )


CHECK = Check(
    title="Folders that everybody may write to have the sticky bit",
    severity=Level.MEDIUM,
    look=look,
    references=("CIS Debian 12 7.1.11", "ANSSI R54"),
)
