"""Mend lines of mdadm.conf that name arrays which are gone: the boot may wait for them.

Where one line's array is gone and exactly one array is named by no line, the line names that one; else it is commented
out with the reason. Arrays need no line to be put together. The copy of mdadm.conf in the initial RAM disk is another
one: `initramfs` makes it anew.

Source: mdadm.conf(5), mdadm(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.find.devices import TABLE_LIMIT
from imgtools.guest.guest import Guest
from imgtools.guest.health.mdadm_conf import CONFIGS, md_problems
from imgtools.ops.common_plans import rewrite
from imgtools.ops.linux_repairs import commented
from imgtools.ops.operation import LINUX, NoParams, Operation


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the mended files."""
    if guest.layout is None:
        return
    found = [one for one in md_problems(guest.files, guest.layout) if one.mendable]
    for path in dict.fromkeys(one.array.path for one in found):
        lines = guest.files.read_text(path, limit=TABLE_LIMIT).split("\n")
        for one in found:
            if one.array.path == path:
                old = lines[one.array.line - 1]
                new = old.replace(one.array.said, one.uuid) if one.uuid else commented(old, one.text)
                lines[one.array.line - 1] = new
        yield from rewrite(guest.files, path, "\n".join(lines))


def lacking(guest: Guest) -> str:
    """Say that there is no mdadm.conf."""
    return "" if any(guest.files.is_file(path) for path in CONFIGS) else "no mdadm.conf"


OPERATION = Operation(
    summary="Mend lines of mdadm.conf whose arrays are gone",
    families=LINUX,
    order=200,
    plan=plan,
    lacking=lacking,
)
