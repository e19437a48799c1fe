"""Who connects is told that the machine is not for everybody.

A banner before the login is what courts and many standards ask for. It is shown to all, so it must not say which
system it is; that is looked at by login-banner. Source: sshd_config(5), Banner.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.ssh_checks import no_server, saying, sshd_of
from imgtools.ops.ssh_plans import may_say
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

TEXT = "/etc/issue.net"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield that there is no banner, or that its file is not there."""
    files, settings = examined.files, examined.once(sshd_of)
    if settings is None:
        yield no_server(files)
        return
    value = settings.value("Banner")
    path = "" if value is None or value.value.lower() == "none" else value.value
    if path and files.is_file(path) and files.stat(path).size:
        return
    yield Flaw(
        f"the banner {path} is not there, or empty" if path else "no banner is shown before the login",
        (value.path if value else "") or settings.config,
        value.line if value else 0,
        fix=saying("Banner", TEXT) if _is_there(files) and may_say(files, "Banner") else None,
        advice="" if _is_there(files) else f"write {TEXT}, then: Banner {TEXT}",
    )


def _is_there(files: GuestReader) -> bool:
    return files.is_file(TEXT) and files.stat(TEXT).size > 0


CHECK = Check(
    title="The SSH server shows a banner before the login",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 5.1.5", "NIST 800-53 AC-8"),
)
