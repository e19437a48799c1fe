"""Files that decide over a login belong to its account alone.

Who may write a profile, .forward or .ssh runs programs as its owner, and who may read .netrc or a private key has a
password or key. The fix takes away the rights of others. Source: sshd(8), FILES; netrc(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import SetMode
from imgtools.guest.accounts.users import Accounts
from imgtools.ops.account_checks import hidden_homes, homes_of_people, of_accounts
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.files import FileKind

# What others must not write, and what they must not read either.
NOT_WRITABLE = (
    ".profile", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".zshrc", ".zprofile", ".zshenv", ".cshrc",
    ".login", ".forward", ".rhosts", ".shosts", ".ssh", ".ssh/authorized_keys", ".ssh/authorized_keys2",
    ".ssh/config", ".ssh/rc", ".ssh/environment", ".k5login", ".vimrc", ".config", ".gnupg",
)  # fmt: skip
SECRET = (".netrc", ".pgpass", ".my.cnf", ".git-credentials", ".vnc/passwd")
KEYS = ".ssh/id_*"


def look(examined: Examined, accounts: Accounts, params: NoParams) -> Iterator[Seen]:
    """Yield each file that others may write, or read where that is as bad."""
    files = examined.files
    yield from hidden_homes(examined, accounts)
    for account, home in homes_of_people(examined, accounts):
        keys = [one for one in files.glob(f"{_escaped(home)}/{KEYS}") if not one.endswith(".pub")]
        wanted = [(f"{home}/{one}", 0o022) for one in NOT_WRITABLE]
        wanted += [(one, 0o077) for one in (*(f"{home}/{name}" for name in SECRET), *keys)]
        for path, mask in wanted:
            stat = files.lstat(path)
            if stat is None or stat.kind not in (FileKind.FILE, FileKind.DIRECTORY):
                continue
            if stat.mode & mask:
                verb = "write" if stat.mode & 0o022 else "read"
                yield Flaw(
                    f"others may {verb} {path}",
                    path,
                    subject=account.name,
                    evidence=f"mode {stat.mode:04o}",
                    fix=always(SetMode(path, stat.mode & ~mask)),
                )
            elif stat.uid not in (0, account.uid):
                yield Flaw(
                    f"{path} belongs to user {stat.uid}",
                    path,
                    subject=account.name,
                    advice=f"look at what it says, then: imgtools chown {account.name} {path}",
                )


def _escaped(path: str) -> str:
    return re.sub(r"([*?\[{])", "[\\1]", path)


CHECK = Check(
    title="Files that decide over a login are their owner's alone",
    severity=Level.HIGH,
    look=of_accounts(look),
    references=("CIS Debian 12 7.2.10", "NIST 800-53 AC-6"),
)
