"""How qemu-img is run, and what its words mean."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from imgtools.engine.process import HOST, Completed, Limits, ToolFailed
from imgtools.engine.qemu.img import mapping
from imgtools.engine.qemu.img.commands import amend_options, create_options
from imgtools.engine.qemu.img.mapping import CHUNK, Extent, parse_extents
from imgtools.engine.qemu.img.running import named, work
from imgtools.engine.qemu.nodes import plain_node
from imgtools.errors import (
    BadImage,
    EngineFailed,
    EngineTimeout,
    HostError,
    ImageInUse,
    ImgtoolsError,
    KeyNeeded,
    NoRoom,
)

# -- what it says -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (1, "qemu-img: error while writing at byte 0: No space left on device", NoRoom),
        (1, "qemu-img: x: Disk quota exceeded", NoRoom),
        (-signal.SIGXFSZ, "", NoRoom),
        (-signal.SIGSEGV, "", BadImage),
        (-signal.SIGABRT, "", BadImage),
        (1, 'qemu-img: Could not open: Failed to get "write" lock', ImageInUse),
        (1, 'Failed to get shared "write" lock\nIs another process using the image [x]?', ImageInUse),
        (1, "qemu-img: Could not open 'x': Invalid password, cannot unlock any keyslot", KeyNeeded),
        (1, "qemu-img: x: Could not create file: Permission denied", HostError),
        (1, "qemu-img: x: Read-only file system", HostError),
        (1, "qemu-img: error while reading at byte 65536: Input/output error", BadImage),
        (-signal.SIGKILL, "", EngineFailed),
        (1, "qemu-img: something else", ToolFailed),
    ],
)
def test_complaints_become_named_errors(code: int, words: str, kind: type[ImgtoolsError]) -> None:
    error = named(Completed(("qemu-img",), code, b"", words.encode()), "d.qcow2")
    assert type(error) is kind
    assert error.message.startswith("d.qcow2: ") and "\n" not in error.message


def test_message_has_no_node_in_it() -> None:
    words = b"qemu-img: Could not open 'driver=qcow2,file.filename=/x': Image is not in qcow2 format"
    assert named(Completed(("qemu-img",), 1, b"", words)).message == "qemu-img: Image is not in qcow2 format"


# -- running ----------------------------------------------------------------------------------------------


def program(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a qemu-img of our own first on the path."""
    script = tmp_path / "qemu-img"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.host
def test_percentage_becomes_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(
        tmp_path, r"printf '    (0.00/100%%)\r    (12.34/100%%)\r    (100.00/100%%)\r\nrest'", monkeypatch
    )
    seen: list[tuple[int, int]] = []
    done = work(["qemu-img", "convert"], HOST, progress=lambda *numbers: seen.append(numbers))
    assert seen[-1] == (10000, 10000) and done.stdout == b"\r\nrest"


@pytest.mark.host
def test_growing_file_becomes_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "grows"
    program(tmp_path, f"head -c 65536 /dev/urandom >{target}; sync {target}; sleep 0.3", monkeypatch)
    seen: list[tuple[int, int]] = []
    work(["qemu-img", "create"], HOST, progress=lambda *numbers: seen.append(numbers), grows=(target, 65536))
    assert seen[-1] == (65536, 65536)


@pytest.mark.host
def test_endless_talk_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "head -c 10000000 /dev/zero >&2; echo last line >&2; exit 1", monkeypatch)
    with pytest.raises(ToolFailed, match="last line"):
        work(["qemu-img"], HOST)
    program(tmp_path, "while :; do head -c 1000000 /dev/zero; done", monkeypatch)
    with pytest.raises(EngineFailed, match="does not stop"):
        work(["qemu-img"], HOST)


@pytest.mark.host
def test_time_limit_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "exec sleep 60", monkeypatch)
    with pytest.raises(EngineTimeout):
        work(["qemu-img"], HOST, limits=Limits(seconds=0.1))


# -- options ----------------------------------------------------------------------------------------------


@pytest.mark.host
def test_options_of_formats_are_read_from_the_help() -> None:
    known = {one.name: one for one in create_options("qcow2")}
    assert {"cluster_size", "compression_type", "encrypt.key-secret", "preallocation"} <= known.keys()
    assert "force_size" in {one.name for one in create_options("vpc")}
    assert "compat" in {one.name for one in amend_options("qcow2")}
    assert create_options("dmg") == ()


# -- maps -------------------------------------------------------------------------------------------------

LINES = (
    b'[{ "start": 0, "length": 65536, "depth": 1, "present": true, "zero": false, "data": true, "offset": 327680},\n'
    b'{ "start": 65536, "length": 512, "depth": 0, "present": false, "zero": true, "data": false},\n'
    b'{ "start": 66048, "length": 9, "depth": 0, "present": true, "zero": false, "data": true, "compressed": true}]\n'
)
EXTENTS = [
    Extent(0, 65536, 1, True, False, True, 327680),
    Extent(65536, 512, 0, False, True, False),
    Extent(66048, 9, 0, True, False, True, None, True),
]


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_map_is_read_wherever_it_is_cut(size: int) -> None:
    pieces = [LINES[at : at + size] for at in range(0, len(LINES), size)]
    assert list(parse_extents(pieces)) == EXTENTS


@pytest.mark.parametrize(
    "text", [b'[{ "start": 0 }]\n', b"{" * (CHUNK + 1), LINES.replace(b"true", b"maybe")]
)
def test_map_that_is_none(text: bytes) -> None:
    with pytest.raises(EngineFailed):
        list(parse_extents([text]))


@pytest.mark.host
def test_failure_after_some_extents_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "printf '[{ \"start\": 0'; echo broken >&2; exit 1", monkeypatch)
    with (
        pytest.raises(ToolFailed, match="broken"),
        mapping.map_stream(plain_node(Path("/a"), "raw")) as pieces,
    ):
        list(pieces)
