"""What several checks want to know of a guest, asked once, also where it cannot be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from imgtools.errors import OddGuest
from imgtools.ops.station import Examined

Fact = TypeVar("Fact")


def asked_once(make: Callable[[Examined], Fact]) -> Callable[[Examined], Fact]:
    """Return ``make`` such that it is asked once of a guest; an OddGuest that it raises is raised anew each time.

    A file that is hostile is then not read again by every check.
    """

    def kept(examined: Examined) -> Fact | OddGuest:
        try:
            return make(examined)
        except OddGuest as error:
            return error

    def told(examined: Examined) -> Fact:
        found = examined.once(kept)
        if isinstance(found, OddGuest):
            raise OddGuest(found.message, hint=found.hint)
        return found

    return told
