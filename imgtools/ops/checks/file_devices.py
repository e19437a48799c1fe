"""Device nodes are in /dev alone.

A node of a disk elsewhere, with a mode of its own, lets its reader past all rights of files; attackers hide them. Let
be are the harmless ones that chroots need (null, zero, random, tty) and whiteouts of overlayfs. Source: mknod(1), the
kernel's admin-guide/devices.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.tree_facts import each, not_read, tree_facts
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the device nodes elsewhere."""
    facts = examined.once(tree_facts)
    yield from not_read(facts)
    for one in each(facts.devices, "device nodes"):
        if isinstance(one, Flaw):
            yield one
        else:
            major, minor = one.stat.device
            said = f"{one.stat.kind.value} {major}, {minor}, mode {one.stat.mode:04o}, owner {one.stat.uid}"
            yield Flaw(
                "a device node outside /dev", one.path, evidence=said, advice="remove it if nothing needs it"
            )


CHECK = Check(
    title="Device nodes are in /dev alone",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 CM-6",),
)
