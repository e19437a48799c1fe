"""Throw away the session of a Windows that is hibernated, or was shut down with fast startup.

Until then nothing is written to its system volume: Windows would go on with what it remembers of it. Everything that
its programs had open and had not saved is lost, as after a power cut, so it has to be said: ``discard=yes``. The better
way is to start Windows and shut it down (``shutdown /s /t 0``, with fast startup switched off). A volume whose log is
not closed either is refused: only Windows puts it in order.

Source: "Distinguishing Fast Startup from Wake-from-Hibernation" (learn.microsoft.com), ntfs-3g(8): remove_hiberfile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, DiscardHibernation
from imgtools.errors import WouldLoseData
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``discard``: what the session holds may be lost."""

    discard: bool = False


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the end of the session, if there is one.

    :raises WouldLoseData: nobody said that it may be lost.
    """
    from imgtools.guest.windows.hibernation import is_hibernated  # the shelf is read for every guest

    if not is_hibernated(guest.files):
        return
    if not params.discard:
        raise WouldLoseData(
            "Windows is hibernated: what its programs had open and not saved would be lost",
            hint="start it and shut it down, or lose that: --set windows-hibernation.discard=yes",
        )
    yield DiscardHibernation(guest.root.device)


OPERATION = Operation(
    summary="Discard the session of a hibernated Windows",
    families=WINDOWS,
    plan=plan,
    params=Params,
    default=False,
)
