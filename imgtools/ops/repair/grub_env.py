"""Write GRUB's environment block (grubenv) anew, where GRUB does not take it: its first line is not what it must be.

It gets 1024 bytes, as GRUB makes it: it writes the block in place. What can be read of its variables is kept; those
that ``unset`` names are taken out, such as a ``next_entry`` or ``saved_entry`` that names what is not there.

Source: grub-core/lib/envblk.c of GRUB 2.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, WriteFile
from imgtools.guest.boot.bootmenu import read_config
from imgtools.guest.boot.menu_edit import (
    ENVIRONMENT_HEAD,
    ENVIRONMENT_SIZE,
    environment_path,
    format_environment,
    parse_environment,
)
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``unset``: names of variables that go, with commas."""

    unset: tuple[str, ...] = ()


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the block, if it is damaged or has what is to go."""
    path = environment_path(guest.files)
    text = read_config(guest.files, path)
    values = parse_environment(text)
    kept = {name: value for name, value in values.items() if name not in params.unset}
    is_whole = guest.files.stat(path).size <= ENVIRONMENT_SIZE and text.startswith(ENVIRONMENT_HEAD)
    if kept != values or not is_whole:
        yield WriteFile(path, format_environment(kept))


def lacking(guest: Guest) -> str:
    """Say so if the guest has no such block."""
    return "" if environment_path(guest.files) else "no environment block of GRUB"


OPERATION = Operation(
    summary="Write GRUB's environment block anew",
    families=LINUX,
    plan=plan,
    params=Params,
    lacking=lacking,
    order=400,
)
