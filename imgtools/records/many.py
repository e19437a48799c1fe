"""What is known of many images together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some images have no answer: the class of the error, its exit code, and how many."""

    error: str
    exit_code: int
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """How it went with many images; ``answered`` counts those with warnings and findings too."""

    images: int
    answered: int
    warned: int
    found: int  # the command ended with exit code 1: a difference, a finding, something left over
    failed: int
    reasons: tuple[Reason, ...]  # the most frequent first


@dataclass(frozen=True, slots=True)
class ManyReport:
    """The envelopes of all images, in the order given, and the summary."""

    answers: tuple[object, ...]
    summary: Summary
