"""The SSH server's host keys: those that it looks for, their modes, and what makes new ones.

Source: sshkey_perm_ok() in authfile.c of OpenSSH; Fedora's server also takes 0640 with the group ssh_keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sshd import config_of, sshd_lines

KEYS = "/etc/ssh/ssh_host_*_key"
DEFAULT_KEYS = ("/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key")
# What makes the keys at boot where there are none.
MAKERS = (
    "/usr/lib/systemd/system/sshd-keygen@.service",
    "/usr/lib/systemd/system/sshd-keygen.service",
    "/usr/lib/systemd/system/sshd-keygen.target",
    "/usr/lib/systemd/system/sshdgenkeys.service",
    "/etc/systemd/system/imgtools-ssh-hostkeys.service",  # of our own repair
    "/usr/sbin/sshd-gen-keys-start",
    "/usr/sbin/sshd-keygen",
    "/etc/runlevels/default/sshd",
    "/etc/init.d/sshd",
)


class HostKey(NamedTuple):
    """One private key. ``is_open``: others may read it, and the server refuses it for that."""

    path: str
    size: int
    mode: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The server's keys: those it looks for, those it takes, and those it refuses with the reason."""

    wanted: tuple[str, ...]
    good: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    made_at_boot: bool = False

    @property
    def has_loose_modes(self) -> bool:
        """Whether a key is refused because others may read it."""
        return any(text.startswith("mode") for _path, text in self.refused)


def private_keys(files: GuestReader) -> tuple[HostKey, ...]:
    """Return the private keys that are there: those the server looks for, and those that are called like one."""
    return tuple(_there(files, dict.fromkeys((*_named_keys(files), *files.glob(KEYS)))))


def _there(files: GuestReader, paths: Iterable[str]) -> Iterator[HostKey]:
    for path in paths:
        if files.is_file(path):
            stat = files.stat(path)
            # Red Hat's server lets the group ssh_keys read them.
            loose = stat.mode & 0o077 & ~(0o040 if stat.gid else 0)
            yield HostKey(path, stat.size, stat.mode, bool(loose) and stat.uid == 0)


def host_keys(files: GuestReader, *, cloud_init: bool) -> HostKeys:
    """Look at the host keys.

    :param cloud_init: whether cloud-init may make them at the first boot.
    """
    wanted = tuple(_named_keys(files)) or DEFAULT_KEYS
    good, refused = [], []
    for key in _there(files, wanted):
        if key.is_open:
            refused.append((key.path, f"mode {key.mode:04o}: others may read it"))
        elif not key.size:
            refused.append((key.path, "it is empty"))
        else:
            good.append(key.path)
    made = cloud_init or any(files.exists(path) for path in MAKERS)
    return HostKeys(wanted, tuple(good), tuple(refused), made)


def _named_keys(files: GuestReader) -> Iterator[str]:
    config = config_of(files)
    for line in sshd_lines(files, config) if config else ():
        words = line.value.split()
        if line.name == "hostkey" and words and words[0].startswith("/"):
            yield words[0]
