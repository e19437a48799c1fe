"""URIs are taken apart as RFC 3986 says; what is not read, not whole, or secret is refused without showing it."""

from __future__ import annotations

import pytest

from imgtools.engine.remote.address import is_uri, parse_address
from imgtools.errors import UsageError
from imgtools.records.remote import Address


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("http://host/a/b.img", Address("http", "host", "/a/b.img")),
        ("https://HOST:8443", Address("https", "host", "/", 8443)),
        ("https://host/i?X-Signature=abc", Address("https", "host", "/i", query="X-Signature=abc")),
        ("http://[::1]:80/a%20b", Address("http", "::1", "/a%20b", 80)),
        ("nbd://host", Address("nbd", "host", "")),
        ("nbd://host:1/an%20export/x", Address("nbd", "host", "an export/x", 1)),
        (
            "nbds://host/?tls-certificates=/etc/pki/x",
            Address("nbds", "host", "", options=(("tls-certificates", "/etc/pki/x"),)),
        ),
        (
            "nbd+unix:///e?socket=/run/s%2Fx",
            Address("nbd+unix", "", "e", options=(("socket", "/run/s/x"),)),
        ),
        ("ssh://joe@host:2222/srv/a%23b", Address("ssh", "host", "/srv/a#b", 2222, "joe")),
        ("sftp://host/x", Address("ssh", "host", "/x")),
        ("iscsi://host/iqn.2001-04.com.x:disk/07", Address("iscsi", "host", "iqn.2001-04.com.x:disk/7")),
        ("iscsi://joe@host/iqn.2001-04.x:d/0", Address("iscsi", "host", "iqn.2001-04.x:d/0", 0, "joe")),
        ("rbd:pool/image", Address("rbd", "", "pool/image")),
        ("rbd://pool/space/image@snap", Address("rbd", "", "pool/space/image@snap")),
        (
            "rbd:p/i:id=admin:conf=/x",
            Address("rbd", "", "p/i", user="admin", options=(("id", "admin"), ("conf", "/x"))),
        ),
    ],
)
def test_a_uri_says_where_an_image_is(uri: str, address: Address) -> None:
    assert is_uri(uri)
    assert parse_address(uri) == address


@pytest.mark.parametrize("word", ["disk.img", "./http:x", "/a/nbd://x", "nbd:x", "json:{}", "a:b", "-x", ""])
def test_what_is_no_uri_is_a_file(word: str) -> None:
    assert not is_uri(word)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("ftp://host/x", "not read from ftp://"),
        ("file:///etc/shadow", "not read from file://"),
        ("http:///x", "names no host"),
        ("http://-oProxyCommand=x/y", "names no host"),
        ("ssh://-oProxyCommand=x/y", "names no host"),
        ("ssh://-x@host/y", "names no user"),
        ("ssh://host/", "names no file"),
        ("http://host:99999/", "not one"),
        ("http://host:0x1/", "not one"),
        ("http://ho\nst/", "not one"),
        ("http://host/a b", "not one"),
        ("http://host/a#b", "behind #"),
        ("http://host/" + "x" * 9000, "not one"),
        ("nbd://host/x?tls-certificates=/x", "no option"),
        ("nbd://host/x?socket=/x", "no option"),
        ("nbd+unix:///x", "names no socket"),
        ("nbd+unix://host/x?socket=/x", "names no socket"),
        ("iscsi://host/nonsense/1", "names no target"),
        ("iscsi://host/iqn.x", "names no target"),
        ("iscsi://host/iqn.x/1,file.filename=y", "names no target"),
        ("rbd:pool", "names no pool and image"),
        ("rbd:a/b/c/d", "names no pool and image"),
        ("rbd:p/i:rbd_cache=true", "no option"),
    ],
)
def test_what_is_not_whole_is_refused(uri: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_address(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://joe:topsecret@host/x",
        "https://joe:topsecret@host/x",
        "ssh://joe:topsecret@host/x",
        "nbd://joe:topsecret@host/x",
        "iscsi://joe%topsecret@host/iqn.x/1",
        "iscsi://joe%25topsecret@host/iqn.x/1",
        "rbd:p/i:key=topsecret",
    ],
)
def test_a_password_is_refused_and_not_shown(uri: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(uri)
    assert "topsecret" not in caught.value.message + caught.value.hint
    assert caught.value.hint


def test_what_is_shown_holds_no_query() -> None:
    address = parse_address("https://host:1/disk.img?X-Amz-Signature=topsecret")
    assert address.shown == "https://host:1/disk.img?..."
    assert "topsecret" not in repr(address.shown)


@pytest.mark.parametrize(
    "uri",
    [
        "http://[::1]:8/x",
        "nbd://h/x",
        "ssh://joe@h:2/x/y",
        "iscsi://h/iqn.x/1",
        "nbd+unix:///e?socket=/s",
        "rbd:p/i@s",
    ],
)
def test_what_is_shown_is_what_was_written(uri: str) -> None:
    assert parse_address(uri).shown == uri
