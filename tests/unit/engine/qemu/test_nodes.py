"""How an image is told as a tree of nodes, and how its secrets travel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgtools.engine.qemu.nodes import (
    LOWEST,
    chain_node,
    join_options,
    luks_node,
    metadata_node,
    nbd_node,
    overlay_node,
    plain_node,
    secret_objects,
    shared_below,
    single_node,
    upon,
    window,
    window_of_named,
)
from imgtools.errors import KeyNeeded
from imgtools.records.image import Layer
from imgtools.records.request import Secret


def layer(name: str, format: str = "qcow2", *extents: str, encryption: str = "") -> Layer:
    return Layer(Path(name), format, 0, 0, tuple(map(Path, extents)), encryption)


def test_chain_is_told_as_a_tree_with_an_end() -> None:
    node = chain_node([layer("/a/top"), layer("/a/base,x", "raw")])
    assert node.opts == (
        "driver=qcow2,file.driver=file,file.filename=/a/top,"
        "backing.driver=raw,backing.file.driver=file,backing.file.filename=/a/base,,x"
    )
    assert chain_node([layer("/a/top"), layer("/a/base")]).options[-1] == ("backing.backing", "")
    assert single_node(layer("/a/top")).options[-1] == ("backing", "")


def test_a_format_without_backing_files_is_told_of_none() -> None:
    assert "backing" not in dict(single_node(layer("/a/d.vdi", "vdi")).options)
    assert "backing" not in dict(metadata_node(layer("/a/top")).options)


def test_further_files_are_files_whatever_they_are_called() -> None:
    with_data = dict(single_node(layer("/a/top", "qcow2", "/a/nbd:x")).options)
    assert (with_data["data-file.driver"], with_data["data-file.filename"]) == ("file", "/a/nbd:x")
    with_extents = dict(single_node(layer("/a/d.vmdk", "vmdk", "/a/1", "/a/2")).options)
    assert with_extents["extents.1.driver"] == "file"


def test_relative_names_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert dict(single_node(layer("nbd:x", "raw")).options)["file.filename"] == str(tmp_path / "nbd:x")


def test_window_is_a_node_of_its_own() -> None:
    options = dict(window(plain_node(Path("/a"), "raw"), 512, 1024).options)
    assert (options["offset"], options["size"], options["file.file.filename"]) == ("512", "1024", "/a")


def test_the_daemon_is_told_no_extents_and_a_name() -> None:
    words = (
        overlay_node(Path("/o"), chain_node([layer("/a/d.vmdk", "vmdk", "/a/1")]))
        .blockdev("disk0")
        .split(",")
    )
    assert words[:2] == ["node-name=disk0", "cache.no-flush=on"]
    assert "backing.driver=vmdk" in words and not any("extents" in word for word in words)


def test_qmp_has_a_tree_with_numbers() -> None:
    assert nbd_node("/s", "part0").qmp("a") == {
        "node-name": "a", "driver": "nbd", "server": {"type": "unix", "path": "/s"}, "export": "part0",
    }  # fmt: skip
    assert window_of_named("disk0", 512, 1024).qmp("b") == {
        "node-name": "b", "driver": "raw", "offset": 512, "size": 1024, "file": "disk0",
    }  # fmt: skip


def test_an_image_upon_an_overlay_of_its_file() -> None:
    image = single_node(layer("/a/d", encryption="luks"), lambda _layer: Secret(b"one"))
    node = upon(image, overlay_node(Path("/o"), plain_node(Path("/a/d"), "raw")))
    options = dict(node.options)
    assert (options["driver"], options["file.driver"], options["file.backing.driver"]) == (
        "qcow2",
        "qcow2",
        "raw",
    )
    assert (options["file.file.filename"], options["file.backing.file.filename"]) == ("/o", "/a/d")
    assert options["encrypt.key-secret"] == "key0" and "file.filename" not in options
    assert [name for name, _ in node.secrets] == ["key0"]


def test_what_is_shared_is_the_image_below() -> None:
    options = dict(shared_below(overlay_node(Path("/o"), plain_node(Path("/a"), "raw"))).options)
    assert (options["backing.read-only"], options["backing.force-share"]) == ("on", "on")
    assert "read-only" not in options


def test_keys_go_to_their_layer_and_never_into_arguments() -> None:
    chain = [
        layer("/a/top", encryption="luks"),
        layer("/a/middle", "qcow", encryption="aes"),
        layer("/a/plain"),
        layer("/a/base", "luks", encryption="luks"),
    ]
    node = chain_node(chain, lambda one: Secret(one.host_path.name.encode()), name="source")
    options = dict(node.options)
    assert (options["encrypt.key-secret"], options["encrypt.format"]) == ("source0", "luks")
    assert (options["backing.encrypt.key-secret"], options["backing.encrypt.format"]) == ("source1", "aes")
    assert options["backing.backing.backing.key-secret"] == "source3"
    assert [secret.reveal() for _, secret in node.secrets] == [b"top", b"middle", b"base"]
    with secret_objects(node.secrets) as (arguments, descriptors):
        assert arguments[1] == f"secret,id=source0,file=/proc/self/fd/{descriptors[0]}"
        assert min(descriptors) >= LOWEST, "the keepers of servers use those below"
        assert os.pread(descriptors[0], 100, 0) == b"top"
    with pytest.raises(KeyNeeded, match=r"/a/top is an encrypted image"):
        chain_node(chain)


def test_a_volume_in_a_served_disk() -> None:
    node = luks_node(window(nbd_node("/s"), 512, 1024), Secret(b"one"))
    options = dict(node.options)
    assert (options["driver"], options["file.offset"], options["file.file.server.path"]) == (
        "luks",
        "512",
        "/s",
    )
    assert options["key-secret"] == node.secrets[0][0]


def test_commas_in_values_are_doubled() -> None:
    assert join_options([("a", "1,2"), ("b", "3")]) == "a=1,,2,b=3"
