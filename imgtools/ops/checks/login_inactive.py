"""New accounts are locked a while after their password expired.

Until then whoever finds the old password may log in and choose a new one. What accounts have already is looked at by
account-inactive. Source: useradd(8), INACTIVE in /etc/default/useradd.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.accounts.login_defs import USERADD, useradd_defaults
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.login_checks import number_of, saying
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: after how many days."""

    most: int = 45


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield that they stay open, or for long."""
    path = next((one for one in USERADD if examined.files.is_file(one)), "")
    if not path:
        yield NotThere("no useradd")
        return
    said = useradd_defaults(examined.files).get("INACTIVE")
    days = number_of(said.value) if said is not None else None
    if days is not None and 0 <= days <= params.most:
        return
    yield Flaw(
        "new accounts stay open when their password has expired"
        + (f": {said.value} days" if said is not None and days != -1 else ""),
        path,
        said.line if said is not None else 0,
        fix=saying(path, "INACTIVE", str(params.most), "=") if path == USERADD[0] else None,
    )


CHECK = Check(
    title="New accounts are locked a while after their password expired",
    severity=Level.LOW,
    look=look,
    params=Params,
    references=("CIS Debian 12 5.4.1.5", "NIST 800-53 AC-2"),
)
