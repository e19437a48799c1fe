"""Start the guest once with SELinux forbidding nothing, or off: for a look, without changing its configuration.

A copy of the entry that starts by default gets ``enforcing=0`` (or, with ``word=selinux=0``, ``selinux=0``) among its
arguments, and GRUB is told to start it at the next boot alone (``next_entry``). The entry stays in the menu. It takes a
GRUB with entries of the Boot Loader Specification (Fedora, Red Hat) on a partition that GRUB itself writes to: only
there does GRUB take its word back. Elsewhere `selinux-permissive` does it until it is set back.

After a boot with ``selinux=0`` the files that were made have no labels; Fedora and Red Hat then label all of them.

Source: selinux(8), kernel-parameters.txt (enforcing, selinux), GRUB's manual (next_entry).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.guest.boot.cmdline import Arguments
from imgtools.guest.boot.once import grub_with_entries, start_once
from imgtools.guest.guest import Guest
from imgtools.guest.selinux import find_selinux
from imgtools.ops.linux_repairs import one_of
from imgtools.ops.operation import LINUX, Operation

WORDS = ("enforcing=0", "selinux=0")


@dataclass(frozen=True, slots=True)
class Params:
    """``word``: the kernel's argument, enforcing=0 or selinux=0."""

    word: str = "enforcing=0"

    def __post_init__(self) -> None:
        one_of(self.word, "word", WORDS)


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the entry, and GRUB's word to start it once.

    :raises UnsupportedGuest: the guest's boot loader cannot start an entry once.
    :raises OddGuest: GRUB's environment block is damaged, or full.
    """
    grub = grub_with_entries(guest)
    wanted = Arguments((params.word,), ("enforcing=1", "selinux=1"))
    yield from start_once(guest, grub, wanted, "selinux-off-once", f"once with {params.word}")


def lacking(guest: Guest) -> str:
    """Say that SELinux is not configured."""
    return "" if find_selinux(guest.files).mode else "no SELinux"


OPERATION = Operation(
    summary="Start once with SELinux permissive or off",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
    lacking=lacking,
)
