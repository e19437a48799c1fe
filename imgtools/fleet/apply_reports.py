"""What changing a fleet reports: plain records, there without the libraries that make them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgtools.records.many import Reason
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class ChangedImage:
    """What became of one image of a fleet that is changed.

    ``state`` is would change, changed, nothing to do, as before (it was changed in the run that goes on), failed or not
    tried. ``way_back`` is the plan that gives the old state back, if one was kept.
    """

    image: str
    state: str
    changes: tuple[PlannedStep, ...] = ()
    way_back: str = ""
    warnings: tuple[Warned, ...] = ()
    exit_code: int = 0
    error: str = ""
    message: str = ""
    hint: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One change of an image: its kind, the path in the guest, and what it does in words."""

    kind: str
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """How a fleet was changed, or would be if ``write`` is False; by number of images.

    ``stopped`` says why no more were given out, "" if all were. ``undo`` is the folder of the ways back.
    """

    run: int
    database: str
    write: bool
    images: int
    changing: int  # changed, or would be
    unchanged: int  # nothing to do
    kept: int
    failed: int
    untried: int
    stopped: str
    undo: Path | None
    seconds: float
    reasons: tuple[Reason, ...]
    answers: tuple[ChangedImage, ...]

    @property
    def exit_code(self) -> int:
        """0, or 1 if an image failed or was not tried."""
        return int(self.failed + self.untried > 0)
