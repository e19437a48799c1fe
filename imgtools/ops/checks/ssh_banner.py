"""Who connects is told that the machine is not for everybody.

A banner before the login is what courts and many standards ask for. It is shown to all, so it must not say which
system it is; that is looked at by login-banner. Source: sshd_config(5), Banner.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.login_checks import says_system
from imgtools.ops.operation import NoParams
from imgtools.ops.ssh_checks import no_server, saying, sshd_of
from imgtools.ops.ssh_plans import may_say
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

TEXT = "/etc/issue.net"
LIMIT = 1 << 16  # bytes of it


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
    is_ready = _is_ready(examined)
    yield Flaw(
        f"the banner {path} is not there, or empty" if path else "no banner is shown before the login",
        (value.path if value else "") or settings.config,
        value.line if value else 0,
        fix=saying("Banner", TEXT) if is_ready and may_say(files, "Banner") else None,
        advice="" if is_ready else f"write {TEXT} without saying which system it is, then: Banner {TEXT}",
    )


def _is_ready(examined: Examined) -> bool:
    """Whether there is a text that does not say which system it is."""
    if not examined.files.is_file(TEXT) or not 0 < examined.files.stat(TEXT).size <= LIMIT:
        return False
    lines = examined.files.read_text(TEXT, limit=LIMIT).split("\n")
    return not any(says_system(line, examined.system.os) for line in lines)


CHECK = Check(
    title="The SSH server shows a banner before the login",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 5.1.5", "NIST 800-53 AC-8"),
)
