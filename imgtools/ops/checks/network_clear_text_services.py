"""Nobody logs in, or fetches files, over a connection that everybody on the way can read.

telnet, rsh, rlogin, rexec and FTP send names and passwords as they are, and rsh believes whoever says who he is. SSH
does what they do. Source: RFC 4949 and the manuals of inetutils, which say so themselves.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.service_checks import does_not_start
from imgtools.records.audit import Level

SERVICES = {
    "telnet": "logins in clear text",
    "telnet.socket": "logins in clear text",
    "telnetd": "logins in clear text",
    "inetutils-telnetd": "logins in clear text",
    "rsh.socket": "commands of whoever says who he is",
    "rshd": "commands of whoever says who he is",
    "rlogin.socket": "logins of whoever says who he is",
    "rexec.socket": "passwords in clear text",
    "rexecd": "passwords in clear text",
    "rsh-server": "commands of whoever says who he is",
    "tftp.socket": "files without any password",
    "tftp": "files without any password",
    "tftpd-hpa": "files without any password",
    "atftpd": "files without any password",
    "in.tftpd": "files without any password",
}

CHECK = Check(
    title="No service for logging in sends passwords in clear text",
    severity=Level.HIGH,
    look=does_not_start(SERVICES),
    references=("CIS Debian 12 2.1.16", "ANSSI R62", "NIST 800-53 IA-5"),
)
