"""No file names machines or people that are let in without a password.

rlogin, rsh and host-based SSH take .rhosts, .shosts and hosts.equiv as a reason to ask for nothing; a + in them means
everybody. It is no fix of a tool, because something may still use them. Source: hosts.equiv(5), rhosts(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.users import Accounts
from imgtools.ops.account_checks import homes_of_people, of_accounts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

EVERYWHERE = ("/etc/hosts.equiv", "/etc/ssh/shosts.equiv", "/etc/shosts.equiv")
LIMIT = 1 << 20  # bytes of one file


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each file that lets somebody in."""
    homes = [home for _account, home in homes_of_people(examined, accounts)]
    for path in (*EVERYWHERE, *(f"{home}/{name}" for home in homes for name in (".rhosts", ".shosts"))):
        if not examined.files.is_file(path):
            continue
        lines = examined.files.read_text(path, limit=LIMIT).split("\n")
        said = [(n, one.split()) for n, one in enumerate(lines, 1) if one.strip() and one.strip()[0] != "#"]
        if said:
            everybody = next((n for n, words in said if "+" in words), 0)
            yield Flaw(
                f"{path} lets {'everybody' if everybody else 'others'} in without a password",
                path,
                everybody or said[0][0],
                severity=Level.HIGH if everybody else None,
                advice=f"remove it once nothing uses it: imgtools rm {path}",
            )


CHECK = Check(
    title="No .rhosts, .shosts or hosts.equiv lets anybody in",
    severity=Level.MEDIUM,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.10", "NIST 800-53 IA-2"),
)
