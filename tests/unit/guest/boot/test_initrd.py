"""Initial RAM disks of every kind are read to their end; cut, damaged and hostile ones are told apart."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.executables import INITRD, initrd
from imgtools.guest.boot.initrd import Initrd, read_initrd
from tests.support.memory import memory_files

PLAIN = initrd(4096)
EARLY = initrd(1024, {"kernel/x86/microcode/GenuineIntel.bin": b"microcode"})
PACKED = {
    "gzip": gzip.compress(PLAIN, mtime=0),
    "bzip2": bz2.compress(PLAIN),
    "xz": lzma.compress(PLAIN, check=lzma.CHECK_CRC32),
    "lzma": lzma.compress(PLAIN, lzma.FORMAT_ALONE),
}


def read(content: bytes) -> Initrd:
    return read_initrd(memory_files({"/initrd": content}), "/initrd")


def packed(kind: str) -> bytes:
    words = {"zstd": ["zstd", "-qc"], "lz4": ["lz4", "-qlc"]}
    return (
        PACKED.get(kind) or subprocess.run(words[kind], input=PLAIN, capture_output=True, check=True).stdout
    )


by_library = pytest.mark.parametrize("kind", sorted(PACKED))
by_any = pytest.mark.parametrize(
    "kind", [*sorted(PACKED), *(pytest.param(one, marks=pytest.mark.host) for one in ("zstd", "lz4"))]
)


def test_one_that_is_not_packed() -> None:
    found = read(PLAIN)
    assert (found.archives, found.problem) == (("cpio",), "")
    assert found.names == {*INITRD, "fill"}
    assert found.has_module("virtio-blk") and found.has_program("lvm") and found.has_init
    assert not found.has_module("nvme") and not found.has_program("plymouthd")


@by_any
def test_microcode_may_come_first_and_zeros_last(kind: str) -> None:
    found = read(EARLY + bytes(512) + packed(kind) + bytes(100))
    assert (found.archives, found.problem) == (("cpio", kind), "")
    assert {"init", "kernel/x86/microcode/GenuineIntel.bin"} <= found.names


@by_any
def test_one_that_is_cut(kind: str) -> None:
    content = packed(kind)
    for size in (len(content) // 2, len(content) - 1):
        assert read(content[:size]).problem


@by_library
def test_one_archive_behind_another(kind: str) -> None:
    content = PACKED[kind]
    assert read(content + bytes(-len(content) % 4) + gzip.compress(EARLY)).archives == (kind, "gzip")


def test_two_archives_in_one_stream() -> None:
    found = read(gzip.compress(EARLY + bytes(512) + PLAIN))
    assert {"init", "kernel/x86/microcode/GenuineIntel.bin"} <= found.names


@by_library
def test_junk_behind_it(kind: str) -> None:
    found = read(PACKED[kind] + b"\1\2\3\4\5\6")
    assert "junk" in found.junk and not found.problem and found.has_init


def test_what_is_packed_with_lzo_is_not_known() -> None:
    found = read(b"\x89LZO\0\r\n\x1a\n" + bytes(64))
    assert found.archives == ("lzo",) and "lzo" in found.closed and not found.problem


def test_several_files_are_one_behind_the_other() -> None:
    files = memory_files({"/microcode": EARLY, "/initrd": PACKED["xz"]})
    assert read_initrd(files, "/microcode", "/initrd").archives == ("cpio", "xz")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (bytes(5000), "it is empty"),
        (b"no archive", "it begins with no archive and with nothing packed"),
        (PLAIN[:3000], "its archive ends in the middle of a file"),
        (PLAIN[:60], "its archive ends too early"),
        (PLAIN.replace(b"00000000", b"0000zzzz"), "its archive is damaged: a number that is none"),
        (
            gzip.compress(b"no archive at all" * 20, mtime=0),
            "its archive is damaged: no file begins where one should",
        ),
        (
            b"\x28\xb5\x2f\xfd\x00\x00\x06\x00\x00" + bytes(9),
            "its zstd stream is damaged: a block of a kind that",
        ),
    ],
)
def test_what_is_none(content: bytes, problem: str) -> None:
    assert read(content).problem.startswith(problem)


@given(st.binary(max_size=400), st.integers(0, 4000))
def test_damage_is_told_and_never_raised(noise: bytes, at: int) -> None:
    for whole in (PLAIN, PACKED["gzip"]):
        read(whole[:at] + noise + whole[at + len(noise) :])
