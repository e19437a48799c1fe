"""Logins over SSH obey PAM.

Without UsePAM what PAM says of lockouts, expiry, limits and places does not hold for SSH. Distributions turn it on in
the configuration that they ship; OpenSSH by itself does not. Whether the program was built with PAM is looked up in
it. It is no fix of a tool: PAM may refuse who gets in now. Source: sshd_config(5), UsePAM.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.health.sshd_lines import SERVER_LIMIT, server_of
from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.ssh_checks import one_of, setting
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

_look = setting(
    "UsePAM",
    one_of(("no",), "what PAM says does not hold for logins over SSH"),
    advice="look at /etc/pam.d/sshd first, then: UsePAM yes",
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield that PAM is not asked, where there is one to ask."""
    if not examined.files.is_file("/etc/pam.d/sshd") or not _knows_pam(examined.files):
        yield NotThere("the SSH server has no PAM")
    else:
        yield from _look(examined, params)


def _knows_pam(files: GuestReader) -> bool:
    """Whether the program was built with PAM: it names the library. No program counts as built so."""
    server = server_of(files)
    if not server or not 0 < files.stat(server).size <= SERVER_LIMIT:
        return True
    program = files.read_bytes(server, limit=SERVER_LIMIT)
    return b"libpam.so" in program or not program.startswith(b"\x7fELF")


CHECK = Check(
    title="The SSH server asks PAM",
    severity=Level.MEDIUM,
    look=look,
    references=("CIS Debian 12 5.1.22", "NIST 800-53 IA-5"),
)
