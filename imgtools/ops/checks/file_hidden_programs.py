"""No programs lie where everybody may put them, and none is hidden among the files of a web server.

/tmp, /var/tmp and /dev/shm are where a service that was broken into can write, so what an attacker fetches lands
there; in a web server's folder a hidden script is a way back in. Installers also leave programs in /tmp. Source:
Filesystem Hierarchy Standard 3.0: nothing in /tmp is meant to last.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.tree_facts import each, not_read, tree_facts
from imgtools.records.audit import Level

ADVICE = "find out what it is and who put it there"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield programs in shared folders, the hidden ones as more severe, and hidden scripts of web servers."""
    facts = examined.once(tree_facts)
    yield from not_read(facts)
    for one in each(facts.shared_programs, "programs where everybody may put them"):
        if isinstance(one, Flaw):
            yield one
            continue
        is_hidden = "/." in one.path or bool(one.stat.mode & 0o6000)
        text = "a hidden program" if is_hidden else "a program"
        yield Flaw(
            f"{text} where everybody may put one",
            one.path,
            evidence=f"mode {one.stat.mode:04o}, owner {one.stat.uid}, {one.stat.size} bytes",
            severity=Level.HIGH if is_hidden else None,
            advice=ADVICE,
        )
    for one in each(facts.hidden_scripts, "hidden scripts"):
        if isinstance(one, Flaw):
            yield one
        else:
            said = f"mode {one.stat.mode:04o}, owner {one.stat.uid}, {one.stat.size} bytes"
            text = "a hidden script among the files of a web server"
            yield Flaw(text, one.path, evidence=said, severity=Level.HIGH, advice=ADVICE)


CHECK = Check(
    title="No programs lie in /tmp or hidden in a web server's folder",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 SI-3",),
)
