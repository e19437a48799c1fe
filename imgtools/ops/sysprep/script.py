"""Run a script of the host in the guest's tree (``--set script.file=PATH``).

The script runs in the libguestfs appliance, chrooted into the guest, without network. It sees the guest as it is
after the other operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imgtools.change.change import Change, RunInGuest
from imgtools.errors import HostError
from imgtools.guest.guest import Guest
from imgtools.ops.operation import UNIX, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``file`` is a shell script on the host; empty: none is run."""

    file: str = ""


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the run of the script.

    :raises HostError: the file cannot be read.
    """
    if not params.file:
        return
    try:
        text = Path(params.file).read_text(encoding="utf-8")
    except OSError as error:
        raise HostError(f"cannot read the script {params.file}: {error.strerror}") from None
    yield RunInGuest(text, what=params.file)


OPERATION = Operation(summary="Run a script in the guest's tree", families=UNIX, plan=plan, params=Params)
