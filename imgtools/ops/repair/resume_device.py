"""Have the kernel look for its memory image where the swap is: ``resume=`` and initramfs-tools' RESUME.

A name that is not there, or that of no swap, costs the boot half a minute, on some systems all of it. It becomes that
of the guest's swap, if it has just one, else it goes; a RESUME of initramfs-tools becomes ``none``, and counts when an
initramfs is made next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from imgtools.change.change import Change
from imgtools.guest.boot.cmdline import Rewriting, rewrite, rewrite_arguments
from imgtools.guest.boot.root_names import NAMED, name_of, volume_finder
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, NoParams, Operation

INITRAMFS_TOOLS = "/etc/initramfs-tools/conf.d/resume"
SWAP = ("swap", "swsuspend")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield every file that names the wrong volume."""
    if guest.layout is None or guest.layout.locked:
        return
    right = _right(guest)
    is_wrong = _is_wrong(guest)

    def rewritten(token: str) -> str | None:
        name, _, value = token.partition("=")
        if name != "resume" or not is_wrong(value):
            return token
        return f"resume={right}" if right else None

    yield from rewrite_arguments(guest.files, Rewriting(rewritten))
    if guest.files.is_file(INITRAMFS_TOOLS):
        yield from rewrite(
            guest.files,
            INITRAMFS_TOOLS,
            lambda text: re.sub(
                r"(?m)^([ \t]*RESUME=)(\S+)",
                lambda found: found[1] + (right or "none") if is_wrong(found[2]) else found[0],
                text,
            ),
        )


def _right(guest: Guest) -> str:
    swaps = [one for one in guest.layout.volumes if one.content in SWAP] if guest.layout else []
    return name_of(swaps[0]) if len(swaps) == 1 else ""


def _is_wrong(guest: Guest) -> Callable[[str], bool]:
    """Whether a name is that of no volume, or of one that is no swap; a file may be swapped to on the root."""
    find = volume_finder(guest)

    def is_wrong(name: str) -> bool:
        if not NAMED.match(name):
            return False
        found = find(name)
        return found is None or (found.content not in SWAP and not found.mountable)

    return is_wrong


OPERATION = Operation(
    summary="Have the kernel resume from the swap that is there",
    families=LINUX,
    plan=plan,
    order=300,
)
