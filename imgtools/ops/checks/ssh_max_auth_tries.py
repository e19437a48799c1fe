"""A connection ends after a few failed attempts to log in.

Each connection then tells a guesser less, and failures beyond half of the number are logged. The default is 6, and
CIS asks for 4. Source: sshd_config(5), MaxAuthTries.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import at_most, parameter, setting
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: how many attempts are allowed."""

    most: int = 6


CHECK = Check(
    title="The SSH server ends a connection after a few failed attempts",
    severity=Level.LOW,
    look=setting(
        "MaxAuthTries",
        at_most("most", "a connection may try to log in {} times"),
        parameter("most"),
    ),
    params=Params,
    references=("CIS Debian 12 5.1.16", "NIST 800-53 AC-7"),
)
