"""Orders that only the setup of a Windows can carry out: they become answers of unattend.xml."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.errors import UnsupportedGuest
from imgtools.guest.guest import Guest

if TYPE_CHECKING:  # the shelf is read for every guest
    from imgtools.guest.windows.answers import Answers

HINT = "--generalize shutdown or --generalize reboot beside it has Windows set itself up anew"


def told_to_setup(
    guest: Guest, name: str, edit: Callable[[Answers], None], what: str = ""
) -> Iterator[Change]:
    """Yield the answers as an edit leaves them.

    :param name: of the order, for messages.
    :param what: what the plan shows in place of answers that nobody is to see.
    :raises UnsupportedGuest: the guest does not wait for its setup.
    """
    from imgtools.guest.windows.answers import answer_changes, waits_for_setup
    from imgtools.guest.windows.registry import open_registry

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        if not waits_for_setup(registry):
            raise UnsupportedGuest(
                f"{name} is for the setup of a Windows, and this one is set up already", hint=HINT
            )
    yield from answer_changes(guest.files, guest.os, edit, what or f"answers for setup: {name}")
