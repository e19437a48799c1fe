"""Have a command run when somebody logs on to a Windows for the first time after its setup.

Windows guests that wait for their setup: generalised ones, or with --generalize beside it. It runs as who logs on, with
an administrator's rights; several run in their order.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.errors import UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_answers import told_to_setup

LONGEST = 1024  # letters: "CommandLine" of "Unattended Windows Setup Reference" (learn.microsoft.com)


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the answers for setup.

    :raises UsageError: it is too long, or has letters that XML cannot hold.
    :raises UnsupportedGuest: the guest is set up already.
    """
    line = order.text
    if len(line) > LONGEST or not line.isprintable():
        raise UsageError(f"not a command line of at most {LONGEST} printable letters")
    yield from told_to_setup(guest, "first-logon-command", lambda answers: answers.run_at_first_logon(line))


OPERATION = Operation(
    summary="Run a command when somebody first logs on to a Windows",
    plan=plan,
    params=Order,
    families=WINDOWS,
    metavar="COMMAND",
)
