"""What OpenSCAP says of a guest: the rules of a profile, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.records.audit import Result


@dataclass(frozen=True, slots=True)
class ScapProfile:
    """A profile of a data stream."""

    id: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class ScapRule:
    """A rule of a profile. ``reason`` says why it is not decidable, not applicable or an error.

    ``severity`` is the content's: high, medium, low, info or unknown. ``idents`` and ``references`` are numbers of
    catalogues, as the content has them. ``said`` is OpenSCAP's own word: ``notapplicable``, say.
    """

    id: str
    title: str
    severity: str
    result: Result
    said: str
    reason: str = ""
    idents: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScapCounts:
    """How many rules ended how; those that the profile does not select are not counted."""

    passed: int = 0
    failed: int = 0
    not_applicable: int = 0
    undecided: int = 0
    errors: int = 0
