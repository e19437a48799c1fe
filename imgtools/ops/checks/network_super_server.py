"""inetd and xinetd start none of the services that send passwords in clear text, or that answer everybody.

telnet, rsh, rlogin, rexec, tftp, finger and the small services (echo, chargen ...) are lines of inetd.conf, or files
of /etc/xinetd.d. Source: inetd.conf(5), xinetd.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.find.release import read_small
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

BAD = frozenset(
    {
        "telnet",
        "shell",
        "login",
        "exec",
        "rsh",
        "rlogin",
        "rexec",
        "tftp",
        "finger",
        "talk",
        "ntalk",
        "echo",
        "chargen",
        "discard",
        "daytime",
        "time",
        "systat",
        "netstat",
        "ftp",
    }
)
INETD = ("inetd", "openbsd-inetd", "inetutils-inetd", "xinetd")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the lines and files that start one of them."""
    files = examined.files
    name = starts(examined, *INETD)
    if not name:
        yield NotThere("neither inetd nor xinetd is started")
    elif name != "xinetd":
        for number, line in enumerate(read_small(files, "/etc/inetd.conf").split("\n"), 1):
            service = line.split()[0].rpartition(":")[2] if line.strip() and line[0] not in "# \t" else ""
            if service in BAD:
                yield Flaw(f"inetd starts {service}", "/etc/inetd.conf", number, subject=service)
    else:
        for path in files.glob("/etc/xinetd.d/*"):
            text = read_small(files, path)
            said = re.search(r"(?m)^[ \t]*service\s+(\S+)", text)
            is_off = re.search(r"(?m)^[ \t]*disable\s*=\s*yes\b", text)
            if said and said[1] in BAD and not is_off:
                yield Flaw(f"xinetd starts {said[1]}", path, subject=said[1], advice="set disable = yes")


CHECK = Check(
    title="inetd starts no service with passwords in clear text",
    severity=Level.HIGH,
    look=look,
    references=("ANSSI R62", "NIST 800-53 CM-7"),
)
