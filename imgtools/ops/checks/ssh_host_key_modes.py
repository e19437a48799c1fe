"""Only root can read the server's private keys, and only root can change the public ones.

Whoever reads a private host key can be the server; whoever writes it makes it refuse to start. Red Hat's server lets
the group ssh_keys read them. Source: sshd(8), FILES; sshkey_perm_ok() in authfile.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import SetMode
from imgtools.guest.health.sshd_config import private_keys
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield private keys that others may read, and public ones that others may write."""
    files, keys = examined.files, private_keys(examined.files)
    if not keys:
        yield NotThere("no SSH host keys")
    for one in keys:
        stat = files.stat(one.path)
        allowed = 0o640 if stat.gid else 0o600
        if stat.mode & 0o177 & ~allowed:
            yield Flaw(
                f"others than root may read or write {one.path}",
                one.path,
                evidence=f"mode {stat.mode:04o}",
                fix=always(SetMode(one.path, stat.mode & allowed)),
            )
        public = f"{one.path}.pub"
        if files.is_file(public) and (mode := files.stat(public).mode) & 0o022:
            yield Flaw(
                f"others than root may write {public}",
                public,
                evidence=f"mode {mode:04o}",
                severity=Level.MEDIUM,
                fix=always(SetMode(public, mode & ~0o022)),
            )


CHECK = Check(
    title="Only root reads the SSH server's private keys",
    severity=Level.HIGH,
    look=look,
    references=("CIS Debian 12 5.1.2", "CIS Debian 12 5.1.3", "NIST 800-53 AC-6"),
)
