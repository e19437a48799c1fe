"""Images on other machines: where one is, how it is asked for, and what its server says of it."""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.errors import UsageError


@dataclass(frozen=True, slots=True)
class Address:
    """Where a remote image is. It holds no password; ``query`` may be a secret all the same, and is never shown.

    :param place: what names the image on its server: path, export, target and LUN, pool and image.
    :param port: 0: the scheme's own.
    :param options: what else the URI says, such as the socket of ``nbd+unix``.
    """

    scheme: str
    host: str
    place: str
    port: int = 0
    user: str = ""
    query: str = ""
    options: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> str:
        """The URI as people and logs may see it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.scheme == "rbd":
            return f"rbd:{self.place}"
        at = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        slash = "" if self.place.startswith("/") else "/"
        socket = "".join(f"?socket={value}" for name, value in self.options if name == "socket")
        return f"{self.scheme}://{at}{host}{port}{slash}{self.place}{socket}{'?...' if self.query else ''}"

    def option(self, name: str) -> str:
        """One of the options; empty if it is not there."""
        return dict(self.options).get(name, "")


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """How a server elsewhere is asked.

    :param timeout: seconds without an answer, or without the next piece of one.
    :param cache: bytes of the image that are kept in a private file at most, so that they are fetched once.
    """

    timeout: float = 30.0
    cache: int = 1 << 30


def remote_options(allowed: bool, timeout: float | None = None) -> RemoteOptions | None:
    """Return how the network is used; None: it is not.

    :raises UsageError: something is said about it, and it is not allowed.
    """
    if not allowed:
        if timeout is not None:
            raise UsageError("a time-out is that of a remote image", hint="--remote allows them")
        return None
    return RemoteOptions() if timeout is None else RemoteOptions(timeout)


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """What a server says of an image: nothing that is secret.

    :param uri: as it may be shown; after a redirect the last one.
    :param size: bytes.
    :param etag: of HTTP, in its quotation marks; empty: there is none.
    :param modified: of HTTP's Last-Modified, as it was written; empty: it is not said.
    :param server: what the server calls itself, where it does.
    """

    uri: str
    scheme: str
    size: int
    etag: str = ""
    modified: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was fetched: bytes of the image, in how many requests, and how often it took another try."""

    fetched: int = 0
    requests: int = 0
    retries: int = 0
