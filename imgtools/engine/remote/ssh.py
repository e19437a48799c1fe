"""A file on a host that one logs in to with SSH: nbdkit's ssh plugin reads it by SFTP (nbdkit-ssh-plugin(1)).

What OpenSSH knows of the host is asked of OpenSSH (``ssh -G``): its real name, user, port, keys, and where host keys
are kept. nbdkit is told all of it, and reads no settings by itself. Keys are the agent's, or files without a
passphrase; passwords are never asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from imgtools.engine.listening_server import listening_server
from imgtools.engine.process import HOST, Fence, Kind, Limits, ToolFailed, require, run
from imgtools.engine.remote.between import NETWORK_SETTINGS, Between, Meaning, Words
from imgtools.errors import (
    RemoteDenied,
    RemoteFailed,
    RemoteNotFound,
    RemoteTimeout,
    RemoteUnfit,
    RemoteUnreachable,
    RemoteUntrusted,
    UsageError,
)
from imgtools.records.remote import Address, RemoteOptions

CONFIG = "IMGTOOLS_SSH_CONFIG"  # another file than ~/.ssh/config, as ssh -F has it
NONE = ("", "none")


class _Host(NamedTuple):
    """What OpenSSH makes of a host (ssh_config(5)), as far as it is used."""

    name: str
    port: int
    user: str
    known_hosts: tuple[Path, ...]
    identities: tuple[Path, ...]


@contextmanager
def started(address: Address, options: RemoteOptions) -> Iterator[Between]:
    """Start nbdkit for a file on a host.

    :raises ToolMissing: nbdkit or OpenSSH's client is not installed.
    :raises RemoteUnfit: the host is reached through another program.
    """
    host = _host(address, options)
    argv = [require("nbdkit"), "--readonly", "--log=stderr", "ssh", f"host={host.name}", f"port={host.port}"]
    argv += [
        f"user={host.user}",
        f"path={address.place}",
        "config=/dev/null",
        f"timeout={max(1, round(options.timeout))}",
    ]
    known = next((file for file in host.known_hosts if file.is_file()), None)
    if known is None:
        raise RemoteUntrusted(
            f"{address.shown}: the key of the host is not known",
            hint=_FIND_OUT,
        )
    argv += [f"known-hosts={known}", *(f"identity={file}" for file in host.identities)]
    keys = (
        *host.identities,
        *(Path(f"{file}{end}") for file in host.identities for end in (".pub", "-cert.pub")),
    )
    fence = Fence(Kind.VISITOR, (*map(Path, NETWORK_SETTINGS), known, *keys))
    with listening_server(argv, fence) as server:
        yield Between(server.socket, Words(server, address, _MEANINGS, _complaints).named)


def _host(address: Address, options: RemoteOptions) -> _Host:
    """Ask OpenSSH what it makes of a host."""
    argv = ["ssh", "-G", *(["-F", file] if (file := os.environ.get(CONFIG, "")) else [])]
    argv += ["-p", str(address.port)] if address.port else []
    argv += ["-l", address.user] if address.user else []
    try:
        text = run([*argv, "--", address.host], HOST, limits=Limits(seconds=options.timeout)).text
    except ToolFailed as error:
        raise UsageError(
            f"{address.shown}: ssh does not understand its settings: {error.done.complaint}",
            hint="ssh -G HOST shows them",
        ) from None
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    _refuse_ways_round(address, found)
    files = [name for value in found.get("userknownhostsfile", ()) for name in value.split()]
    return _Host(
        _one(found, "hostname") or address.host,
        int(_one(found, "port") or 22),
        _one(found, "user"),
        tuple(Path(name).expanduser() for name in files),
        tuple(path for name in found.get("identityfile", ()) if (path := Path(name).expanduser()).is_file()),
    )


def _one(found: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(found.get(name, ())), "")


def _refuse_ways_round(address: Address, found: Mapping[str, Sequence[str]]) -> None:
    """A host behind another one is reached by a program that ssh starts, which nothing here may."""
    for name, shown in (("proxyjump", "ProxyJump"), ("proxycommand", "ProxyCommand")):
        if _one(found, name) not in NONE:
            raise RemoteUnfit(
                f"{address.shown}: its settings say {shown}, which starts another program",
                hint="forward a port with ssh -L, and name that: ssh://localhost:PORT/PATH",
            )
    if _one(found, "hostkeyalias") not in NONE:
        raise RemoteUnfit(
            f"{address.shown}: its settings say HostKeyAlias, which is not known here",
            hint="put the host's key into known_hosts by its own name too",
        )


_FIND_OUT = "log in once with ssh, and compare its fingerprint; that makes it known"
# What nbdkit and libssh say: nbdkit's plugins/ssh/ssh.c, libssh's connect.c, socket.c and auth.c.
_MEANINGS = (
    Meaning(("Connection refused",), RemoteUnreachable, "connection refused", "no SSH server listens there"),
    Meaning(
        ("Failed to resolve", "Name or service", "name resolution"),
        RemoteUnreachable,
        "there is no host of that name",
        "check the name, and DNS",
    ),
    Meaning(
        ("No route", "unreachable"),
        RemoteUnreachable,
        "there is no way to it",
        "check the network of this host",
    ),
    Meaning(
        ("Timeout connecting", "timed out"),
        RemoteTimeout,
        "the server did not answer in time",
        "--remote-timeout SECONDS gives it longer",
    ),
    Meaning(
        ("host key for server changed",),
        RemoteUntrusted,
        "the key of the host is not the one that is known",
        "somebody may stand between; if the host was set up anew, forget the old key: ssh-keygen -R HOST",
    ),
    Meaning(
        ("another type of key exists", "host key is unknown", "could not find known_hosts"),
        RemoteUntrusted,
        "the key of the host is not known",
        _FIND_OUT,
    ),
    Meaning(
        ("authentication",),
        RemoteDenied,
        "the server accepts none of the keys",
        "ssh-add puts a key into the agent; key files have to be without a passphrase",
    ),
    Meaning(
        ("sftp session",),
        RemoteUnfit,
        "the host gives no files by SFTP",
        "its sshd_config needs Subsystem sftp",
    ),
    Meaning(
        ("No such file",), RemoteNotFound, "the host has no such file", "check the path, which counts from /"
    ),
    Meaning(
        ("ermission denied",),
        RemoteDenied,
        "the user may not read the file",
        "log in as another one: ssh://USER@HOST/PATH",
    ),
    Meaning(
        ("read failed",),
        RemoteFailed,
        "the host cannot read it, or has cut the connection",
        "check that it is a file; what was read is not used",
    ),
)


def _complaints(said: str) -> list[str]:
    """What nbdkit calls errors: ``nbdkit: ssh[1]: error: ...``."""
    return [line.partition("error: ")[2] for line in said.splitlines() if "error: " in line]
