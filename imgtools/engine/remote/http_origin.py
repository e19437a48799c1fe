"""A file on a web server, read piece by piece (RFC 9110: Range, If-Match, If-Unmodified-Since).

Every answer has to be of the file that was opened: the server is asked for pieces of that version only, and what it
says of version and size is compared each time. Nothing is sent on to another scheme, and no login to another host.
"""

from __future__ import annotations

import base64
import http.client
import logging
import re
import ssl
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn
from urllib.parse import quote, urljoin, urlsplit

from imgtools.engine.remote.address import parse_address
from imgtools.engine.remote.connecting import named_failure
from imgtools.engine.remote.netrc_login import Login
from imgtools.engine.remote.origin import Pool, Stretch
from imgtools.engine.remote.proxy import Proxy
from imgtools.errors import (
    BadImage,
    ImgtoolsError,
    RedirectRefused,
    RemoteChanged,
    RemoteDenied,
    RemoteFailed,
    RemoteNotFound,
    RemoteTimeout,
    RemoteUnfit,
    UsageError,
)
from imgtools.records.remote import Address, RemoteFacts, RemoteOptions

log = logging.getLogger(__name__)

RETRY_DELAYS = (0.1, 0.5, 2.0)  # seconds before another try, each time that nothing has come
MOST_REDIRECTS = 5
PIECE = 64 << 10  # bytes that have to come within the time-out
PORTS = {"http": 80, "https": 443}
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_EMPTY = re.compile(r"bytes \*/0")
OVERLOADED = frozenset({429, 500, 502, 503, 504})  # which may pass
LOCAL = re.compile(r"localhost|127\.[0-9.]+|::1")


class _Again(Exception):
    """What may go better at another try; the error is what it is called when it does not."""

    def __init__(self, error: ImgtoolsError) -> None:
        super().__init__(error.message)
        self.error = error


class _Head(NamedTuple):
    """What the head of an answer says of the file."""

    start: int
    end: int  # of the piece, exclusive
    size: int
    etag: str
    modified: str


class HttpOrigin:
    """Implements :class:`imgtools.engine.remote.origin.Origin`.

    :param login: for the host that the user has named.
    :param proxy_of: tells the proxy for a scheme and a host.
    :raises ImgtoolsError: each way in which a server cannot serve an image has its own.
    """

    def __init__(
        self,
        address: Address,
        options: RemoteOptions,
        login: Login | None = None,
        proxy_of: Callable[[str, str], Proxy | None] = lambda _scheme, _host: None,
    ) -> None:
        self._address, self._options = address, options
        self._named = (address.host, address.port)
        self._login = login
        self._proxy_of = proxy_of
        self._context = ssl.create_default_context() if address.scheme == "https" else None
        self._pool = Pool(self._connect, http.client.HTTPConnection.close)
        self.retries = 0
        head, server = self._open()
        self._head = head
        self.facts = RemoteFacts(
            self._address.shown, address.scheme, head.size, head.etag, head.modified, server
        )

    # -- the protocol of origins ---------------------------------------------------------------------------

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes; as :meth:`Origin.read`."""
        got = bytearray()
        self._try_until_done(lambda: self._read_into(got, offset, length))
        return bytes(got)

    def stretches(self, offset: int, length: int) -> Sequence[Stretch]:
        """Nothing: HTTP knows no holes."""
        return ()

    def check(self) -> None:
        """Make sure that the file is the one that was opened.

        Where every answer said which version it is of, a server that has gone meanwhile is no reason to doubt them.

        :raises RemoteChanged: it is another.
        """
        self._pool.drop()  # they may have been closed long ago
        try:
            self._compare(self._ask_again())
        except RemoteChanged:
            raise
        except ImgtoolsError as error:
            if not (self._head.etag or self._head.modified):
                raise
            log.info("%s: not looked at again: %s", self._shown, error.message)

    def _ask_again(self) -> _Head:
        found: list[_Head] = []

        def ask() -> None:
            with self._pool.one() as connection:
                answer = self._ask(connection, 0, 1, if_same=False)
                found[:] = [self._judged(answer)]
                answer.read(1)

        self._try_until_done(ask)
        return found[0]

    # -- opening -------------------------------------------------------------------------------------------

    @property
    def _shown(self) -> str:
        return self._address.shown

    def _open(self) -> tuple[_Head, str]:
        """Ask for the first byte, wherever the server sends us to."""
        opened: list[tuple[_Head, str]] = []

        def ask() -> None:
            for _ in range(MOST_REDIRECTS + 1):
                connection = self._connect()
                try:
                    answer = self._ask(connection, 0, 1, if_same=False)
                    if answer.status not in (301, 302, 303, 307, 308):
                        head = self._judged(answer)
                        answer.read(1)
                        opened.append((head, _printable(answer.getheader("Server", ""))))
                        self._pool.put(connection)
                        return
                except (OSError, http.client.HTTPException, ImgtoolsError, _Again):
                    connection.close()
                    raise
                connection.close()
                self._follow(answer.getheader("Location", ""))
            raise RedirectRefused(
                f"{self._shown}: the server sends on more than {MOST_REDIRECTS} times",
                hint="open it in a browser, and name the last address",
            )

        self._try_until_done(ask)
        return opened[0]

    def _follow(self, location: str) -> None:
        """Go to where the server sends us, if we may."""
        here = self._address
        port = f":{here.port}" if here.port else ""
        there = urljoin(f"{here.scheme}://{here.host}{port}{here.place}", quote(location, safe=_URI_LETTERS))
        if not location or urlsplit(there).scheme != here.scheme:
            where = f"{_printable(urlsplit(there).scheme)}://" if location else "nowhere"
            raise RedirectRefused(
                f"{here.shown}: the server sends on to {where}, which is not followed",
                hint="if the image is meant to be there, name that address",
            )
        try:
            self._address = parse_address(there)
        except UsageError as error:
            raise RedirectRefused(
                f"{here.shown}: the server sends on to where we do not follow: {error.message}"
            ) from None
        log.info("%s sends on to %s", here.shown, self._shown)

    # -- one request ---------------------------------------------------------------------------------------

    def _connect(self) -> http.client.HTTPConnection:
        address, timeout = self._address, self._options.timeout
        port = address.port or PORTS[address.scheme]
        proxy = self._proxy_of(address.scheme, address.host)
        host, at = (proxy.host, proxy.port) if proxy else (address.host, port)
        if self._context is None:
            return http.client.HTTPConnection(host, at, timeout=timeout)
        connection = http.client.HTTPSConnection(host, at, timeout=timeout, context=self._context)
        if proxy:
            connection.set_tunnel(address.host, port, proxy.headers)
        return connection

    def _ask(
        self, connection: http.client.HTTPConnection, offset: int, length: int, *, if_same: bool = True
    ) -> http.client.HTTPResponse:
        """Send one request and return the head of its answer.

        :raises _Again: the connection broke.
        :raises ImgtoolsError: there is none.
        """
        address = self._address
        target = address.place + (f"?{address.query}" if address.query else "")
        headers = {"Range": f"bytes={offset}-{offset + length - 1}", "User-Agent": "imgtools"}
        headers["Accept-Encoding"] = "identity"
        if if_same and self._head.etag and not self._head.etag.startswith("W/"):
            headers["If-Match"] = self._head.etag
        elif if_same and self._head.modified:
            headers["If-Unmodified-Since"] = self._head.modified
        headers |= self._authorization()
        proxy = self._proxy_of(address.scheme, address.host)
        if proxy and address.scheme == "http":
            port = f":{address.port}" if address.port else ""
            target = f"http://{address.host}{port}{target}"
            headers |= proxy.headers
        with _naming(self._shown, self._options.timeout):
            connection.request("GET", target, headers=headers)
            return connection.getresponse()

    def _authorization(self) -> dict[str, str]:
        """The login, for the host that was named alone, and only where nobody on the way can read it."""
        login, address = self._login, self._address
        if login is None or (address.host, address.port) != self._named:
            return {}
        if address.scheme == "http" and not LOCAL.fullmatch(address.host):
            raise RemoteDenied(
                f"{address.shown}: there is a login for {address.host}, and http:// would show it to everybody",
                hint="use https://, or take the login out of the file of logins",
            )
        words = login.user.encode() + b":" + login.password.reveal()
        return {"Authorization": f"Basic {base64.b64encode(words).decode()}"}

    def _judged(self, answer: http.client.HTTPResponse) -> _Head:
        """What the head of an answer says, if it is that of a piece of a file."""
        encoding = answer.getheader("Content-Encoding", "identity")
        found = _CONTENT_RANGE.fullmatch(answer.getheader("Content-Range", ""))
        if answer.status != 206 or found is None:
            self._refuse(answer)
        if encoding != "identity":
            raise RemoteUnfit(f"{self._shown}: the server packs what it sends, as {_printable(encoding)}")
        start, last, size = map(int, found.groups())
        if not start <= last < size < 1 << 63:
            raise RemoteUnfit(f"{self._shown}: the server names an impossible piece: {found[0]}")
        etag, modified = answer.getheader("ETag", ""), answer.getheader("Last-Modified", "")
        return _Head(start, last + 1, size, _printable(etag), _printable(modified))

    def _refuse(self, answer: http.client.HTTPResponse) -> NoReturn:
        """Name what an answer that is no piece means."""
        shown, status = self._shown, answer.status
        if status == 416 and _EMPTY.fullmatch(answer.getheader("Content-Range", "")):
            raise BadImage(f"not a disk image: {shown} is empty")
        match status:
            case 200 | 206 | 416:
                raise RemoteUnfit(
                    f"{shown}: the server gives the whole file only, no pieces of it",
                    hint="fetch it as a whole, with curl -O, and use the file",
                )
            case 412:
                raise self._changed("the server says so")
            case 401:
                raise self._unauthorized(answer.getheader("WWW-Authenticate", ""))
            case 403:
                raise RemoteDenied(f"{shown}: the server does not let us read it (403)", hint=_LOGIN)
            case 404 | 410:
                raise RemoteNotFound(f"{shown}: the server has no such file ({status})", hint="check the URI")
            case 407:
                raise RemoteDenied(
                    f"{shown}: the proxy wants a login (407)", hint="https_proxy may hold one: docs/remote.md"
                )
            case 408:
                raise RemoteTimeout(f"{shown}: the server waited too long for us (408)")
            case _ if status in OVERLOADED:
                raise _Again(RemoteFailed(f"{shown}: the server failed ({status})", hint="try again later"))
        raise RemoteUnfit(f"{shown}: the server answers {status}, which is no piece of a file")

    def _unauthorized(self, scheme: str) -> RemoteDenied:
        if self._login is not None and (self._address.host, self._address.port) == self._named:
            text = f"{self._shown}: the server does not accept the login of {self._login.user} (401)"
            return RemoteDenied(text, hint="check the file of logins")
        if scheme and "basic" not in scheme.lower():
            kind = _printable(scheme.split()[0])
            return RemoteDenied(
                f"{self._shown}: the server wants a login by {kind} (401), which is not known here",
                hint="fetch the image as a whole with another program",
            )
        return RemoteDenied(f"{self._shown}: the server wants a login (401)", hint=_LOGIN)

    # -- reading -------------------------------------------------------------------------------------------

    def _read_into(self, got: bytearray, offset: int, length: int) -> None:
        """Add to what has come already, until all has."""
        while len(got) < length:
            start = offset + len(got)
            with self._pool.one() as connection:
                answer = self._ask(connection, start, length - len(got))
                head = self._judged(answer)
                self._compare(head)
                if head.start != start or head.end > offset + length:
                    raise RemoteUnfit(f"{self._shown}: the server gives another piece than it was asked for")
                with _naming(self._shown, self._options.timeout):
                    self._body_into(got, answer, head.end - head.start)

    def _body_into(self, got: bytearray, answer: http.client.HTTPResponse, length: int) -> None:
        """Add the body of an answer, piece by piece: a server that trickles is as good as none."""
        while length > 0:
            deadline = time.monotonic() + self._options.timeout
            wanted = min(PIECE, length)
            while wanted > 0:
                piece = answer.read1(wanted)
                if not piece:
                    raise http.client.IncompleteRead(b"")
                got += piece
                wanted -= len(piece)
                length -= len(piece)
                if time.monotonic() > deadline:
                    raise TimeoutError
        answer.read(1)  # its end, so that the connection can be used again

    def _compare(self, head: _Head) -> None:
        """Make sure that an answer is of the version that was opened."""
        first = self._head
        if head.size != first.size:
            raise self._changed(f"it had {first.size} bytes and has {head.size}")
        if head.etag != first.etag:
            raise self._changed(f"its ETag was {first.etag or 'none'} and is {head.etag or 'none'}")
        if head.modified != first.modified:
            raise self._changed(f"it was modified {head.modified or 'at no time that is said'}")

    def _changed(self, why: str) -> RemoteChanged:
        return RemoteChanged(
            f"{self._shown} was changed while it was read: {why}",
            hint="run it again, when nobody changes the image",
        )

    def _try_until_done(self, work: Callable[[], None]) -> None:
        """Do something that may fail for a moment; the number of tries in which nothing comes is bounded."""
        delays = iter(RETRY_DELAYS)
        while True:
            try:
                work()
                return
            except _Again as again:
                delay = next(delays, None)
                if delay is None:
                    raise again.error from None
                log.info("%s; trying again", again)
                self.retries += 1
                self._pool.drop()  # what waited beside it is no better
                time.sleep(delay)


class _naming:  # noqa: N801  a block that names what fails in it
    """Turn what a connection raises into our errors."""

    def __init__(self, shown: str, timeout: float) -> None:
        self._shown, self._timeout = shown, timeout

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, _CUT) and not isinstance(error, ConnectionRefusedError):
            raise _Again(
                RemoteFailed(
                    f"{self._shown}: the connection was cut, {len(RETRY_DELAYS) + 1} times in a row",
                    hint="look at the server and the way to it; what was read is not used",
                )
            ) from None
        if isinstance(error, http.client.HTTPException):
            raise RemoteUnfit(
                f"{self._shown}: the server does not speak HTTP there", hint="check the port"
            ) from None
        if isinstance(error, OSError):
            raise named_failure(error, self._shown, self._timeout) from None


# RemoteDisconnected is a ConnectionError.
_CUT = (ConnectionError, http.client.IncompleteRead, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_URI_LETTERS = "%:/?#[]@!$&'()*+,;=~-._"
_LOGIN = "a login is read from ~/.netrc (or what NETRC names): machine HOST login USER password PASSWORD"


def _printable(text: str) -> str:
    """A server's words, on one line and not too long."""
    return "".join(letter for letter in text if letter.isprintable())[:200]
