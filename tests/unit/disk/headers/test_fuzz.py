"""Whatever bytes an image has: a fact or a named error, no other file opened, a bounded number of bytes read."""

from __future__ import annotations

import os
import struct
import subprocess
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imgtools.disk import backing
from imgtools.disk.headers import FORMATS, QUICK, known_format
from imgtools.disk.headers.hostfile import HostFile, open_host_file
from imgtools.errors import ImgtoolsError
from imgtools.records.image import DiskSource, ImageInfo
from imgtools.records.request import Backing

MIB = 1 << 20
# Everything that one look may read of all files of a chain, and the memory it may take.
MOST_READ = 256 * MIB
MOST_MEMORY = 128 * MIB

QUIET = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=150,
    database=None,
)

MAGICS = [
    b"QFI\xfb\0\0\0\x03",
    b"QFI\xfb\0\0\0\x02",
    b"QFI\xfb\0\0\0\x01",
    b"QED\0",
    b"KDMV\x01\0\0\0",
    b"COWD",
    b"# Disk DescriptorFile\nversion=1\n",
    b"conectix",
    b"vhdxfile",
    b"WithouFreSpacExt",
    b"LUKS\xba\xbe\0\x01",
    b"Bochs Virtual HD Image",
    b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop",
]
NAMES = [
    b"base.raw",
    b"../secret",
    b"/etc/passwd",
    b"nbd:x",
    b"json:{}",
    b"image",
    b"link",
    b"\0",
    b"a" * 2000,
]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small whole image of each format that qemu-img writes."""
    folder = tmp_path_factory.mktemp("samples")
    source = folder / "source"
    source.write_bytes(os.urandom(300_000))
    found = {}
    for format in ("qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx", "parallels"):
        made = folder / format
        argv = ["qemu-img", "convert", "-f", "raw", "-O", format, str(source), str(made)]
        subprocess.run(argv, check=True, capture_output=True)
        found[format] = made.read_bytes()
    overlay = folder / "overlay"
    base = folder / "base.raw"
    base.write_bytes(bytes(MIB))
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", str(overlay)]
    subprocess.run(argv, check=True)
    found["overlay"] = overlay.read_bytes()
    return found


class Watch:
    """What was opened and how much was read."""

    def __init__(self) -> None:
        self.opened: list[Path] = []
        self.read = 0


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watch every file that a look at an image opens; QEMU is left out."""
    found = Watch()
    read = HostFile.read

    @contextmanager
    def opened(host_path: Path) -> Iterator[HostFile]:
        found.opened.append(host_path)
        with open_host_file(host_path) as file:
            yield file

    def counted(self: HostFile, offset: int, length: int) -> bytes:
        data = read(self, offset, length)
        found.read += len(data)
        return data

    monkeypatch.setattr(backing, "open_host_file", opened)
    monkeypatch.setattr(HostFile, "read", counted)
    monkeypatch.setattr(backing, "_with_facts", lambda image: image)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a base, and a secret outside it that a link leads to."""
    place = tmp_path / "images"
    place.mkdir()
    (tmp_path / "secret").write_bytes(bytes(MIB))
    (place / "base.raw").write_bytes(bytes(MIB))
    (place / "link").symlink_to(tmp_path / "secret")
    return place


def look(folder: Path, content: bytes, watch: Watch, format: str | None = None, size: int = 0) -> None:
    image = folder / "image"
    image.write_bytes(content)
    if size > len(content):
        os.truncate(image, size)
    watch.opened.clear()
    watch.read = 0
    for policy in (Backing.SAME_DIR, Backing.NONE):
        try:
            found = backing.examine(DiskSource(image, format), policy=policy)
        except ImgtoolsError as error:
            assert error.message and "\n" not in error.message
        else:
            assert isinstance(found, ImageInfo) and 0 <= found.virtual_size < 1 << 63
    home = os.path.realpath(folder)
    assert all(os.path.realpath(path).startswith(home) for path in watch.opened)
    assert watch.read <= MOST_READ


@QUIET
@given(content=st.binary(max_size=4096), format=st.sampled_from([None, *FORMATS]))
@example(content=b"", format=None)
def test_any_bytes(folder: Path, watch: Watch, content: bytes, format: str | None) -> None:
    look(folder, content, watch, format)


@QUIET
@given(
    magic=st.sampled_from(MAGICS),
    content=st.binary(max_size=2048),
    words=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**64 - 1)), max_size=12),
    size=st.sampled_from([0, 1 << 20, 1 << 32, 1 << 40]),
)
def test_header_of_a_format_with_any_numbers(
    folder: Path, watch: Watch, magic: bytes, content: bytes, words: list[tuple[int, int]], size: int
) -> None:
    """The file may be huge (and sparse), so that what the numbers point at is there."""
    image = bytearray((magic + content).ljust(4096, b"\0"))
    for place, word in words:
        at = len(magic) + place
        image[at : at + 8] = word.to_bytes(8, "big" if place % 2 else "little")
    look(folder, bytes(image), watch, None, size)


@pytest.mark.host
@QUIET
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_whole_image_with_some_bytes_changed(
    samples: dict[str, bytes], folder: Path, watch: Watch, data: st.DataObject, name: bytes
) -> None:
    kind = data.draw(st.sampled_from(sorted(samples)))
    image = bytearray(samples[kind])
    # Mostly in the header and its tables, where it hurts.
    places = st.one_of(st.integers(0, min(len(image), 600) - 1), st.integers(0, len(image) - 1))
    for _ in range(data.draw(st.integers(1, 8))):
        image[data.draw(places)] = data.draw(st.integers(0, 255))
    if kind == "overlay":
        at, size = struct.unpack_from(">QI", image, 8)
        if at < len(image):
            image[at : at + size] = name.ljust(size, b"x")[: max(size, 0)]
    kept = data.draw(st.integers(0, len(image)))
    look(folder, bytes(image[: kept or None]), watch)


@QUIET
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from(["RW", "RDONLY", "NOACCESS", "RW\n"]),
            st.integers(-(2**70), 2**70),
            st.sampled_from(["FLAT", "VMFS", "SPARSE", "VMFSSPARSE", "SESPARSE", "ZERO"]),
            st.sampled_from(
                ["base.raw", "../secret", "/etc/passwd", "link", "image", "nbd:x", "gone", "a\\0b"]
            ),
            st.integers(-5, 2**64),
        ),
        max_size=6,
    ),
    parent=st.sampled_from(
        ["", 'parentFileNameHint="../secret"\n', 'parentFileNameHint="image"\n', "parentFileNameHint"]
    ),
)
def test_vmdk_descriptor_with_any_extents(
    folder: Path, watch: Watch, lines: list[tuple[str, int, str, str, int]], parent: str
) -> None:
    text = "# Disk DescriptorFile\nversion=1\nCID=1\n" + parent
    text += "".join(f'{access} {sectors} {kind} "{name}" {at}\n' for access, sectors, kind, name, at in lines)
    look(folder, text.encode(), watch)


def hostile_qcow2(entries: int) -> bytes:
    """A qcow2 whose first-level table is as long as it may be, and full."""
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        b"QFI\xfb",
        3,
        0,
        0,
        9,
        1 << 60,
        0,
        entries,
        512,
        1 << 30,
        1,
        0,
        0,
        0,
        0,
        0,
        4,
        104,
    )
    return header.ljust(512, b"\0") + b"\x00\x00\x00\x00\x00\x00\x02\x00" * entries


def hostile_vmdk() -> bytes:
    """A vmdk whose grain directory is as long as it may be, and full."""
    tables = 8 << 20
    header = struct.pack("<4sIIQQQQIQQQ", b"KDMV", 1, 1, tables, 1, 1, 20, 1, 21, 21, 128)
    return header.ljust(21 * 512, b"\0") + b"\x15\0\0\0" * tables


@pytest.mark.parametrize("image", [hostile_qcow2(4 << 20), hostile_vmdk()], ids=["qcow2", "vmdk"])
def test_tables_as_large_as_they_may_be_take_no_memory(folder: Path, watch: Watch, image: bytes) -> None:
    tracemalloc.start()
    try:
        look(folder, image, watch, None, 1 << 40)
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY + len(image)
    finally:
        tracemalloc.stop()


@pytest.mark.host
def test_look_at_a_huge_image_reads_little(folder: Path, watch: Watch) -> None:
    """The cost of a look must not grow with the disk."""
    image = folder / "huge.qcow2"
    argv = [
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-o",
        "cluster_size=2M,preallocation=metadata",
        str(image),
        "8T",
    ]
    subprocess.run(argv, check=True)
    backing.examine(DiskSource(image))
    assert watch.read < 4 * QUICK + 16 * MIB


@pytest.mark.host
@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(data=st.data())
def test_qemu_is_asked_only_about_what_survived(
    samples: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    """With QEMU behind it: crashes and refusals of its drivers are bad images too."""
    kind = data.draw(st.sampled_from(sorted(set(samples) - {"overlay"})))
    image = bytearray(samples[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        image[data.draw(st.integers(8, 511))] = data.draw(st.integers(0, 255))
    path = tmp_path / "image"
    path.write_bytes(image)
    try:
        backing.examine(DiskSource(path, known_format(kind)))
    except ImgtoolsError as error:
        assert "\n" not in error.message
