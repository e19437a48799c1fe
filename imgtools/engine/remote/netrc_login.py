"""Logins for servers, from the file that curl, git and ftp know: netrc (ftp(1), curl's docs/netrc)."""

from __future__ import annotations

import netrc
import os
import stat
from pathlib import Path
from typing import NamedTuple

from imgtools.errors import HostError
from imgtools.records.request import Secret

LARGEST = 1 << 20  # bytes


class Login(NamedTuple):
    """Who we are on a server."""

    user: str
    password: Secret


def netrc_path() -> Path:
    """Where logins are: what ``NETRC`` names, or ~/.netrc."""
    return Path(os.environ.get("NETRC") or "~/.netrc").expanduser()


def find_login(host: str, user: str = "") -> Login | None:
    """Return the login for a host; None if the file has none, or is not there. ``default`` of it is for no server.

    :param user: who it has to be for; empty: anybody.
    :raises HostError: the file cannot be read or understood, or others may read it.
    """
    path = netrc_path()
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode) or os.fstat(stream.fileno()).st_size > LARGEST:
                raise HostError(f"{path} is no file of logins")
        found = netrc.netrc(os.fspath(path)).hosts.get(host)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", hint="NETRC names another file of logins") from None
    except (netrc.NetrcParseError, UnicodeDecodeError) as error:
        # Its words may hold a password.
        line = getattr(error, "lineno", None)
        raise HostError(f"{path} is not understood{f', line {line}' if line else ''}") from None
    if found is None or (user and found[0] != user):
        return None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise HostError(f"others may read the passwords in {path}", hint=f"chmod 600 {path}")
    name, _, password = found
    return Login(name or user, Secret((password or "").encode()))
