"""Every program with capabilities comes from a package.

cap_setuid or cap_dac_override on a file are as good as the set-user-ID bit, and ls does not show them.
Source: capabilities(7), "File capabilities".
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.packages.capabilities import ATTRIBUTE, parse_attribute
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.tree_facts import each, not_read, owned, tree_facts
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown

ADVICE = "find out who put it there; if nobody needs it, setcap -r or remove it"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the programs with capabilities that no package owns."""
    facts = examined.once(tree_facts)
    yield from not_read(facts)
    if not facts.capable.count:
        return
    packages = examined.once(owned)
    if isinstance(packages, NotKnown):
        yield packages
        return
    for one in each(facts.capable, "programs with capabilities"):
        if isinstance(one, Flaw):
            yield one
        elif one.path not in packages:
            said = capabilities(examined.files, one.path)
            yield Flaw(
                "no package owns this program, which has capabilities", one.path, evidence=said, advice=ADVICE
            )


def capabilities(files: GuestReader, path: str) -> str:
    """Return what the program may do, as getcap(8) shows it."""
    found = parse_attribute(files.xattrs(path).get(ATTRIBUTE, b""))
    return "capabilities that Linux does not take" if found is None else str(found)


CHECK = Check(
    title="Programs with capabilities come from packages",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 AC-6",),
)
