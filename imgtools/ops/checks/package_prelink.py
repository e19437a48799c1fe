"""Programs are not changed by prelink.

It writes into every program and library, so that whether they are as packaged cannot be told, and takes randomness
out of their addresses. Source: prelink(8).
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.program_checks import programs_there
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``names`` are the programs that should not be there."""

    names: tuple[str, ...] = ("prelink",)


CHECK = Check(
    title="Programs are not changed by prelink",
    severity=Level.LOW,
    look=programs_there("programs are changed for a faster start", "prelink -ua, and remove the package"),
    params=Params,
    references=("CIS Debian 12 1.5.4", "NIST 800-53 SI-7"),
)
