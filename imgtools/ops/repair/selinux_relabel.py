"""Have all files labelled for SELinux.

Files that were written from outside SELinux have no labels, or wrong ones, and an enforcing guest then lets nobody in.
``how=boot`` has the guest label itself at its next boot (``/.autorelabel``), which then starts once more; ``how=now``
does it at once, by the guest's own policy.

Source: selinux-autorelabel(8), fixfiles(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, Relabel, WriteFile
from imgtools.guest.guest import Guest
from imgtools.guest.labels import AUTORELABEL
from imgtools.guest.selinux import find_selinux
from imgtools.ops.linux_repairs import one_of
from imgtools.ops.operation import LINUX, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``how`` is boot or now."""

    how: str = "boot"

    def __post_init__(self) -> None:
        one_of(self.how, "how", ("boot", "now"))


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield what has the files labelled."""
    if params.how == "now":
        yield Relabel()
    elif guest.files.lstat(AUTORELABEL) is None:
        yield WriteFile(AUTORELABEL, b"")


def lacking(guest: Guest) -> str:
    """Say that SELinux labels nothing in the guest."""
    return "" if find_selinux(guest.files).labels_files else "no SELinux that is enabled"


OPERATION = Operation(
    summary="Have all files labelled for SELinux",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
    lacking=lacking,
    notes="`how=now` is planned each time: nobody but the policy knows whether it was done.",
)
