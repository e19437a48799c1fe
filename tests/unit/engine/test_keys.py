"""Which keys are meant for an image and for a volume."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.engine.keys import is_text, keys_for_image, keys_for_volume
from imgtools.records.disks import Holder, Volume
from imgtools.records.image import Layer
from imgtools.records.request import Key, Secret


def key(selector: str, value: bytes = b"sesame") -> Key:
    return Key(selector, Secret(value))


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Layer, Layer]:
    """A link ``disk.img`` to top.qcow2, which stands on base.qcow2, seen from their folder."""
    (tmp_path / "store").mkdir()
    for name in ("top.qcow2", "base.qcow2"):
        (tmp_path / "store" / name).touch()
    (tmp_path / "disk.img").symlink_to("store/top.qcow2")
    monkeypatch.chdir(tmp_path)
    top, base = tmp_path / "disk.img", tmp_path / "store" / "base.qcow2"
    return Layer(top, "qcow2", 1, 1, encryption="luks"), Layer(base, "qcow2", 1, 1, encryption="luks")


@pytest.mark.parametrize(
    "selector",
    ["image", "all", "disk.img", "./disk.img", "store/../disk.img", "top.qcow2", "store/top.qcow2", "FOLDER/disk.img",
     "FOLDER/store/top.qcow2"],
)  # fmt: skip
def test_every_spelling_of_an_image(chain: tuple[Layer, Layer], tmp_path: Path, selector: str) -> None:
    selector = selector.replace("FOLDER", str(tmp_path))
    top, base = chain
    assert keys_for_image(top, [key(selector)], Path("disk.img"))
    assert keys_for_image(top, [key(selector)])
    assert keys_for_image(base, [key(selector)], Path("disk.img")), (
        "the image's key is one for what it stands on"
    )


@pytest.mark.parametrize("selector", ["base.qcow2", "store/base.qcow2", "./store/base.qcow2"])
def test_a_key_for_one_file_of_a_chain(chain: tuple[Layer, Layer], selector: str) -> None:
    top, base = chain
    assert keys_for_image(base, [key(selector)], Path("disk.img"))
    assert not keys_for_image(top, [key(selector)], Path("disk.img"))


def test_all_keys_that_fit_come_in_order_and_once(chain: tuple[Layer, Layer]) -> None:
    given = [key("all", b"1"), key("other", b"2"), key("image", b"3"), key("disk.img", b"1")]
    assert [secret.reveal() for secret in keys_for_image(chain[0], given)] == [b"1", b"3"]
    volume = Volume("/dev/vg/lv", Holder.LV, 1)
    given = [key("/dev/mapper/vg-lv", b"1"), key("image", b"2"), key("all", b"3"), key("/dev/vg/lv", b"1")]
    assert [secret.reveal() for secret in keys_for_volume(volume, given)] == [b"1", b"3"]


@pytest.mark.parametrize(
    ("value", "text"), [(b"sesame", True), ("é".encode(), True), (b"\xff", False), (b"a\0b", False)]
)
def test_text_is_utf8_without_nul(value: bytes, text: bool) -> None:
    assert is_text(Secret(value)) is text
