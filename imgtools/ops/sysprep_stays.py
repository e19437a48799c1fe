"""Traces of a machine that stay in a template, and why: docs/decisions/what-sysprep-leaves.md as a table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.guest.identity.collect import Kind
from imgtools.guest.identity.search import Trace


@dataclass(frozen=True, slots=True)
class Stays:
    """What may stay where, and the reason. No kinds: any."""

    path: re.Pattern[str]
    reason: str
    kinds: frozenset[Kind] = frozenset()


STAYS = (
    Stays(
        re.compile(r"(?i)^/[^/]+/System32/config/(SYSTEM|SOFTWARE|SAM|SECURITY|DEFAULT)$"),
        "the registry itself: setup, or a clone, gives it a name of its own",
        frozenset({Kind.HOST_NAME, Kind.MACHINE_ID}),
    ),
    Stays(
        re.compile(r"^/etc/kernel/entry-token$|^/(boot|efi)/"),
        "a name by which kernel-install and the boot loader find what was installed",
        frozenset({Kind.MACHINE_ID}),
    ),
    Stays(
        re.compile(r"^/usr/(?!local/)"),
        "shipped by the distribution",
        frozenset({Kind.HOST_NAME, Kind.ACCOUNT, Kind.ADDRESS}),
    ),
    Stays(
        re.compile(r"^/var/lib/(dpkg|rpm|pacman|apt/lists|apk)/|^/lib/apk/"),
        "the database of packages speaks of them, not of this machine",
        frozenset({Kind.HOST_NAME, Kind.ACCOUNT, Kind.LOG}),
    ),
)


def reason_to_stay(trace: Trace) -> str:
    """Return why a trace is left in a template; "" if there is no reason."""
    for one in STAYS:
        if one.path.search(trace.path) and (not one.kinds or trace.kind in one.kinds):
            return one.reason
    return ""
