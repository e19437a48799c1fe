"""Connections that have not logged in yet are few.

Each takes a process, and enough of them keep others out. The three numbers are from when on some are refused, how
many of a hundred, and from when on all are. The default is 10:30:100, CIS asks for 10:30:60. Source: sshd_config(5),
MaxStartups.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import setting
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: the three numbers with colons, as in the server's configuration."""

    most: str = "10:30:100"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d{1,6}:\d{1,3}:\d{1,6}", self.most):
            raise ValueError(f"not START:RATE:FULL: {self.most}")


def _numbers(value: str) -> tuple[int, ...] | None:
    """The three numbers; one alone is from when on all are refused."""
    if re.fullmatch(r"\d{1,6}", value):
        return int(value), 100, int(value)
    if not re.fullmatch(r"\d{1,6}:\d{1,3}:\d{1,6}", value):
        return None
    return tuple(int(one) for one in value.split(":"))


def _judge(value: str, params: Params) -> str:
    numbers, most = _numbers(value), _numbers(params.most)
    if numbers is None or most is None or (numbers[0] <= most[0] and numbers[2] <= most[2]):
        return ""
    return f"{numbers[2]} connections may wait to log in, and none is refused before {numbers[0]}"


def _wanted(value: str, params: Params) -> str:
    return params.most


CHECK = Check(
    title="The SSH server limits connections that have not logged in",
    severity=Level.LOW,
    look=setting("MaxStartups", _judge, _wanted),
    params=Params,
    references=("CIS Debian 12 5.1.18", "NIST 800-53 SC-5"),
)
