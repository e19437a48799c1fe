"""imgtools map --svg."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

from imgtools.cli.output.map_svg import MOST_FILES, MapPicture
from imgtools.disk.image_file import Extent
from imgtools.workflows.map import MapHead, MapLayer
from tests.support.command import imgtools
from tests.support.disks import MIB, image_of, make_chain, sparse_content

BAR = 1200  # pixels


def texts_of(svg: str) -> list[str]:
    """The words of a picture, which is well-formed XML."""
    return [
        element.text
        for element in ElementTree.fromstring(svg.encode()).iter()
        if element.text and element.text.strip()
    ]


def filled(svg: str, colour: str) -> list[tuple[float, float]]:
    """From where to where, as shares of the bar, a colour is."""
    places = []
    for path in re.findall(rf'<path fill="{colour}"[^>]* d="([^"]*)"', svg):
        for left, right in re.findall(r"M([\d.]+) [\d.]+V[\d.]+H([\d.]+)", path):
            places.append(((float(left) - 20) / BAR, (float(right) - 20) / BAR))
    return places


def test_a_chain_shows_what_lies_where_and_in_which_file(tmp_path: Path) -> None:
    chain, target = make_chain(tmp_path), tmp_path / "disk.svg"
    ran = imgtools("map", "--svg", target, chain.top)
    assert not ran.out and str(target) in ran.err
    svg = target.read_text()
    assert filled(svg, "#3d85c6") == [(0, 0.25), (0.375, 0.5)]
    assert [filled(svg, colour) for colour in ("#2f9e8f", "#d9822b", "#c2578e")] == [
        [(0.375, 0.5)],
        [(0.125, 0.25)],
        [(0, 0.125)],
    ]
    words = texts_of(svg)
    assert "data 3.0M, 37.5 %" in words and "hole 5.0M, 62.5 %" in words
    assert "1: middle.qcow2 (qcow2) 1.0M, 12.5 %" in words and "8M" in words


def test_one_file_needs_no_second_bar(tmp_path: Path) -> None:
    image, target = image_of(sparse_content(), tmp_path / "d.raw"), tmp_path / "d.svg"
    imgtools("map", "--svg", target, "--format", "raw", image)
    assert not any("chain" in one for one in texts_of(target.read_text()))


def test_a_part_of_the_disk_has_the_whole_bar(tmp_path: Path) -> None:
    chain, target = make_chain(tmp_path), tmp_path / "part.svg"
    imgtools("map", "--start", "1M", "--length", "2M", "--svg", target, chain.top)
    svg = target.read_text()
    assert filled(svg, "#3d85c6") == [(0, 0.5)]
    assert "top.qcow2: 1M to 3M of a qcow2 disk of 8.0M" in texts_of(svg)
    assert "data 1.0M, 50.0 %" in texts_of(svg)


def test_json_comes_beside_the_picture(tmp_path: Path) -> None:
    chain, target = make_chain(tmp_path), tmp_path / "disk.svg"
    data = imgtools("map", "--json", "--svg", target, chain.top).data
    assert data["extents"] == imgtools("map", "--json", chain.top).data["extents"]
    texts_of(target.read_text())


def test_names_of_files_are_words_in_the_picture(tmp_path: Path) -> None:
    name = os.fsdecode(b"<a href='x'>&\x1b[31m\xff\xe2\x80\xae.qcow2")
    image = tmp_path / name
    shutil.move(image_of(sparse_content(), tmp_path / "plain.qcow2", "qcow2"), image)
    imgtools("map", "--svg", tmp_path / "d.svg", image)
    title = texts_of((tmp_path / "d.svg").read_text())[0]
    assert title == "<a href='x'>&\\x1b[31m\\xff\\u202e.qcow2: a qcow2 disk of 8.0M"


def test_a_file_that_is_there_stays_unless_forced(tmp_path: Path) -> None:
    chain, target = make_chain(tmp_path), tmp_path / "disk.svg"
    target.write_text("mine")
    refused = imgtools("map", "--svg", target, chain.top, code=None)
    assert refused.code != 0 and "there already" in refused.err and target.read_text() == "mine"
    imgtools("map", "--svg", target, "--force", chain.top)
    texts_of(target.read_text())
    assert "--svg" in imgtools("map", "--force", chain.top, code=2).err


def test_no_image_of_the_chain_is_replaced(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    link = tmp_path / "link.svg"
    link.symlink_to(chain.base)
    before = [path.read_bytes() for path in chain.files]
    for target in (chain.top, link):
        assert "is a file of the image" in imgtools("map", "--svg", target, "--force", chain.top, code=2).err
    assert [path.read_bytes() for path in chain.files] == before


def test_nothing_is_left_when_the_image_cannot_be_read(tmp_path: Path) -> None:
    imgtools("map", "--svg", tmp_path / "d.svg", tmp_path / "gone", code=3)
    imgtools("map", "--svg", tmp_path / "none" / "d.svg", image_of(bytes(MIB), tmp_path / "d"), code=3)
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_picture_of_very_many_extents_and_files_is_no_larger() -> None:
    layers = tuple(MapLayer(depth, Path(f"/{depth}.qcow2"), "qcow2") for depth in range(100))
    many = 120_000
    picture = MapPicture(MapHead("", many * 512, layers), (0, many * 512))
    picture.add(
        Extent(n * 512, 512, n * 7 % 100, n % 3 > 0, False, n % 3 > 0, n * 512 if n % 5 else None)
        for n in range(many)
    )
    svg = picture.text()
    assert len(svg) < 1 << 20
    assert sum(":" in one and ".qcow2 (qcow2)" in one for one in texts_of(svg)) == MOST_FILES - 1
    assert any(one.startswith("77 more files below") for one in texts_of(svg))


def test_an_empty_disk_is_an_empty_picture() -> None:
    picture = MapPicture(MapHead("", 0, (MapLayer(0, Path("/d"), "raw"),)), (0, 0))
    picture.add(())
    assert "d: a raw disk of 0" in texts_of(picture.text())
