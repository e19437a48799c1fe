"""The way through a proxy, as the environment says it: http_proxy, https_proxy, no_proxy (curl's manual, PROXY)."""

from __future__ import annotations

import base64
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from imgtools.errors import UsageError


class Proxy(NamedTuple):
    """Where a proxy is, and what is told to it alone."""

    host: str
    port: int
    headers: dict[str, str]

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


def find_proxy(scheme: str, host: str) -> Proxy | None:
    """Return the proxy for a host; None: there is none.

    :raises UsageError: it is of a kind that is not known here (SOCKS), or no address.
    """
    found = getproxies_environment().get(scheme, "")
    if not found or proxy_bypass(host):
        return None
    split = urlsplit(found if "://" in found else f"http://{found}")
    try:
        port = split.port or 80
    except ValueError:
        port = 0
    if split.scheme != "http" or not split.hostname or not port:
        raise UsageError(
            f"{scheme}_proxy names no HTTP proxy",
            hint=f"http://HOST:PORT; or no_proxy={host} goes there straight",
        )
    headers = {}
    if split.username is not None:
        words = f"{unquote(split.username)}:{unquote(split.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(words.encode()).decode()}"
    return Proxy(split.hostname, port, headers)
