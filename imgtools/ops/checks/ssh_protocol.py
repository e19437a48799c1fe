"""The SSH server does not speak protocol 1.

It can be read and changed on the way (CVE-2001-0361, CVE-1999-1085). Servers since OpenSSH 7.4 cannot speak it,
whatever their configuration says. Source: the release notes of OpenSSH 7.4; sshd_config(5) of older ones.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.ssh_checks import always_better, no_server, setting, sshd_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

WITHOUT = (7, 4)  # the first release whose server cannot speak it
_look = setting(
    "Protocol",
    lambda value, params: "the SSH server speaks protocol 1" if "1" in value.split(",") else "",
    always_better("2"),
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield what makes an old server speak protocol 1."""
    settings = examined.once(sshd_of)
    if settings is None:
        yield no_server(examined.files)
    elif settings.version is not None and settings.version >= WITHOUT:
        yield NotThere("this release of OpenSSH has no protocol 1")
    elif settings.version is not None or settings.said("Protocol") is not None:
        yield from _look(examined, params)


CHECK = Check(
    title="The SSH server speaks protocol 2 alone",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 SC-8",),
)
