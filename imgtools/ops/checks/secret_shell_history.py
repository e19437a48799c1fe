"""No passwords and tokens stand in the histories of shells and clients.

What was typed on a command line stays there for years, and in every clone. Places: bash(1), zsh, fish, mysql(1),
psql(1), redis-cli, python and node on where they keep their histories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.tokens import tokens_in
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import UNIX, NoParams
from imgtools.ops.secret_checks import in_homes, text_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

HISTORIES = (
    ".bash_history",
    ".zsh_history",
    ".ash_history",
    ".sh_history",
    ".history",
    ".local/share/fish/fish_history",
    ".mysql_history",
    ".psql_history",
    ".rediscli_history",
    ".python_history",
    ".node_repl_history",
)
# A password as a word of a command: of mysql, curl, sshpass and their kin, of SQL, of a variable that is set.
PASSWORD = re.compile(
    r"""(?ix) \s--?password[= ]\S | \bsshpass\s+-p\s*\S | \b(mysql|mysqldump|mariadb)\b.*\s-p[^\s-]\S* |
    \bcurl\b.*\s(-u|--user)[= ]\S+:\S | \bIDENTIFIED\s+BY\s+'[^']+' | \bPASSWORD\s+'[^']+' |
    \b\w*(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY)=[^\s$] | \bchpasswd\b.*:\S | \becho\s+\S+:\S+\s*\|\s*chpasswd"""
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each history that holds a secret, at its first line."""
    for path in in_homes(examined, *HISTORIES):
        text = text_of(examined.files, path)
        lines = {n for n, line in enumerate(text.splitlines(), 1) if PASSWORD.search(line[:4096])}
        lines |= {line for line, _ in tokens_in(text)}
        if lines:
            yield Flaw(
                f"{len(lines)} command{'s' if len(lines) > 1 else ''} with a password or token",
                path,
                min(lines),
                advice="remove the lines, and change what they tell: imgtools sysprep --enable bash-history empties it",
            )


CHECK = Check(
    title="No passwords and tokens stand in the histories of shells",
    severity=Level.HIGH,
    look=look,
    families=UNIX,
    references=("NIST 800-53 IA-5",),
)
