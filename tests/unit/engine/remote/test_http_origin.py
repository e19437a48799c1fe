"""Files on web servers: pieces of one version, or an error of its own for each way in which there is none."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from imgtools.engine.remote import http_origin
from imgtools.engine.remote.address import parse_address
from imgtools.engine.remote.http_origin import HttpOrigin
from imgtools.engine.remote.netrc_login import Login
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
    RemoteUnreachable,
)
from imgtools.records.remote import RemoteOptions
from imgtools.records.request import Secret
from tests.support.web_server import Web, web_server

CONTENT = random.Random(1).randbytes(1_000_003)
JOE = Login("joe", Secret(b"topsecret"))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_origin, "RETRY_DELAYS", (0.0, 0.0))


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server(CONTENT) as served:
        yield served


def opened(
    web: Web, path: str = "/disk.img", login: Login | None = None, timeout: float = 60.0
) -> HttpOrigin:
    address = parse_address(f"http://127.0.0.1:{web.port}{path}")
    return HttpOrigin(address, RemoteOptions(timeout), login)


def test_pieces_are_those_of_the_file(web: Web) -> None:
    origin = opened(web)
    assert origin.facts.size == len(CONTENT)
    assert (origin.facts.etag, origin.facts.modified) == ('"one"', "Mon, 02 Nov 2026 10:00:00 GMT")
    for offset, length in ((0, 1), (5, 300_000), (len(CONTENT) - 1, 1), (0, len(CONTENT))):
        assert origin.read(offset, length) == CONTENT[offset : offset + length]
    origin.check()
    assert origin.retries == 0


def test_no_more_is_fetched_than_is_asked_for(web: Web) -> None:
    origin = opened(web)
    origin.read(1000, 2000)
    assert web.sent == 1 + 2000


def test_pieces_of_that_version_are_asked_for(web: Web) -> None:
    opened(web).read(0, 10)
    assert web.asked[-1][1]["If-Match"] == '"one"'
    web.etag = 'W/"weak"'  # which matches nothing (RFC 9110, 13.1.1)
    opened(web).read(0, 10)
    assert "If-Match" not in web.asked[-1][1]
    assert web.asked[-1][1]["If-Unmodified-Since"] == web.modified


@pytest.mark.parametrize("judges", [True, False])
@pytest.mark.parametrize("what", ["etag", "modified", "size"])
def test_a_file_that_changes_is_noticed(web: Web, what: str, judges: bool) -> None:
    web.judges_conditions = judges
    origin = opened(web)
    origin.read(0, 10)
    match what:
        case "etag":
            web.etag = '"two"'
        case "modified":
            web.modified = "Mon, 02 Nov 2026 11:00:00 GMT"
        case _:
            web.content = CONTENT[:-1]
    with pytest.raises(RemoteChanged, match="was changed while it was read"):
        origin.read(100, 10)
    with pytest.raises(RemoteChanged):
        origin.check()


def test_a_change_after_the_last_read_is_noticed_without_a_version(web: Web) -> None:
    web.etag = web.modified = ""
    origin = opened(web)
    origin.read(0, 10)
    web.content = CONTENT + b"x"
    with pytest.raises(RemoteChanged, match="bytes and has"):
        origin.check()


def test_a_server_that_has_gone_at_the_end_matters_only_without_a_version() -> None:
    with web_server(CONTENT) as web:
        sure = opened(web)
        web.etag = web.modified = ""
        unsure = opened(web)
    sure.check()
    with pytest.raises(RemoteUnreachable):
        unsure.check()


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (404, RemoteNotFound, "no such file"),
        (410, RemoteNotFound, "no such file"),
        (403, RemoteDenied, "does not let us read"),
        (407, RemoteDenied, "proxy wants a login"),
        (408, RemoteTimeout, "408"),
        (503, RemoteFailed, "server failed"),
        (204, RemoteUnfit, "204"),
        (418, RemoteUnfit, "418"),
    ],
)
def test_each_status_has_its_error(web: Web, status: int, kind: type[ImgtoolsError], says: str) -> None:
    web.status["/disk.img"] = status
    with pytest.raises(kind, match=says) as caught:
        opened(web)
    assert type(caught.value) is kind
    assert "\n" not in caught.value.message


def test_a_server_that_recovers_is_asked_again(web: Web) -> None:
    web.status["/disk.img"] = 503
    asked_before: list[int] = []

    def recover(delay: float) -> None:
        asked_before.append(len(web.asked))
        web.status.clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_origin.time, "sleep", recover)
        origin = opened(web)
    assert asked_before == [1]
    assert origin.retries == 1
    assert origin.read(3, 4) == CONTENT[3:7]


def test_a_server_without_ranges_is_named(web: Web) -> None:
    web.ranges = False
    with pytest.raises(RemoteUnfit, match="no pieces of it") as caught:
        opened(web)
    assert "curl -O" in caught.value.hint


def test_an_empty_file_is_no_image(web: Web) -> None:
    web.content = b""
    with pytest.raises(BadImage, match="is empty"):
        opened(web)


def test_packed_content_is_refused(web: Web) -> None:
    web.headers["Content-Encoding"] = "gzip"
    with pytest.raises(RemoteUnfit, match="packs what it sends, as gzip"):
        opened(web)


@pytest.mark.parametrize(
    "value", ["bytes 0-0/*", "bytes 5-1/10", "bytes 0-0/0", "bytes 0-0/99999999999999999999", "x"]
)
def test_an_impossible_piece_is_refused(web: Web, value: str) -> None:
    web.headers["Content-Range"] = value
    with pytest.raises(RemoteUnfit):
        opened(web)


def test_another_piece_than_was_asked_for_is_refused(web: Web) -> None:
    origin = opened(web)
    web.headers["Content-Range"] = f"bytes 7-16/{len(CONTENT)}"
    with pytest.raises(RemoteUnfit, match="another piece"):
        origin.read(0, 10)


# -- redirects ----------------------------------------------------------------------------------------------


def test_a_redirect_is_followed_once_and_remembered(web: Web) -> None:
    web.redirects["/latest.img"] = f"http://localhost:{web.port}/disk.img?token=topsecret"
    origin = opened(web, "/latest.img")
    assert origin.read(0, 10) == CONTENT[:10]
    assert [path for path, _ in web.asked] == ["/latest.img"] + ["/disk.img?token=topsecret"] * 2
    assert origin.facts.uri == f"http://localhost:{web.port}/disk.img?..."


def test_a_relative_redirect_is_followed(web: Web) -> None:
    web.redirects["/a/latest.img"] = "../disk.img"
    assert opened(web, "/a/latest.img").read(1, 2) == CONTENT[1:3]


@pytest.mark.parametrize("there", ["https://127.0.0.1/x", "file:///etc/passwd", "ftp://h/x", "nbd://h/x", ""])
def test_another_scheme_is_not_followed(web: Web, there: str) -> None:
    web.redirects["/disk.img"] = there
    with pytest.raises(RedirectRefused, match="not followed"):
        opened(web)


@pytest.mark.parametrize("there", ["http://joe:topsecret@127.0.0.1/x", "http://-x/y", "http://h:99999/"])
def test_an_address_that_is_none_is_not_followed(web: Web, there: str) -> None:
    web.redirects["/disk.img"] = there
    with pytest.raises(RedirectRefused) as caught:
        opened(web)
    assert "topsecret" not in caught.value.message


def test_a_circle_of_redirects_ends(web: Web) -> None:
    web.redirects["/disk.img"] = "/disk.img"
    with pytest.raises(RedirectRefused, match="more than 5 times"):
        opened(web)
    assert len(web.asked) == 6


# -- logins -------------------------------------------------------------------------------------------------


def test_a_login_opens_it(web: Web) -> None:
    web.login = "joe:topsecret"
    assert opened(web, login=JOE).read(0, 5) == CONTENT[:5]


def test_no_login_and_a_wrong_one_are_told_apart(web: Web) -> None:
    web.login = "joe:other"
    with pytest.raises(RemoteDenied, match="wants a login") as none:
        opened(web)
    assert "netrc" in none.value.hint
    with pytest.raises(RemoteDenied, match="does not accept the login of joe") as wrong:
        opened(web, login=JOE)
    assert "topsecret" not in wrong.value.message


def test_a_login_of_another_kind_is_named(web: Web) -> None:
    web.login, web.login_scheme = "joe:x", "Negotiate"
    with pytest.raises(RemoteDenied, match="by Negotiate"):
        opened(web)


def test_a_login_goes_to_no_other_host(web: Web) -> None:
    web.redirects["/disk.img"] = f"http://localhost:{web.port}/other.img"
    opened(web, login=JOE)
    assert "Authorization" in web.asked[0][1]
    assert "Authorization" not in web.asked[1][1]


def test_a_login_is_not_sent_in_the_clear() -> None:
    address = parse_address("http://images.example/disk.img")
    with pytest.raises(RemoteDenied, match="would show it to everybody"):
        HttpOrigin(address, RemoteOptions(), JOE)


# -- broken connections -------------------------------------------------------------------------------------


def test_what_was_cut_goes_on_where_it_was_cut(web: Web) -> None:
    origin = opened(web)
    web.sent = 0
    web.cut_after, web.cuts = 1000, 2
    assert origin.read(0, 500_000) == CONTENT[:500_000]
    assert web.sent == 500_000
    assert origin.retries == 2


def test_cuts_without_end_are_an_error(web: Web) -> None:
    origin = opened(web)
    web.cut_after, web.cuts = 0, -1
    with pytest.raises(RemoteFailed, match="connection was cut"):
        origin.read(0, 500_000)


def test_a_silent_server_is_a_time_out(web: Web) -> None:
    web.is_silent = True
    with pytest.raises(RemoteTimeout, match=r"did not answer within 0\.2 s") as caught:
        opened(web, timeout=0.2)
    assert "--remote-timeout" in caught.value.hint


def test_a_server_that_trickles_is_a_time_out(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = opened(web, timeout=5)
    clock = iter(range(0, 10_000, 6))  # each look at the clock is 6 seconds later
    monkeypatch.setattr(http_origin.time, "monotonic", lambda: float(next(clock)))
    with pytest.raises(RemoteTimeout):
        origin.read(0, 300_000)


@contextmanager
def _answering(words: bytes) -> Iterator[int]:
    """A server that answers everything with some words."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            try:
                while True:
                    talk, _ = listener.accept()
                    with talk:
                        talk.recv(1000)
                        talk.sendall(words)
            except OSError:
                return

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    "words",
    [
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"NBDMAGICIHAVEOPT\0\3",
        b"HTTP/1.1 206 x\r\n" + b"a: b\r\n" * 1000,
        b"HTTP/1.1 206 x\r\na: " + b"b" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 99999 x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_named(words: bytes) -> None:
    with _answering(words) as port, pytest.raises(RemoteUnfit, match="does not speak HTTP"):
        HttpOrigin(parse_address(f"http://127.0.0.1:{port}/"), RemoteOptions(60.0))


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(RemoteUnreachable, match="connection refused"):
            HttpOrigin(parse_address(f"http://127.0.0.1:{bound.getsockname()[1]}/"), RemoteOptions(60.0))


def test_a_proxy_is_asked_for_the_whole_address(web: Web) -> None:
    proxy = Proxy("127.0.0.1", web.port, {"Proxy-Authorization": "Basic eA=="})
    address = parse_address("http://images.example/disk.img?a=b")
    origin = HttpOrigin(address, RemoteOptions(60.0), proxy_of=lambda _scheme, _host: proxy)
    assert origin.read(0, 9) == CONTENT[:9]
    assert web.asked[-1][0] == "http://images.example/disk.img?a=b"
    assert web.asked[-1][1]["Proxy-Authorization"] == "Basic eA=="


def test_many_threads_read_at_once(web: Web) -> None:
    origin = opened(web)
    wrong: list[int] = []

    def read(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(20):
            start = draw.randrange(len(CONTENT) - 1000)
            if origin.read(start, 1000) != CONTENT[start : start + 1000]:
                wrong.append(start)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
