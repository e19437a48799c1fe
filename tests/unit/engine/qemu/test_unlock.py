"""Of several keys, the one that opens an image; each is tried once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imgtools.disk.backing import examine
from imgtools.engine.qemu import unlock
from imgtools.engine.qemu.block import serve_disk
from imgtools.engine.qemu.nodes import Node
from imgtools.engine.qemu.unlock import Keyring
from imgtools.errors import KeyNeeded
from imgtools.records.image import DiskSource
from imgtools.records.request import Key, Secret
from tests.support.disks import MIB, luks_image, put_upon, qemu_img

pytestmark = pytest.mark.host


def key(value: bytes, selector: str = "all") -> Key:
    return Key(selector, Secret(value))


@pytest.fixture
def luks(tmp_path: Path) -> Path:
    return luks_image(tmp_path / "disk.luks", b"right", MIB)


@pytest.fixture
def chain(tmp_path: Path, luks_qcow2: Path) -> Path:
    """A qcow2 with the key ``sesame`` on a LUKS file with the key ``base``."""
    base, top = luks_image(tmp_path / "base.luks", b"base", MIB), tmp_path / "top.qcow2"
    shutil.copy(luks_qcow2, top)
    put_upon(top, base, "luks")
    return top


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that are tried before an image is opened for good."""
    seen: list[str] = []
    real = unlock._opens

    def opens(layer: unlock.Layer, secret: Secret) -> bool:
        seen.append(secret.reveal().decode())
        return real(layer, secret)

    monkeypatch.setattr(unlock, "_opens", opens)
    return seen


@pytest.mark.parametrize(
    ("order", "before"),
    [
        (["right"], []),
        (["right", "wrong"], ["right"]),
        (["wrong", "right"], ["wrong"]),
        (["wrong", "bad", "right"], ["wrong", "bad"]),
        (["right", "right"], []),
    ],
)
def test_all_are_tried_in_order(luks: Path, tries: list[str], order: list[str], before: list[str]) -> None:
    info = examine(DiskSource(luks))
    keys = Keyring([key(word.encode()) for word in order], luks)
    for _ in range(2):  # it is remembered
        with serve_disk(info, keys) as disk:
            assert disk.size == 1 << 20
    assert tries == before


def test_none_that_fits_is_an_error(luks: Path) -> None:
    info = examine(DiskSource(luks))
    keys = Keyring([key(b"wrong"), key(b"bad")], luks)
    with pytest.raises(KeyNeeded, match="does not open it"), serve_disk(info, keys):
        pass


def test_each_file_of_a_chain_gets_its_own(chain: Path) -> None:
    info = examine(DiskSource(chain))
    for order in ((b"sesame", b"base"), (b"base", b"sesame")):
        keys = Keyring([key(word) for word in order], chain)
        assert [keys.key_for(layer).reveal() for layer in info.chain] == [b"sesame", b"base"]
        with serve_disk(info, keys) as disk:
            assert len(disk.read(0, 512)) == 512


def test_a_key_that_is_no_text_is_refused_with_the_reason(luks: Path, tries: list[str]) -> None:
    info = examine(DiskSource(luks))
    with pytest.raises(KeyNeeded, match="is not text") as caught, serve_disk(info, Keyring([key(b"\xff\0")])):
        pass
    assert "luksAddKey" in caught.value.hint
    with serve_disk(info, Keyring([key(b"\xff\0"), key(b"right")])) as disk:
        assert disk.size == 1 << 20
    assert tries == []


def test_nobody_can_tell_a_wrong_key_of_aes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "disk.qcow2"
    qemu_img(
        "create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=right",
        "-o", "encrypt.format=aes,encrypt.key-secret=s", path, "1M",
    )  # fmt: skip
    layer = examine(DiskSource(path)).chain[0]
    monkeypatch.setattr("imgtools.engine.qemu.img.commands.open_once", lambda _node: pytest.fail("tried"))
    assert Keyring([key(b"one"), key(b"right")]).key_for(layer).reveal() == b"one"
    assert isinstance(unlock.single_node(layer, lambda _layer: Secret(b"")), Node)
