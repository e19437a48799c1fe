"""How an answer of imgtools compares with another program's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What is said of one image."""

    SAME = "same"
    REFUSED = "refused by name"  # by imgtools alone
    LEFT = "left to the appliance"
    BOTH_REFUSE = "both refuse"
    WARNED = "less, with a warning"
    MORE = "more than the other reads"
    WRONG = "WRONG"
    ODD = "no answer of the other"


@dataclass(frozen=True, slots=True)
class Finding:
    """One image's verdict, and the reason, where it has one."""

    image: str
    verdict: Verdict
    reason: str = ""
