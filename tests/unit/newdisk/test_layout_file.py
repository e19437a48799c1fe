"""Layouts as YAML: every complaint has its file, its line and what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import BadLayout, HostError
from imgtools.newdisk import layout_file
from imgtools.newdisk.layout import Layout, Wish
from imgtools.newdisk.layout_file import read_layout

MIB = 1 << 20
PART = "partitions:\n- format: ext4\n"


def read(folder: Path, text: str | bytes, moment: int | None = None) -> Layout:
    path = folder / "disk.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_layout(path, moment)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file"):
        read_layout(tmp_path / "none.yaml", None)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(BadLayout, match=r"not text in UTF-8 \(byte 3\)"):
        read(tmp_path, b"abc\xff")


def test_a_file_without_end(tmp_path: Path) -> None:
    with pytest.raises(BadLayout, match="larger than a layout can be"):
        read(tmp_path, "#" * (layout_file.LARGEST + 1))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("partitions: []\n", 1, "0 partitions: 1 to 128 are possible in gpt"),
        ("partitions:\n" + "- format: ext4\n" * 129, 2, "129 partitions"),
        ("partitions: {}\n", 1, ""),
        ("table: apm\n" + PART, 1, "apm"),
        ("size: large\n" + PART, 1, "large"),
        (PART + "  mount: srv\n", 3, "no absolute path: srv"),
        (PART + "  mount: /a/../b\n", 3, "no absolute path"),
        (PART + "  size: 0\n", 3, "no size of a partition: 0"),
        (PART + "  size: 1G\n  size-min: 1G\n", 3, "size beside size-min"),
        (PART + "  weight: 1000001\n", 3, ""),
        (PART + "  bootable: perhaps\n", 3, ""),
        (PART + "  type: exp\n", 3, "exp"),
        (PART + "  group: g\n  volumes: [{name: a}]\n", 2, "format beside group"),
        (PART + "  block-size: 3000\n", 2, "no size of a block"),
        (PART + "  filesystem-uuid: 1234\n", 2, "no UUID of ext4"),
        ("partitions:\n- format: swap\n  mount: /\n", 3, "mount of swap"),
        ("partitions:\n- encrypt: {key: 'env:PATH'}\n", 2, "there is nothing to encrypt"),
        (PART + "  encrypt: {}\n", 3, "encrypt needs key"),
        (PART + "  encrypt: {key: ask}\n", 3, ""),
        ("partitions:\n- group: a b\n  volumes: [{name: v}]\n", 2, "no name of a group"),
        ("partitions:\n- group: -g\n  volumes: [{name: v}]\n", 2, "no name of a group"),
        ("partitions:\n- group: g\n  volumes: [{format: ext4}]\n", 3, "a volume needs a name"),
        ("partitions:\n- format: btrfs\n  subvolumes: [{mount: /a}]\n", 3, "a subvolume needs a path"),
        ("partitions:\n- format: btrfs\n  subvolumes: [{path: /}]\n", 3, "is the filesystem itself"),
        (
            "partitions:\n- group: g\n  volumes: [{name: a}]\n- group: g\n  volumes: [{name: b}]\n",
            4,
            "group g is there already",
        ),
        (
            PART + "  mount: /\n- format: btrfs\n  subvolumes: [{path: /@, mount: /}]\n",
            4,
            "mount / is that of",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(BadLayout) as caught:
        read(tmp_path, text)
    message = caught.value.message
    assert f"{tmp_path}/disk.yaml" in message and f"line {line}" in message and said in message
    assert "\n" not in message


@pytest.mark.parametrize("key", ["env:NOT_THERE", "file:not-there"])
def test_a_key_that_is_not_there_is_told_with_its_line(tmp_path: Path, key: str) -> None:
    with pytest.raises(HostError, match=f"{tmp_path}/disk.yaml: line 3: .*{key[4:].strip(':')}"):
        read(tmp_path, PART + f"  encrypt: {{key: '{key}'}}\n")


def test_the_greatest_numbers(tmp_path: Path) -> None:
    assert len(read(tmp_path, "partitions:\n" + "- format: ext4\n" * 128).parts) == 128
    assert len(read(tmp_path, "table: mbr\npartitions:\n" + "- format: ext4\n" * 4).parts) == 4
    (part,) = read(tmp_path, PART + "  weight: 1000000\n").parts
    assert part.size.weight == 1_000_000


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        ("", Wish()),
        ("  size: 8M\n", Wish(8 * MIB, 8 * MIB)),
        ("  size-min: 8M\n", Wish(8 * MIB)),
        ("  size-max: 8M\n", Wish(0, 8 * MIB)),
        ("  size-min: 8M\n  size-max: 8M\n  weight: 0\n", Wish(8 * MIB, 8 * MIB, 0)),
    ],
)
def test_sizes(tmp_path: Path, words: str, wish: Wish) -> None:
    assert read(tmp_path, PART + words).parts[0].size == wish


def test_paths_are_put_in_order_and_the_moment_is_in_every_filesystem(tmp_path: Path) -> None:
    text = (
        "size: auto\npartitions:\n- format: btrfs\n  mount: //\n  subvolumes:\n"
        "  - {path: //@home/, mount: /home//}\n- group: g\n  volumes: [{name: v, format: ext4, mount: /srv}]\n"
    )
    layout = read(tmp_path, text, moment=5)
    assert layout.size == "auto" and layout.label == "gpt"
    first, second = layout.parts
    assert first.mounts() == ["/", "/home"] and first.subvolumes[0].path == "/@home"
    assert first.filesystem is not None and first.filesystem.moment == 5
    assert second.volumes[0].filesystem is not None and second.volumes[0].filesystem.moment == 5
