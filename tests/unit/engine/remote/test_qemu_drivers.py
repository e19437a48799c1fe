"""What QEMU's drivers are told: each part of a URI as an option of its own, and no secret among them."""

from __future__ import annotations

import pytest

from imgtools.engine.remote.address import parse_address
from imgtools.engine.remote.iscsi import unit_node
from imgtools.engine.remote.netrc_login import Login
from imgtools.engine.remote.rbd import image_node
from imgtools.records.remote import RemoteOptions
from imgtools.records.request import Secret


def test_a_logical_unit() -> None:
    address = parse_address("iscsi://[::1]:3/iqn.2001-04.com.x:a/7")
    node = unit_node(address, RemoteOptions(2.4), Login("joe,x", Secret(b"topsecret")))
    options = dict(node.options)
    assert options["file.portal"] == "[::1]:3"
    assert (options["file.target"], options["file.lun"]) == ("iqn.2001-04.com.x:a", "7")
    assert (options["file.user"], options["file.password-secret"]) == ("joe,x", "login")
    assert options["file.timeout"] == "2"
    assert "topsecret" not in node.opts and "file.user=joe,,x" in node.opts


def test_the_usual_port() -> None:
    node = unit_node(parse_address("iscsi://h/iqn.x/0"), RemoteOptions())
    assert dict(node.options)["file.portal"] == "h:3260" and not node.secrets


@pytest.mark.parametrize(
    ("uri", "options"),
    [
        ("rbd:p/i", {"pool": "p", "image": "i"}),
        ("rbd:p/n/i@s", {"pool": "p", "namespace": "n", "image": "i", "snapshot": "s"}),
        ("rbd:p/i:id=u:conf=/c,x", {"pool": "p", "image": "i", "user": "u", "conf": "/c,x"}),
    ],
)
def test_an_image_of_a_cluster(uri: str, options: dict[str, str]) -> None:
    node = image_node(parse_address(uri))
    found = {name.removeprefix("file."): value for name, value in node.options if name.startswith("file.")}
    assert found == {"driver": "rbd", **options}
