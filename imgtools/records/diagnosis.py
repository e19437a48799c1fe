"""What is found wrong on a machine's way from power-on to login, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """``broken``: the machine stops there, or nobody gets in. ``suspicious``: it may, or something else suffers."""

    BROKEN = "broken"
    SUSPICIOUS = "suspicious"


class Confidence(StrEnum):
    """How sure a finding is: ``high`` has been read as it is, ``low`` is a guess from signs."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class StationState(StrEnum):
    """What is said of a station."""

    SOUND = "sound"
    BROKEN = "broken"
    SUSPICIOUS = "suspicious"
    ABSENT = "not there"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a finding is seen. ``path`` is a guest path or a device; ``line`` counts from 1, 0 where there is none.

    ``text`` is what is there: the line, the name, the bytes in words.
    """

    path: str
    line: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Remedy:
    """The repair that mends a finding, and its parameters: ``("source=UUID=...",)`` as ``--set`` takes them."""

    repair: str
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``id`` names its cause, the same in ``diagnose``, ``boot`` and ``repair``.

    ``remedy`` is the repair that mends it; where there is none, ``advice`` says what a person has to do.
    """

    id: str
    text: str
    severity: Severity = Severity.BROKEN
    confidence: Confidence = Confidence.HIGH
    evidence: tuple[Evidence, ...] = ()
    remedy: Remedy | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class NotKnown:
    """What could not be told about a station, and why: it counts as neither sound nor broken."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotThere:
    """This machine has no such station: no LVM, no Windows boot manager."""

    reason: str
