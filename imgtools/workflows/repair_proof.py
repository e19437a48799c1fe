"""Whether repairs have mended what they were to mend: a diagnosis before, and one of what they leave."""

from __future__ import annotations

from imgtools.errors import RolledBack
from imgtools.image.handle import Image
from imgtools.ops.proposal import findings_of, still_there
from imgtools.ops.station import Examined, StationReport, load_stations
from imgtools.records.diagnosis import Finding
from imgtools.workflows.diagnose import examine, walk


class Proof:
    """What a diagnosis says of a guest before repairs and after them.

    :param looks: whether it is diagnosed at all: a plan that only shows named repairs needs none.
    """

    def __init__(self, examined: Examined, *, looks: bool) -> None:
        self._root = examined.guest.root.device if examined.guest else None
        self._stations = load_stations()
        self.before = walk(examined, self._stations) if looks else ()
        self.after: tuple[StationReport, ...] = ()
        self.repairs: tuple[str, ...] = ()

    def __call__(self, image: Image) -> None:
        """Look at the guest as the repairs leave it.

        :raises RolledBack: what one of them was to mend is still there.
        """
        self.after = walk(examine(image, self._root), self._stations)
        left = still_there(findings_of(self.before), findings_of(self.after), self.repairs)
        if left:
            raise RolledBack(
                f"{left[0].id} is still found after the repairs: {left[0].text}",
                hint="the image is as it was",
            )

    def left(self, written: bool) -> tuple[Finding, ...]:
        """What is found afterwards; before anything is written, what these repairs are not there for."""
        if written:
            return findings_of(self.after)
        found = findings_of(self.before)
        return tuple(one for one in found if one.remedy is None or one.remedy.repair not in self.repairs)
