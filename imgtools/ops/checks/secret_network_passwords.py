"""No passwords for other machines and services lie in the homes of accounts.

They are in the clear, and open another machine. Places: netrc(5), libpq on .pgpass, mysql on option files,
gitcredentials(7), msmtp, fetchmail, mount.cifs(8).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import UNIX
from imgtools.ops.secret_checks import kept_in_homes
from imgtools.records.audit import Level

CHECK = Check(
    title="No passwords for other machines lie in homes",
    severity=Level.HIGH,
    look=kept_in_homes(
        "a password for another machine or service",
        r"(?i)(^|\s)password\s*[ =:]\s*\S|^[^#:\s][^:]*:[^:]*:[^:]*:[^:]*:\S|^https?://[^:/@\s]+:[^@\s]+@",
        ".netrc",
        ".pgpass",
        ".my.cnf",
        ".mylogin.cnf",
        ".git-credentials",
        ".config/git/credentials",
        ".msmtprc",
        ".fetchmailrc",
        ".smbcredentials",
        ".cifs",
        advice="remove it, and change the password there",
    ),
    families=UNIX,
    references=("NIST 800-53 IA-5",),
)
