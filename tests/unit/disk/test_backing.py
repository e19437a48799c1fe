"""Images that lie about their files are found out before any engine opens them."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgtools.disk.backing import examine, is_in_use, refuse_in_use
from imgtools.errors import BadImage, HostError, ImageInUse, ImgtoolsError, UntrustedBacking, UsageError
from imgtools.records.image import DiskSource, ImageInfo
from imgtools.records.request import Backing

MIB = 1 << 20


def qemu_img(*words: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, words)], check=True, capture_output=True)


def look(path: Path, format: str | None = None, policy: Backing = Backing.SAME_DIR) -> ImageInfo:
    return examine(DiskSource(path, format), policy=policy)


def qcow2(
    path: Path,
    *,
    backing: bytes = b"",
    backing_format: str | None = "raw",
    data_file: bytes = b"",
    crypt: int = 0,
) -> Path:
    """Write a small qcow2 by hand, with whatever name it should carry."""
    qemu_img("create", "-q", "-f", "qcow2", path, "1M")
    image = bytearray(path.read_bytes())
    extensions = b""
    if backing_format is not None and backing:
        extensions += extension(0xE2792ACA, backing_format.encode())
    if data_file:
        extensions += extension(0x44415441, data_file)
        image[72:80] = (4).to_bytes(8, "big")
    struct.pack_into(">I", image, 32, crypt)
    at = 104
    image[at : at + len(extensions) + 8] = extensions + bytes(8)
    if backing:
        image[2048 : 2048 + len(backing)] = backing
        struct.pack_into(">QI", image, 8, 2048, len(backing))
    struct.pack_into(">I", image, 100, 104)
    path.write_bytes(image)
    return path


def extension(kind: int, data: bytes) -> bytes:
    return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)


def raw(path: Path, size: int = MIB, start: bytes = b"") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(start.ljust(size, b"\0"))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "images"
    place.mkdir()
    raw(tmp_path / "secret.raw")
    return place


# -- healthy images ---------------------------------------------------------------------------------------


@pytest.mark.host
@pytest.mark.parametrize("format", ["raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "parallels"])
def test_every_format_is_recognised_by_its_bytes(folder: Path, format: str) -> None:
    image = folder / "disk"
    qemu_img("create", "-q", "-f", format, image, "8M")
    found = look(image)
    assert (found.format, found.virtual_size) == (format, 8 * MIB)
    assert found.chain[0].virtual_size == 8 * MIB


@pytest.mark.host
@pytest.mark.parametrize("subformat", ["dynamic", "fixed"])
def test_vhd_has_the_size_that_qemu_gives_it(folder: Path, subformat: str) -> None:
    image = folder / "disk.vhd"
    qemu_img("create", "-q", "-f", "vpc", "-o", f"subformat={subformat},force_size=on", image, "8M")
    assert (look(image).format, look(image).virtual_size) == ("vpc", 8 * MIB)
    assert look(image, "vhd").format == "vpc"


@pytest.mark.host
@pytest.mark.parametrize(
    "subformat",
    ["monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized"],
)
def test_vmdk_extents_belong_to_the_image(folder: Path, subformat: str) -> None:
    image = folder / "disk.vmdk"
    qemu_img("create", "-q", "-f", "vmdk", "-o", f"subformat={subformat}", image, "3G")
    found = look(image)
    assert found.virtual_size == 3 << 30
    assert sorted(path.name for path in found.chain[0].extents) == sorted(
        path.name for path in folder.iterdir() if path != image
    )


@pytest.mark.host
def test_chain_is_walked_to_its_base(folder: Path) -> None:
    (folder / "sub").mkdir()
    base = raw(folder / "sub" / "base.raw")
    middle = folder / "middle.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "sub/base.raw", "-F", "raw", middle)
    qemu_img("create", "-q", "-f", "vmdk", folder / "x.vmdk", "1M")
    top = folder / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", middle, "-F", "qcow2", top)
    found = look(top)
    assert [(layer.host_path.name, layer.format) for layer in found.chain] == [
        ("top.qcow2", "qcow2"),
        ("middle.qcow2", "qcow2"),
        (base.name, "raw"),
    ]


@pytest.mark.host
def test_snapshots_carry_the_size_the_disk_had(folder: Path) -> None:
    image = folder / "disk.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", image, "8M")
    qemu_img("snapshot", "-c", "before", image)
    qemu_img("resize", "-q", "-f", "qcow2", image, "16M")
    qemu_img("snapshot", "-c", "größer", image)
    found = look(image)
    assert [(s.id, s.name, s.virtual_size) for s in found.snapshots] == [
        ("1", "before", 8 * MIB),
        ("2", "größer", 16 * MIB),
    ]
    with pytest.raises(UsageError, match="no internal snapshot 'after'"):
        examine(DiskSource(image, None, "after"), policy=Backing.NONE)


@pytest.mark.host
def test_names_that_qemu_takes_for_protocols_are_plain_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for name in ("nbd:x", "json:{}", "a:b", "-x", "a,b=c", "file:y"):
        qemu_img("create", "-q", "-f", "qcow2", folder / "plain", "1M")
        Path(name).write_bytes((folder / "plain").read_bytes())
        assert look(Path(name)).format == "qcow2"


@pytest.mark.host
def test_data_file_counts_from_the_image_not_from_the_current_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder)
    qemu_img("create", "-q", "-f", "qcow2", "-o", "data_file=d.raw", "disk.qcow2", "1M")
    monkeypatch.chdir(tmp_path)
    assert look(folder / "disk.qcow2").chain[0].extents == (folder / "d.raw",)


def test_odd_length_of_raw_is_a_warning(folder: Path) -> None:
    found = look(raw(folder / "disk.raw", 1000))
    assert found.virtual_size == 1024
    assert "not a multiple of 512" in found.warnings[0].text


# -- names that lead out ----------------------------------------------------------------------------------

OUTSIDE = [b"../secret.raw", b"sub/../../secret.raw", b"link.raw", b"up/secret.raw", b"ABSOLUTE"]
PROTOCOLS = [
    b"nbd:localhost:1",
    b"nbd+unix:///?socket=x",
    b'json:{"driver":"raw","file":{"driver":"file","filename":"/etc/shadow"}}',
    b"file:/etc/shadow",
    b"fat:/etc",
    b"http://127.0.0.1/x",
    b"ssh://h/x",
    b"blkdebug::x",
    b"a:b",
]


@pytest.fixture
def out(folder: Path, tmp_path: Path) -> Callable[[bytes], bytes]:
    (folder / "sub").mkdir()
    (folder / "link.raw").symlink_to(tmp_path / "secret.raw")
    (folder / "up").symlink_to("..")
    return lambda name: os.fsencode(tmp_path / "secret.raw") if name == b"ABSOLUTE" else name


@pytest.mark.host
@pytest.mark.parametrize("name", OUTSIDE)
def test_backing_file_outside_is_refused_unless_any(
    folder: Path, out: Callable[[bytes], bytes], name: bytes
) -> None:
    image = qcow2(folder / "disk.qcow2", backing=out(name))
    with pytest.raises(UntrustedBacking, match="outside the image's folder"):
        look(image)
    assert len(look(image, policy=Backing.ANY).chain) == 2


@pytest.mark.host
@pytest.mark.parametrize("name", OUTSIDE)
def test_data_file_outside_is_refused(folder: Path, out: Callable[[bytes], bytes], name: bytes) -> None:
    with pytest.raises(UntrustedBacking, match="outside the image's folder"):
        look(qcow2(folder / "disk.qcow2", data_file=out(name)))


@pytest.mark.host
@pytest.mark.parametrize("policy", list(Backing))
@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_are_refused_always(folder: Path, name: bytes, policy: Backing) -> None:
    for words in ({"backing": name}, {"data_file": name}):
        with pytest.raises(UntrustedBacking):
            look(qcow2(folder / "disk.qcow2", **words), policy=policy)


def descriptor(*lines: str) -> bytes:
    return "\n".join(
        ["# Disk DescriptorFile", "version=1", "CID=1", 'createType="monolithicFlat"', *lines, ""]
    ).encode()


@pytest.mark.parametrize(
    "line",
    [
        'RW 2048 FLAT "../secret.raw" 0',
        'RW 2048 VMFS "../secret.raw"',
        'RW 2048 SPARSE "../secret.raw"',
        'RW\n2048\n\tFLAT\n"../secret.raw" 0',
        'RW 2048FLAT"../secret.raw" 0',
        'RW 2048 FLAT "nbd:localhost:1" 0',
        'RW 2048 FLAT "file:/etc/shadow" 0',
    ],
)
def test_vmdk_extent_outside_is_refused(folder: Path, line: str) -> None:
    image = folder / "disk.vmdk"
    image.write_bytes(descriptor(line))
    with pytest.raises(UntrustedBacking):
        look(image)


def test_vmdk_parent_outside_is_refused(folder: Path) -> None:
    raw(folder / "flat.vmdk")
    image = folder / "disk.vmdk"
    image.write_bytes(
        descriptor(
            'RW 2048 FLAT "flat.vmdk" 0', "# parentFileNameHint", 'x parentFileNameHint="../secret.raw"'
        )
    )
    with pytest.raises((UntrustedBacking, BadImage)):
        look(image)


def test_sparse_vmdk_of_no_size_obeys_its_descriptor_so_we_read_it(folder: Path) -> None:
    image = folder / "disk.vmdk"
    header = struct.pack("<4sIIQQQQIQQQ", b"KDMV", 1, 3, 0, 128, 1, 20, 512, 21, 26, 128)
    image.write_bytes(
        header.ljust(512, b"\0") + descriptor('RW 2048 FLAT "../secret.raw" 0').ljust(65536, b"\0")
    )
    with pytest.raises(UntrustedBacking, match="secret"):
        look(image)


def test_extent_that_brings_its_own_descriptor_is_refused(folder: Path) -> None:
    image = folder / "disk.vmdk"
    header = struct.pack("<4sIIQQQQIQQQ", b"KDMV", 1, 3, 0, 128, 1, 20, 512, 21, 26, 128)
    inner = header.ljust(512, b"\0") + descriptor('RW 2048 FLAT "../secret.raw" 0').ljust(65536, b"\0")
    (folder / "inner.vmdk").write_bytes(inner)
    image.write_bytes(descriptor('RW 2048 SPARSE "inner.vmdk"'))
    with pytest.raises(BadImage, match="descriptor instead of data"):
        look(image)


@pytest.mark.host
def test_policy_none_allows_no_file(folder: Path) -> None:
    raw(folder / "base.raw")
    with pytest.raises(UntrustedBacking, match="none is allowed"):
        look(qcow2(folder / "disk.qcow2", backing=b"base.raw"), policy=Backing.NONE)


@pytest.mark.host
@pytest.mark.parametrize("suffix", [".raw", ".img"])
def test_bytes_of_a_raw_looking_image_choose_no_host_file(folder: Path, suffix: str) -> None:
    raw(folder / "other-guest")
    image = qcow2(folder / f"disk{suffix}", backing=b"other-guest")
    with pytest.raises(UntrustedBacking, match="looks like a raw disk by its name") as caught:
        look(image)
    assert "--format qcow2" in caught.value.hint
    assert len(look(image, "qcow2").chain) == 2
    assert look(image, "raw").chain[0].format == "raw"


@pytest.mark.host
def test_unrecorded_backing_format_is_raw_or_refused(folder: Path) -> None:
    raw(folder / "plain")
    image = qcow2(folder / "disk.qcow2", backing=b"plain", backing_format=None)
    assert look(image).chain[1].format == "raw"
    qcow2(folder / "plain", backing=b"disk.qcow2")  # what a guest on a raw base would write
    with pytest.raises(UntrustedBacking, match="does not record the format"):
        look(image)


@pytest.mark.host
def test_recorded_backing_format_has_to_be_an_image_format(folder: Path) -> None:
    raw(folder / "base")
    for driver in ("nbd", "quorum", "vvfat", "blkdebug"):
        with pytest.raises(UntrustedBacking, match="no image format"):
            look(qcow2(folder / "disk.qcow2", backing=b"base", backing_format=driver))
    with pytest.raises(BadImage, match="as vmdk, but it looks like raw"):
        look(qcow2(folder / "disk.qcow2", backing=b"base", backing_format="vmdk"))


@pytest.mark.host
def test_fifo_as_backing_file_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for policy in (Backing.SAME_DIR, Backing.ANY):
        with pytest.raises(UntrustedBacking, match="is a FIFO"):
            look(qcow2(folder / "disk.qcow2", backing=b"pipe"), policy=policy)
    with pytest.raises(UntrustedBacking, match="character device"):
        look(qcow2(folder / "disk.qcow2", backing=b"/dev/zero"), policy=Backing.ANY)


@pytest.mark.host
def test_loops_and_endless_chains_are_refused(folder: Path) -> None:
    first = qcow2(folder / "a.qcow2", backing=b"b.qcow2", backing_format="qcow2")
    qcow2(folder / "b.qcow2", backing=b"a.qcow2", backing_format="qcow2")
    with pytest.raises(BadImage, match="loop"):
        look(first)
    os.link(
        qcow2(folder / "self.qcow2", backing=b"hard.qcow2", backing_format="qcow2"), folder / "hard.qcow2"
    )
    with pytest.raises(BadImage, match="loop"):
        look(folder / "self.qcow2")
    for number in range(40):
        qcow2(folder / f"{number}.qcow2", backing=f"{number + 1}.qcow2".encode(), backing_format="qcow2")
    qcow2(folder / "40.qcow2")
    with pytest.raises(BadImage, match="more than 32 files"):
        look(folder / "0.qcow2")
    assert len(look(folder / "12.qcow2").chain) == 29


@pytest.mark.host
def test_name_with_nul_or_missing_is_a_bad_image(folder: Path) -> None:
    raw(folder / "base.raw")
    with pytest.raises(BadImage, match="NUL"):
        look(qcow2(folder / "disk.qcow2", backing=b"base.raw\0x"))
    with pytest.raises(BadImage, match=r"missing: .*gone\.raw"):
        look(qcow2(folder / "disk.qcow2", backing=b"gone.raw"))


# -- what is no image, or only part of one ----------------------------------------------------------------


def test_what_is_no_image_gets_one_line(folder: Path) -> None:
    with pytest.raises(HostError, match="no such file"):
        look(folder / "nothing")
    with pytest.raises(HostError, match="no such file"):
        look(raw(folder / "disk") / "below")
    with pytest.raises(BadImage, match="directory"):
        look(folder)
    os.mkfifo(folder / "pipe")
    with pytest.raises(BadImage, match="FIFO"):
        look(folder / "pipe")
    with pytest.raises(BadImage, match="empty"):
        look(raw(folder / "empty", 0))
    with pytest.raises(BadImage, match="only 3 bytes"):
        look(raw(folder / "tiny", 3))
    with pytest.raises(BadImage, match="packed with xz"):
        look(raw(folder / "disk.img.xz", 4096, b"\xfd7zXZ\0"))
    with pytest.raises(UsageError, match="unknown image format: qcow3"):
        look(raw(folder / "disk"), "qcow3")


@pytest.mark.host
def test_wrong_format_names_the_one_it_looks_like(folder: Path) -> None:
    qemu_img("create", "-q", "-f", "vdi", folder / "disk", "1M")
    with pytest.raises(BadImage, match=r"not a qcow2 image: .* looks like vdi"):
        look(folder / "disk", "qcow2")
    with pytest.raises(BadImage, match="not a VHD"):
        look(folder / "disk", "vpc")


@pytest.mark.host
def test_qcow2_that_crashes_qemu_is_a_bad_image(folder: Path) -> None:
    with pytest.raises(BadImage, match="encryption without its header"):
        look(qcow2(folder / "disk.qcow2", crypt=2))


FILLED = ["qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx", "parallels"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with one image of each format, full of data."""
    place = tmp_path_factory.mktemp("filled")
    source = place / "source"
    source.write_bytes(os.urandom(6 * MIB))
    for format in FILLED:
        qemu_img("convert", "-f", "raw", "-O", format, source, place / format)
    qemu_img("convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed", source, place / "vpc-fixed")
    qemu_img("convert", "-f", "raw", "-O", "qcow2", "-c", source, place / "qcow2-packed")
    qemu_img(
        "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", source, place / "vmdk-stream"
    )
    yield place
    shutil.rmtree(place)


@pytest.mark.host
@pytest.mark.parametrize("name", [*FILLED, "vpc-fixed", "qcow2-packed", "vmdk-stream"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_truncated_image_is_refused(filled: Path, tmp_path: Path, name: str, kept: float) -> None:
    whole = filled / name
    assert look(whole).virtual_size >= 6 * MIB
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * kept) // 512 * 512])
    format = look(whole).format
    with pytest.raises(BadImage):
        look(cut, format)


@pytest.mark.host
def test_truncated_flat_extent_is_refused(folder: Path) -> None:
    qemu_img("create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", folder / "disk.vmdk", "4M")
    os.truncate(folder / "disk-flat.vmdk", 3 * MIB)
    with pytest.raises(BadImage, match="truncated"):
        look(folder / "disk.vmdk")


# -- in use -----------------------------------------------------------------------------------------------


@pytest.mark.host
def test_image_open_in_qemu_is_in_use(folder: Path) -> None:
    image = folder / "disk.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", image, "1M")
    assert not is_in_use(image)
    with subprocess.Popen(
        ["qemu-io", "-f", "qcow2", str(image)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdin and user.stdout
        user.stdin.write("write 0 512\n")
        user.stdin.flush()
        user.stdout.readline()
        assert is_in_use(image)
        with pytest.raises(ImageInUse, match="open for writing"):
            refuse_in_use(image)
        assert "inconsistent" in look(image).warnings[0].text
        user.communicate("quit\n")
    assert not is_in_use(image)
    refuse_in_use(image)


@pytest.mark.host
def test_every_error_is_one_line(folder: Path) -> None:
    image = qcow2(folder / "disk.qcow2", backing=b"new\nline\x1b[31m")
    with pytest.raises(ImgtoolsError) as caught:
        look(image)
    assert caught.value.message.endswith(r"new\nline\x1b[31m")
