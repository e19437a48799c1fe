"""The account files hold no lines that let a directory in.

A line that begins with + brought in everybody whom a NIS server named, and a program that does not know it takes it
for an account without a password. The fix takes the lines out, where nsswitch.conf does not use them (compat).
Source: nsswitch.conf(5), passwd(5) of NIS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import EditLines, LineEdit
from imgtools.guest.accounts.users import FILE_LIMIT, GROUP, GSHADOW, PASSWD, SHADOW, Accounts
from imgtools.ops.account_checks import of_accounts
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

FILES = (PASSWD, SHADOW, GROUP, GSHADOW)
NSSWITCH = "/etc/nsswitch.conf"


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each line that begins with a plus."""
    used = _uses_compat(examined)
    for path in FILES:
        if not examined.files.is_file(path) or examined.files.stat(path).size > FILE_LIMIT:
            continue
        for number, line in enumerate(examined.files.read_text(path, limit=FILE_LIMIT).split("\n"), 1):
            if line.startswith("+"):
                name = line.partition(":")[0]
                yield Flaw(
                    f"{path} lets a directory in: {name[:40]}",
                    path,
                    number,
                    name[:40],
                    fix=None if used else always(EditLines(path, (LineEdit(rf"^{re.escape(name)}(:|$)"),))),
                    advice="nsswitch.conf says compat: move to SSSD, then take the line out" if used else "",
                )


def _uses_compat(examined: Examined) -> bool:
    files = examined.files
    if not files.is_file(NSSWITCH) or files.stat(NSSWITCH).size > FILE_LIMIT:
        return False
    return re.search(r"(?m)^[^#\n]*\bcompat\b", files.read_text(NSSWITCH, limit=FILE_LIMIT)) is not None


CHECK = Check(
    title="The account files have no lines of NIS",
    severity=Level.HIGH,
    look=of_accounts(look),
    references=("NIST 800-53 IA-2",),
)
