"""A web server on the loopback which serves one image in the ways in which servers do, and counts what it sends."""

from __future__ import annotations

import base64
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PIECE = 256 << 10


class Web:
    """What the server does, for a test to change while it runs, and what it has done.

    :param content: the image's bytes, or where they are.
    """

    def __init__(self, content: bytes | Path) -> None:
        self.content = content
        self.etag = '"one"'
        self.modified = "Mon, 02 Nov 2026 10:00:00 GMT"
        self.ranges = True
        self.judges_conditions = True  # 412 for another version; some servers ignore what they are asked
        self.status: dict[str, int] = {}  # by path
        self.redirects: dict[str, str] = {}
        self.login = ""  # user:password
        self.login_scheme = "Basic"
        self.cut_after = -1  # bytes of a body, then the connection is closed
        self.cuts = 0  # how often yet; less than nothing: each time
        self.silent = threading.Event()
        self.is_silent = False
        self.headers: dict[str, str] = {}
        self.after: tuple[int, Callable[[], None]] | None = None  # so many requests, something happens
        self.sent = 0
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.port = 0

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def piece(self, start: int, length: int) -> bytes:
        if isinstance(self.content, bytes):
            return self.content[start : start + length]
        with self.content.open("rb") as stream:
            stream.seek(start)
            return stream.read(length)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    web: Web

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        web = self.web
        web.asked.append((self.path, dict(self.headers)))
        if web.after is not None and len(web.asked) > web.after[0]:
            web.after[1]()
        if web.is_silent:
            web.silent.wait(60)
            return
        path = self.path.partition("?")[0]
        if (there := web.redirects.get(path)) is not None:
            self._say(302, Location=there)
        elif (status := web.status.get(path)) is not None:
            self._say(status)
        elif web.login and not self._is_logged_in():
            self._say(401, WWW_Authenticate=f'{web.login_scheme} realm="images"')
        elif web.judges_conditions and not self._is_version():
            self._say(412)
        else:
            self._give()

    def _is_logged_in(self) -> bool:
        return (
            self.headers.get("Authorization") == f"Basic {base64.b64encode(self.web.login.encode()).decode()}"
        )

    def _is_version(self) -> bool:
        wanted = self.headers.get("If-Match"), self.headers.get("If-Unmodified-Since")
        return wanted in ((None, None), (self.web.etag, None), (None, self.web.modified))

    def _say(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _give(self) -> None:
        web = self.web
        size = web.size
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if web.ranges and found and int(found[1]) >= size:
            self._say(416, Content_Range=f"bytes */{size}")
            return
        is_piece = web.ranges and found is not None
        start, stop = (int(found[1]), min(int(found[2]) + 1, size)) if is_piece and found else (0, size)
        self.send_response(206 if is_piece else 200)
        named = {"Content-Range": f"bytes {start}-{stop - 1}/{size}"} if is_piece else {}
        named |= {"ETag": web.etag} if web.etag else {}
        named |= {"Last-Modified": web.modified} if web.modified else {}
        for name, value in ({"Content-Length": str(stop - start)} | named | web.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self._send_body(start, stop)

    def _send_body(self, start: int, stop: int) -> None:
        web, sent = self.web, 0
        cut = web.cut_after if web.cut_after >= 0 and web.cuts and stop - start > web.cut_after else -1
        if cut >= 0:
            web.cuts -= 1
            stop = start + cut
            self.close_connection = True
        try:
            while start + sent < stop:
                piece = web.piece(start + sent, min(PIECE, stop - start - sent))
                sent += len(piece)
                web.sent += len(piece)  # before, or the client is faster
                self.wfile.write(piece)
        except OSError:  # the client did not want it
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that leave in the middle are what is tested."""


@contextmanager
def web_server(content: bytes | Path, certificate: Path | None = None) -> Iterator[Web]:
    """Serve on a free port of the loopback; over TLS with a certificate and its key in one file."""
    web = Web(content)
    handler = type("Handler", (_Handler,), {"web": web})
    server = _Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.silent.set()
        server.shutdown()
        server.server_close()
        thread.join()
