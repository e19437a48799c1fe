"""What goes wrong on the way to a server, by its name."""

from __future__ import annotations

import errno
import socket
import ssl

from imgtools.errors import (
    HostError,
    ImgtoolsError,
    RemoteDenied,
    RemoteFailed,
    RemoteTimeout,
    RemoteUnfit,
    RemoteUnreachable,
    RemoteUntrusted,
)

TRUST_HINT = (
    "SSL_CERT_FILE names a file with the certificate of the authority to trust, for this command alone"
)
_NO_WAY = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
)


def timed_out(shown: str, timeout: float) -> RemoteTimeout:
    """The error for a server that does not answer."""
    return RemoteTimeout(
        f"{shown}: the server did not answer within {timeout:g} s",
        hint="--remote-timeout SECONDS gives it longer",
    )


def refused(shown: str) -> RemoteUnreachable:
    """The error for a port where nobody listens."""
    return RemoteUnreachable(
        f"{shown}: connection refused", hint="no server listens there; check host and port, and start it"
    )


def named_failure(error: OSError, shown: str, timeout: float) -> ImgtoolsError:
    """Return our error for one of the operating system's or of TLS."""
    match error:
        case ssl.SSLCertVerificationError():
            return RemoteUntrusted(
                f"{shown}: the server's certificate is not trusted: {error.verify_message}", hint=TRUST_HINT
            )
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "HTTP_REQUEST" | "RECORD_LAYER_FAILURE"):
            return RemoteUnfit(f"{shown}: the server does not speak TLS there", hint="check scheme and port")
        case ssl.SSLError():
            return RemoteFailed(f"{shown}: TLS fails: {error.reason or 'the server ended it'}")
        case socket.gaierror():
            return RemoteUnreachable(
                f"{shown}: there is no host of that name: {error.strerror}", hint="check the name, and DNS"
            )
        case TimeoutError():
            return timed_out(shown, timeout)
        case ConnectionRefusedError():
            return refused(shown)
        case OSError(errno=number) if number in _NO_WAY:
            return RemoteUnreachable(f"{shown}: {error.strerror}", hint="check the network of this host")
        case OSError(errno=errno.EACCES | errno.EPERM):
            return HostError(f"{shown}: this host does not let us connect: {error.strerror}")
    if (words := str(error)).startswith(
        "Tunnel connection failed: "
    ):  # http.client's, with the proxy's own behind
        code = words.removeprefix("Tunnel connection failed: ")[:3]
        kind = RemoteDenied if code in ("401", "403", "407") else RemoteUnreachable
        return kind(
            f"{shown}: the proxy does not connect us ({code})", hint="see docs/remote.md about proxies"
        )
    return RemoteFailed(f"{shown}: {error.strerror or 'the connection failed'}")
