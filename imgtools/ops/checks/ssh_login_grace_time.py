"""Whoever does not log in is disconnected soon.

Connections that wait for a login hold a process each, and enough of them keep others out; a time of 0 never ends. The
default is 120 seconds, and CIS asks for 60. Source: sshd_config(5), LoginGraceTime.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import at_most, parameter, setting
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: how many seconds are allowed."""

    most: int = 120


CHECK = Check(
    title="The SSH server disconnects who does not log in",
    severity=Level.LOW,
    look=setting(
        "LoginGraceTime",
        at_most("most", "a connection may take {} seconds to log in; 0 is for ever", zero_is_bad=True),
        parameter("most"),
    ),
    params=Params,
    references=("CIS Debian 12 5.1.13", "NIST 800-53 SC-5"),
)
