"""Keywords become requests, and wrong ones are refused before anything is opened."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from imgtools.door.opening import either, make_output, make_request, several, size_text
from imgtools.errors import UsageError
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing, Engine, Key, OutputTarget, Secret


def test_one_path_or_all_disks_of_a_guest() -> None:
    assert make_request("a.qcow2").disks == (DiskSource(Path("a.qcow2")),)
    both = make_request([Path("a.raw"), "b.raw"], format="raw", snapshot="one")
    assert both.disks == (DiskSource(Path("a.raw"), "raw", "one"), DiskSource(Path("b.raw"), "raw", "one"))
    with pytest.raises(UsageError, match="no image is named"):
        make_request([])


def test_words_are_those_of_the_command_line_or_their_enums() -> None:
    request = make_request("a", engine="direct", backing=Backing.ANY, root="/dev/sda2", mount="/dev/sda1")
    assert request.engine is Engine.DIRECT and request.backing is Backing.ANY
    assert (request.root, request.mounts) == ("/dev/sda2", ("/dev/sda1",))
    with pytest.raises(UsageError) as refused:
        make_request("a", engine="quick")  # type: ignore[arg-type]
    assert refused.value.hint == "one of auto, direct, appliance"
    with pytest.raises(TypeError, match="engin"):
        make_request("a", engin="direct")  # type: ignore[call-arg]


def test_secrets_may_be_text_or_bytes_and_show_nowhere() -> None:
    request = make_request("a", keys={"/dev/sda1": "päss", "all": b"\xff", "image": Secret(b"x")})
    assert [(key.selector, key.secret.reveal()) for key in request.keys] == [
        ("/dev/sda1", "päss".encode()),
        ("all", b"\xff"),
        ("image", b"x"),
    ]
    assert "päss" not in repr(request)
    key = Key("all", Secret(b"x"))
    assert make_request("a", keys=[key]).keys == (key,)


def test_a_new_image_has_a_name() -> None:
    assert make_output(None, None, False) is None
    assert make_output("b.qcow2", "qcow2", True) == OutputTarget(Path("b.qcow2"), "qcow2", True)
    with pytest.raises(UsageError, match="a new image"):
        make_output(None, None, True)
    assert make_output("b", None, False, True) == OutputTarget(Path("b"), overwrite=True)
    with pytest.raises(UsageError, match="overwrite are about a new image"):
        make_output(None, None, False, True)


def test_folders_of_templates_go_with_each_disk_and_sharing_with_the_request() -> None:
    request = make_request(["a", "b"], backing_folder="/srv/templates", force_share=True)
    assert [disk.folders for disk in request.disks] == [(Path("/srv/templates"),)] * 2 and request.share


def test_sizes_are_bytes_or_texts() -> None:
    assert (size_text(512), size_text("20G"), size_text("")) == ("512", "20G", "")
    with pytest.raises(UsageError, match="not a size: -1"):
        size_text(-1)


def test_an_archive_is_a_path_or_a_stream() -> None:
    path, _ = either("a.tar")
    stream = BytesIO(b"x")
    assert path == Path("a.tar") and either(stream) == (None, stream)


def test_one_text_or_several() -> None:
    assert several("/a") == ("/a",)
    assert several(["/a", "/b"]) == ("/a", "/b")
