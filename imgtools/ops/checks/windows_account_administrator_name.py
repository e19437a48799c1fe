"""The built-in Administrator, where it is enabled, is not called Administrator.

Programs that guess passwords try that name first, and nobody is locked out of it. A name of its own costs them a guess
at each machine, and makes their tries stand out in the log: "Accounts: Rename administrator account"
(learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_account_checks import ADMINISTRATOR, each_account, of_account
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.guest.windows.sam import WindowsUser


@dataclass(frozen=True, slots=True)
class Params:
    """``names``: those that everybody guesses, in the languages of Windows."""

    names: tuple[str, ...] = (
        "administrator", "administrateur", "administrador", "amministratore", "administratör", "järjestelmänvalvoja",
        "rendszergazda", "администратор",
    )  # fmt: skip


def judge(examined: Examined, user: WindowsUser, params: Params) -> Iterator[Seen]:
    """Yield the account of id 500 if it has such a name."""
    if user.sid.endswith(ADMINISTRATOR) and user.name.casefold() in params.names:
        yield of_account(
            examined,
            user,
            "the built-in administrator has the name that everybody guesses",
            advice="rename it, or disable it",
        )


CHECK = Check(
    title="The built-in Administrator has a name of its own",
    severity=Level.LOW,
    look=each_account(judge),
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 AC-2",),
)
