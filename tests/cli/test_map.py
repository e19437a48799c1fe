"""imgtools map."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from imgtools.cli.command.groups import Output
from imgtools.cli.map import command
from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from tests.support.command import imgtools
from tests.support.disks import FORMATS, MIB, image_of, make_chain, qemu_img, sparse_content


@pytest.mark.parametrize("format", FORMATS)
def test_data_lies_where_it_was_put(tmp_path: Path, format: str) -> None:
    image = image_of(sparse_content(), tmp_path / "d", format)
    data = imgtools("map", "--json", "--format", format, image).data
    stored = [one for one in data["extents"] if one["data"] and not one["zero"]]
    covered = {
        place for one in stored for place in range(one["start"] // MIB, (one["start"] + one["length"]) // MIB)
    }
    assert {0, 4} <= covered
    assert sum(one["length"] for one in data["extents"]) == data["virtual_size"] == 8 * MIB


def test_json_has_what_qemu_img_says_and_the_files(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    ran = imgtools("map", "--json", chain.top)
    assert ran.data["extents"] == json.loads(qemu_img("map", "--output=json", chain.top))
    assert [(one["depth"], one["host_path"]) for one in ran.data["layers"]] == [
        (depth, str(path)) for depth, path in enumerate(chain.files)
    ]
    assert ran.json["schema"] == "imgtools.map/1" and ran.json["ok"]


def test_pipe_gets_a_line_for_each_extent(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    lines = [line.split("\t") for line in imgtools("map", chain.top).out.splitlines()]
    assert lines[0] == ["Start", "Length", "Kind", "Depth", "Offset"]
    kinds = [(int(start), int(length), kind, depth) for start, length, kind, depth, _ in lines[1:]]
    assert kinds == [
        (0, MIB, "data", "2"),
        (MIB, MIB, "data", "1"),
        (2 * MIB, MIB, "hole", ""),
        (3 * MIB, MIB, "data", "0"),
        (4 * MIB, 4 * MIB, "hole", ""),
    ]


def test_part_of_the_disk(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    lines = imgtools("map", "--start", "1M", "--length", "512K", chain.top).out.splitlines()
    assert [line.split("\t")[:3] for line in lines[1:]] == [[str(MIB), str(MIB // 2), "data"]]


def test_compressed_and_zero_are_told_apart(tmp_path: Path) -> None:
    packed = image_of(b"a" * MIB, tmp_path / "c.qcow2", "qcow2", ("-c",))
    assert "compressed" in imgtools("map", packed).out
    zeros = tmp_path / "z.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", zeros, "1M")
    assert "zero" in imgtools("map", zeros).out


def test_bad_numbers_and_images(tmp_path: Path) -> None:
    image = image_of(bytes(MIB), tmp_path / "d")
    imgtools("map", "--start", "soon", image, code=2)
    imgtools("map", tmp_path / "gone", code=3)


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars_as_wide_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = make_chain(tmp_path)
    monkeypatch.setenv("COLUMNS", "10")
    shown = Terminal()
    command(ImageRequest((DiskSource(chain.top),)), Output(stdout=shown))
    bars = [line for line in shown.getvalue().splitlines() if line.startswith("[")]
    assert bars == ["[##.#....]", "[21.0....]"]
    assert "[" not in imgtools("map", chain.top).out
