"""imgtools info."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import FORMATS, MIB, image_of, make_chain, qemu_img


@pytest.fixture
def partitioned(tmp_path: Path) -> Path:
    """A raw disk with a GPT of two partitions."""
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(16 * MIB))
    table = "label: gpt\nstart=2048, size=4096, name=one\nstart=8192, size=8192, name=two\n"
    subprocess.run(["/sbin/sfdisk", "-q", str(disk)], input=table, text=True, check=True)
    return disk


@pytest.mark.parametrize("format", FORMATS)
def test_facts_agree_with_qemu_img(tmp_path: Path, format: str) -> None:
    image = image_of(bytes(2 * MIB), tmp_path / "d", format)
    told = imgtools("info", "--no-partitions", "--format", format, "--json", image).data["disks"][0]
    qemu = json.loads(qemu_img("info", "--output=json", "-f", format, image))
    assert told["format"] == qemu["format"]
    assert told["virtual_size"] == qemu["virtual-size"]
    assert told["actual_size"] == qemu["actual-size"]


def test_partition_table_is_told(partitioned: Path) -> None:
    told = imgtools("info", "--json", partitioned)
    disk = told.data["disks"][0]["disk"]
    assert disk["table"] == "gpt"
    assert [(one["number"], one["start"], one["name"]) for one in disk["partitions"]] == [
        (1, MIB, "one"),
        (2, 4 * MIB, "two"),
    ]
    assert told.json["engine"] == "direct"


def test_chain_snapshots_and_details(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    qemu_img("snapshot", "-c", "before", chain.top)
    told = imgtools("info", "--no-partitions", "--json", chain.top).data["disks"][0]
    assert [Path(layer["host_path"]).name for layer in told["chain"]] == [path.name for path in chain.files]
    assert [(one["name"], one["virtual_size"]) for one in told["snapshots"]] == [("before", 8 * MIB)]
    assert told["details"]["compat"] == "1.1"
    assert not told["dirty"] and not told["in_use"]


def test_pipe_gets_a_fact_a_line(partitioned: Path) -> None:
    lines = dict(line.split("\t") for line in imgtools("info", partitioned).out.splitlines())
    assert lines["format"] == "raw" and lines["virtual size"] == str(16 * MIB)
    assert lines["partition.2.start"] == str(4 * MIB) and lines["in use"] == "no"


def test_image_in_use_is_told_and_read(tmp_path: Path) -> None:
    image = image_of(bytes(MIB), tmp_path / "d.qcow2", "qcow2")
    with subprocess.Popen(
        ["qemu-io", "-f", "qcow2", str(image)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdin and user.stdout
        user.stdin.write("read 0 512\n")
        user.stdin.flush()
        user.stdout.readline()
        ran = imgtools("info", "--no-partitions", "--json", image)
        assert ran.data["disks"][0]["in_use"] and "inconsistent" in ran.json["warnings"][0]["text"]
        user.communicate("quit\n")


def test_partition_table_that_cannot_be_read_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASS", "x" * 8)
    image = tmp_path / "e.qcow2"
    imgtools("create", image, "1M", "--secret", "env:PASS", "-o", "encrypt.iter-time=10")
    ran = imgtools("info", "--json", image)
    assert ran.data["disks"][0]["encryption"] == "luks"
    assert "partition table was not read" in ran.json["warnings"][0]["text"]


def test_what_is_no_image(tmp_path: Path) -> None:
    imgtools("info", tmp_path / "gone", code=3)
    imgtools("info", tmp_path, code=10)
    plain = image_of(bytes(MIB), tmp_path / "d.raw")
    imgtools("info", "--format", "qcow2", plain, code=10)
    imgtools("info", "--format", "qcow9", plain, code=2)
    base = tmp_path / "sub" / "top.qcow2"
    base.parent.mkdir()
    qemu_img("create", "-q", "-f", "qcow2", "-b", plain, "-F", "raw", base)
    imgtools("info", base, code=12)
    imgtools("info", "--backing", "any", "--no-partitions", base)


def test_image_is_not_changed(tmp_path: Path) -> None:
    for format in FORMATS:
        image = image_of(bytes(MIB), tmp_path / f"d.{format}", format)
        before = (image.read_bytes(), image.stat().st_mtime_ns)
        imgtools("info", "--format", format, image)
        assert (image.read_bytes(), image.stat().st_mtime_ns) == before


# -- images that want mending -------------------------------------------------------------------------------


def without_recorded_format(top: Path, base: Path, format: str) -> Path:
    """An overlay as qemu-img before 6.1 made it without -F: the format of its backing file is not recorded."""
    qemu_img("create", "-q", "-f", "qcow2", "-b", base, "-F", format, top)
    content = bytearray(top.read_bytes())
    at = content.find(0xE2792ACA.to_bytes(4, "big"))
    content[at : at + 4] = b"\x12\x34\x56\x78"  # an extension that nobody knows
    top.write_bytes(content)
    return top


def test_what_keeps_a_chain_from_opening_is_told_with_the_rest(tmp_path: Path) -> None:
    base = image_of(bytes(MIB), tmp_path / "base.img", "qcow2")
    top = without_recorded_format(tmp_path / "top.qcow2", base, "qcow2")
    ran = imgtools("info", "--json", top, code=1)
    (facts,) = ran.data["disks"]
    assert (facts["format"], facts["virtual_size"], len(facts["chain"])) == ("qcow2", MIB, 1)
    assert "does not record the format" in facts["problem"] and "rebase --unsafe" in facts["problem"]
    imgtools("rebase", "--unsafe", "--onto", base, "--onto-format", "qcow2", "--write", top)
    assert len(imgtools("info", "--json", top).data["disks"][0]["chain"]) == 2
    base.unlink()
    ran = imgtools("info", top, code=1)
    assert "is missing" in ran.err and "virtual size" in ran.out
    os.truncate(top, 70_000)  # its own damage is an error as before
    imgtools("info", top, code=10)


def test_many_snapshots_are_listed_without_asking_qemu(tmp_path: Path) -> None:
    """QEMU takes a quarter of a minute to open as many as there may be."""
    image, count = tmp_path / "d.qcow2", 65_535
    qemu_img("create", "-q", "-f", "qcow2", image, "1M")
    with image.open("r+b") as file:
        table_at, entries = 1 << 20, []
        for number in range(count):
            name = b"%d" % number
            head = struct.pack(">QIHHIIQII", 0, 0, len(name), len(name), number, 0, 0, 0, 16)
            entry = head + struct.pack(">QQ", 0, MIB) + name + name
            entries.append(entry.ljust(-(-len(entry) // 8) * 8, b"\0"))
        file.seek(60)
        file.write(struct.pack(">IQ", count, table_at))
        file.seek(table_at)
        file.write(b"".join(entries))
    ran = imgtools("info", "--json", image)
    assert len(ran.data["disks"][0]["snapshots"]) == count
    assert "was not asked" in ran.json["warnings"][0]["text"]
