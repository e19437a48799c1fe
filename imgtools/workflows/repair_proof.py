"""Whether repairs have mended what they were to mend: a diagnosis before, and one of what they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.errors import RolledBack
from imgtools.guest.guest import Guest, the_guest
from imgtools.image.handle import Image
from imgtools.ops.proposal import findings_of, is_asked, still_there
from imgtools.ops.selection import Chosen
from imgtools.ops.station import Examined, StationReport, load_stations
from imgtools.records.diagnosis import Finding
from imgtools.records.progress import Progress
from imgtools.records.request import Key
from imgtools.workflows.boot import BootReport, BootRequest, boot_opened
from imgtools.workflows.diagnose import examine, walk


@dataclass(frozen=True, slots=True)
class ThenBoot:
    """What is repaired is booted before it counts: how, and with which keys."""

    how: BootRequest
    keys: Sequence[Key] = ()
    progress: Progress | None = None


class Proof:
    """What a diagnosis says of a guest before repairs and after them.

    :param looks: whether it is diagnosed at all: a plan that only shows named repairs needs none.
    :param then_boot: boot what the repairs leave, too.
    """

    def __init__(self, examined: Examined, *, looks: bool, then_boot: ThenBoot | None = None) -> None:
        self._root = examined.guest.root.device if examined.guest else None
        self._stations = load_stations()
        self.before = walk(examined, self._stations) if looks else ()
        self.after: tuple[StationReport, ...] = ()
        self.chosen: tuple[Chosen, ...] = ()  # the repairs that change something
        self.boot: BootReport | None = None
        self._then_boot = then_boot

    def __call__(self, image: Image) -> None:
        """Look at the guest as the repairs leave it.

        :raises RolledBack: what one of them was to mend is still there, or the guest does not boot with them.
        """
        examined = examine(image, self._root)
        self.after = walk(examined, self._stations)
        left = still_there(findings_of(self.before), findings_of(self.after), self.chosen)
        if left:
            raise RolledBack(
                f"{left[0].id} is still found after the repairs: {left[0].text}",
                hint="the image is as it was",
            )
        if self._then_boot is not None:
            self._boot(image, examined.guest or the_guest(image, self._root), self._then_boot)

    def _boot(self, image: Image, guest: Guest, wanted: ThenBoot) -> None:
        self.boot = boot_opened(image, guest, wanted.how, keys=wanted.keys, progress=wanted.progress)
        if not self.boot.reached:
            last = f": {self.boot.line}" if self.boot.line else ""
            raise RolledBack(
                f"the guest does not boot with the repairs ({self.boot.verdict}){last}",
                hint="the image is as it was; --output keeps the repairs in a copy, and imgtools boot shows more",
            )

    def left(self, written: bool) -> tuple[Finding, ...]:
        """What is found afterwards; before anything is written, what these repairs are not there for."""
        if written:
            return findings_of(self.after)
        return tuple(one for one in findings_of(self.before) if not is_asked(one, self.chosen))
