"""Only root can change what the SSH server is told.

Whoever writes one of its files lets himself in. All files are looked at that the server reads, with those that are
included, and the folder of drop-ins.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import SetMode
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.ssh_checks import no_server, sshd_of
from imgtools.ops.ssh_plans import DROP_INS
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield files and folders of the configuration that others than root may write or own."""
    files, settings = examined.files, examined.once(sshd_of)
    if settings is None:
        yield no_server(files)
        return
    read = dict.fromkeys([files.resolve(settings.config), *(one.path for one in settings.lines), DROP_INS])
    for path in read:
        if not files.exists(path):
            continue
        stat = files.stat(path)
        loose = stat.mode & (0o022 if stat.gid else 0o002)
        if stat.uid:
            yield Flaw(
                f"{path} belongs to user {stat.uid}, who can change it",
                path,
                evidence=f"owner {stat.uid}",
                advice=f"imgtools chown root {path}, once it says what it should",
            )
        elif loose:
            yield Flaw(
                f"others than root may write {path}",
                path,
                evidence=f"mode {stat.mode:04o}",
                fix=always(SetMode(path, stat.mode & ~loose)),
            )


CHECK = Check(
    title="Only root can write the SSH server's configuration",
    severity=Level.HIGH,
    look=look,
    references=("CIS Debian 12 5.1.1", "NIST 800-53 AC-6"),
)
