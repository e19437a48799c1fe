"""Files that begin as an image does and are none that can be read: a name and what helps, never a raw disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.disk.backing import examine
from imgtools.disk.headers import open_host_file, probe
from imgtools.errors import BadImage
from imgtools.records.image import DiskSource, ImageInfo

MIB = 1 << 20


def look(path: Path, format: str | None = None) -> ImageInfo:
    return examine(DiskSource(path, format), ask_qemu=False)


def file_with(path: Path, start: bytes, end: bytes = b"") -> Path:
    path.write_bytes(start.ljust(MIB - len(end), b"\0") + end)
    return path


def vhd_footer(kind: int, *, wrong: int = 0) -> bytes:
    """The footer of a VHD of 1 MiB; ``wrong`` is added to its checksum."""
    footer = bytearray(512)
    footer[:8], footer[16:24] = b"conectix", (512).to_bytes(8, "big")
    footer[28:32], footer[48:56] = b"win ", MIB.to_bytes(8, "big")
    footer[60:64] = kind.to_bytes(4, "big")
    footer[64:68] = ((~sum(footer) & 0xFFFFFFFF) + wrong & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(footer)


@pytest.mark.parametrize(
    ("start", "told", "hint"),
    [
        (b"EVF\x09\x0d\x0a\xff\0", r"E01", "ewfexport"),
        (b"EVF2\x0d\x0a\x81\0", r"Ex01", "ewfexport"),
        (b"AFF10\x0d\x0a\0", "AFF", "affconvert"),
        (b"\x3a\xff\x26\xed", "Android sparse", "simg2img"),
        (b"MSWIM\0\0\0", "WIM", "wimapply"),
        (b"\xfd7zXZ\0", "packed with xz", "unxz"),
        (bytes(257) + b"ustar", "OVA", "unpack it"),
    ],
)
def test_a_format_that_nobody_reads_is_named(tmp_path: Path, start: bytes, told: str, hint: str) -> None:
    image = file_with(tmp_path / "disk.img", start)
    with pytest.raises(BadImage, match=told) as caught:
        look(image)
    assert hint in caught.value.hint
    assert look(image, "raw").format == "raw"  # who says so knows better


@pytest.mark.parametrize("at_start", [True, False])
def test_a_vhd_without_a_right_checksum_is_no_raw_disk(tmp_path: Path, at_start: bool) -> None:
    footer = vhd_footer(2, wrong=1)
    image = file_with(tmp_path / "disk.img", footer if at_start else b"", footer)
    with pytest.raises(BadImage, match="checksum") as caught:
        look(image)
    assert "--format raw" in caught.value.hint
    assert look(image, "raw").format == "raw"


def test_a_right_footer_is_enough(tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.vhd"
    fixed.write_bytes(bytes(MIB) + vhd_footer(2))
    assert look(fixed).format == "vpc"


def test_a_differencing_vhd_is_not_called_damaged(tmp_path: Path) -> None:
    image = file_with(tmp_path / "child.vhd", vhd_footer(4), vhd_footer(4))
    with pytest.raises(BadImage, match="differencing VHD") as caught:
        look(image)
    assert "parents" in caught.value.hint and "harm" not in caught.value.hint


def test_a_damaged_trailer_of_apple_is_no_raw_disk(tmp_path: Path) -> None:
    image = file_with(tmp_path / "disk", b"", (b"koly" + (9).to_bytes(4, "big")).ljust(512, b"\0"))
    with pytest.raises(BadImage, match="without its trailer"):
        look(image)


# -- parts of a VMDK --------------------------------------------------------------------------------------


def sparse_extent(path: Path) -> Path:
    """A sparse extent of 64 KiB without a descriptor, as a VMDK in parts of 2 GB has them."""
    head = bytearray(512)
    head[:4] = b"KDMV"
    fields = ((4, 4, 1), (12, 8, 128), (20, 8, 128), (44, 4, 512), (56, 8, 1), (64, 8, 128))
    for at, size, value in fields:
        head[at : at + size] = value.to_bytes(size, "little")
    return file_with(path, bytes(head))


def test_an_extent_alone_names_its_descriptor(tmp_path: Path) -> None:
    image = sparse_extent(tmp_path / "disk-s001.vmdk")
    with pytest.raises(BadImage, match="a sparse extent, a part of a VMDK disk") as caught:
        look(image)
    assert "that names it" in caught.value.hint
    (tmp_path / "disk.vmdk").write_text(
        '# Disk DescriptorFile\nversion=1\nCID=1\nRW 128 SPARSE "disk-s001.vmdk"\n'
    )
    with pytest.raises(BadImage) as caught:
        look(image)
    assert caught.value.hint.endswith(": disk.vmdk")
    assert look(tmp_path / "disk.vmdk").virtual_size == 128 * 512


def test_a_sesparse_extent_is_an_extent(tmp_path: Path) -> None:
    start = 0xCAFEBABE.to_bytes(8, "little") + 0x200000001.to_bytes(8, "little")
    with pytest.raises(BadImage, match="a seSparse extent"):
        look(file_with(tmp_path / "disk-sesparse.vmdk", start))
    java = file_with(tmp_path / "raw", 0xCAFEBABE.to_bytes(8, "little"))
    with open_host_file(java) as file:
        assert probe(file) == "raw"


def test_a_missing_extent_is_put_back_and_not_rebased(tmp_path: Path) -> None:
    image = tmp_path / "disk.vmdk"
    image.write_text('# Disk DescriptorFile\nversion=1\nCID=1\nRW 2 FLAT "gone" 0\n')
    with pytest.raises(BadImage, match=r"the extent of .* is missing") as caught:
        look(image)
    assert caught.value.hint == "put it back under that name"
