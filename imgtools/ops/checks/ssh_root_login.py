"""Root does not log in over SSH with a password.

Everybody knows the name, and a login of root does not say who it was. Keys alone (prohibit-password, the default
since OpenSSH 7.0) keep guessers out; a stricter policy wants no. The fix is offered only where another administrator
can log in over SSH. Source: sshd_config(5), PermitRootLogin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from imgtools.ops.account_checks import ways_of
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.ssh_checks import setting
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``allowed``: the values that are fine."""

    allowed: tuple[str, ...] = ("no", "prohibit-password", "forced-commands-only")


ADVICE = "make another way in first: imgtools customize --ssh-inject, or an account with sudo"


def _judge(value: str, params: Params) -> str:
    if value.lower() in params.allowed:
        return ""
    return "root may log in over SSH" + (" with a password" if value.lower() == "yes" else "")


def _wanted(value: str, params: Params) -> str:
    known = [one for one in ("prohibit-password", "no") if one in params.allowed]
    return known[0] if known else ""


_look = setting("PermitRootLogin", _judge, _wanted)


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield what lets root in; without a fix where nobody else gets in."""
    for one in _look(examined, params):
        if isinstance(one, Flaw) and one.fix is not None and not _is_safe(examined):
            yield replace(one, fix=None, advice=ADVICE)
        else:
            yield one


def _is_safe(examined: Examined) -> bool:
    """Whether another administrator gets in over SSH."""
    return any(one.is_admin and one.ssh and one.name != "root" for one in examined.once(ways_of))


CHECK = Check(
    title="Root does not log in over SSH with a password",
    severity=Level.HIGH,
    look=look,
    params=Params,
    references=("CIS Debian 12 5.1.20", "NIST 800-53 AC-6"),
)
