"""Have the boot loader look for the guest's real root: ``root=``, ``rd.lvm.lv=``, ``rd.luks.uuid=``, GRUB's ``search``.

Changed are arguments that name a volume that is not there, or by its UUID or label another one than the root,
wherever they stand: grub.cfg, entries of the Boot Loader Specification, grubenv, extlinux.conf, menu.lst, and what
these are made of, /etc/default/grub and /etc/kernel/cmdline. A line ``search --fs-uuid`` of GRUB that looks for a
filesystem that is not there gets that of /boot. ``device`` says what the root is to be called, such as LABEL=root.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.change.sequence import ChangeSequence
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import GRUB2, GRUB2_ESP
from imgtools.guest.boot.cmdline import Rewriting, rewrite, rewrite_arguments
from imgtools.guest.boot.grub_searches import SEARCH, lines_with_searches
from imgtools.guest.boot.root_names import EXACT, NAMED, is_same_filesystem, name_of, volume_finder
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import boot_volume
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.disks import Holder


@dataclass(frozen=True, slots=True)
class Params:
    """``device``: what the root is called; "": a name that it has on every machine."""

    device: str = ""


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield every file that names the root wrongly."""
    if guest.layout is None or guest.layout.locked:
        return  # what is named may be inside
    sequence = ChangeSequence(guest.files)
    sequence.add(list(rewrite_arguments(guest.files, Rewriting(_of_root(guest, params)))))
    sequence.add(list(_searches(guest, sequence.files)))
    yield from sequence.changes


def _of_root(guest: Guest, params: Params) -> Callable[[str], str | None]:
    find, right = volume_finder(guest), params.device or name_of(guest.root)
    layout = guest.layout
    lvs = {f"{one.vg}/{one.name}" for one in layout.lvs} if layout else set()
    locked = (
        {one.uuid.replace("-", ""): one for one in layout.volumes if one.content == "crypto_LUKS"}
        if layout
        else {}
    )
    group = "/".join(guest.root.device.split("/")[2:4]) if guest.root.holder is Holder.LV else ""

    def rewritten(token: str) -> str | None:
        name, _, value = token.partition("=")
        if name == "root" and NAMED.match(value):
            found = find(value)
            is_other = found is not None and EXACT.match(value) and not is_same_filesystem(found, guest.root)
            is_asked = params.device != "" and value != params.device
            return f"root={right}" if found is None or is_other or is_asked else token
        if name == "rd.lvm.lv" and value not in lvs:
            return f"{name}={group}" if group else None
        if name == "rd.luks.uuid" and value.removeprefix("luks-").replace("-", "") not in locked:
            below = [one for one in locked.values() if one.device in guest.root.parents]
            return f"{name}=luks-{below[0].uuid}" if below else None
        return token

    return rewritten


def _searches(guest: Guest, files: GuestReader) -> Iterator[Change]:
    """GRUB's own search for the filesystem that has /boot."""
    known = {one.uuid.casefold() for one in guest.layout.volumes} if guest.layout else set()
    right = boot_volume(guest).uuid
    seen: set[str] = set()

    def replaced(found: re.Match[str]) -> str:
        return found[0] if found[2].casefold() in known else f"{found[1]}{right}"

    for pattern in (*GRUB2, *GRUB2_ESP):
        for path in files.glob(pattern):
            if right and files.is_file(path) and (true := files.resolve(path)) not in seen:
                seen.add(true)
                yield from rewrite(files, true, lambda text: "".join(_edited(text, replaced)))


def _edited(text: str, replaced: Callable[[re.Match[str]], str]) -> Iterator[str]:
    """The lines with their searches replaced."""
    for line, is_search in lines_with_searches(text):
        yield SEARCH.sub(replaced, line) if is_search else line


OPERATION = Operation(
    summary="Have the boot loader look for the real root",
    families=LINUX,
    plan=plan,
    params=Params,
    order=300,
)
