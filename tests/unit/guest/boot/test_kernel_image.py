"""Kernels are told by their first bytes, and those that lack their end by their header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.executables import elf, kernel, pe
from imgtools.guest.boot.kernel_image import parse_kernel_image, read_kernel_image
from tests.support.memory import memory_files

SIZE = 20_000
WHOLE = kernel("6.1.0-18-amd64", str(SIZE)).ljust(SIZE, b"\0")


def test_a_whole_kernel_says_its_version_and_processor() -> None:
    found = read_kernel_image(memory_files({"/k": WHOLE}), "/k")
    assert (found.kind, found.arch, found.version, found.problem) == (
        "bzImage",
        "x86_64",
        "6.1.0-18-amd64",
        "",
    )


def test_a_signature_may_follow() -> None:
    assert not parse_kernel_image(WHOLE, SIZE + 1500).problem


def test_a_kernel_that_is_cut() -> None:
    assert (
        parse_kernel_image(WHOLE, SIZE - 1000).problem == "it has 19000 bytes of 20000 that its header tells"
    )


@pytest.mark.parametrize(
    ("head", "kind", "arch"),
    [
        (elf("aarch64"), "elf", "aarch64"),
        (pe("aarch64"), "pe", "aarch64"),
        (bytes(0x38) + b"ARM\x64" + bytes(100), "arm64", "aarch64"),
        (b"\x1f\x8b" + bytes(100), "gzip", ""),
        (b"\x27\x05\x19\x56" + bytes(100), "u-boot", ""),
    ],
)
def test_other_kinds(head: bytes, kind: str, arch: str) -> None:
    found = parse_kernel_image(head, len(head))
    assert (found.kind, found.arch, found.problem) == (kind, arch, "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (bytes(4096), "it begins with zeros"),
        (b"a text", "its first bytes are no kernel's"),
        (b"MZ" + bytes(500), "its PE header is damaged"),
    ],
)
def test_what_is_none(content: bytes, problem: str) -> None:
    assert read_kernel_image(memory_files({"/k": content}), "/k").problem == problem


@given(st.binary(max_size=2000))
def test_noise_is_told_and_never_raised(noise: bytes) -> None:
    for head in (noise, b"MZ" + noise, WHOLE[:0x1F0] + noise):
        parse_kernel_image(head, len(head))
