"""imgtools make: what is refused, what nothing but the host's programs make, and what comes of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from imgtools import make
from imgtools.errors import BadLayout, BadSource, CannotHold, ManyPlatforms, TooSmall
from tests.support.command import imgtools
from tests.support.new_disks import (
    LEFT,
    MOMENT,
    add,
    docker_archive,
    layer,
    oci_layout,
    plain_folder,
    rich_archive,
)

pytestmark = pytest.mark.host


# -- refusals ----------------------------------------------------------------------------------------------


def nothing_left(folder: Path) -> bool:
    return not [one.name for one in folder.iterdir() if one.name.startswith((".imgtools", "new"))]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "how large?"),
        (("--size", "1M", "--type", "reiserfs"), 2, "no such type: reiserfs"),
        (("--size", "1M", "--partition", "apm"), 2, "no such table"),
        (("--size", "1M", "--type", "ext4"), 46, "are too little"),
        (("--size", "100M", "--type", "xfs"), 46, "300M"),
        (("--size", "1G", "--partition", "none", "--esp", "64M"), 2, "needs a table"),
        (("--size", "1G", "--label", "x" * 17), 2, "at most 16 bytes"),
        (("--size", "1G", "--uuid", "1234"), 2, "no UUID of ext4"),
        (("--size", "1G", "--owner", "me"), 2, "no owner"),
        (("--size", "1G", "--layout", "nothing"), 2, "no such layout"),
        (("--size", "1G", "--blocksize", "3000"), 2, "no size of a block"),
        (("--floppy", "--type", "ext4"), 2, "a floppy is a FAT"),
        (("--from", "/no/such/place"), 3, "no such file or folder"),
    ],
)
def test_words_that_do_not_fit(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    ran = imgtools("make", tmp_path / "new.img", *words, code=code)
    assert said in ran.err and ran.err.count("\n") <= 2 and nothing_left(tmp_path)


def test_the_format_by_the_name_that_virt_make_fs_has(tmp_path: Path) -> None:
    imgtools("make", tmp_path / "disk", "--size", "1M", "--type", "vfat", "--format", "raw")
    assert (tmp_path / "disk").stat().st_size == 1 << 20


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    target = tmp_path / "there.img"
    target.write_text("mine")
    imgtools("make", target, "--size", "8M", code=15)
    assert target.read_text() == "mine"
    imgtools("make", target, "--size", "8M", "--overwrite")
    assert target.stat().st_size == 8 << 20


def test_an_image_cannot_be_made_of_itself(tmp_path: Path) -> None:
    assert "made of itself" in imgtools("make", tmp_path / "new.img", "--from", tmp_path, code=2).err


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("../out", tarfile.REGTYPE, ""),
        ("a/../../out", tarfile.REGTYPE, ""),
        ("hard", tarfile.LNKTYPE, "../etc/passwd"),
    ],
)
def test_an_archive_that_leads_out_is_refused(tmp_path: Path, name: str, kind: bytes, target: str) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        add(archive, name, kind=kind, target=target)
    ran = imgtools("make", tmp_path / "new.img", "--from", tmp_path / "bad.tar", code=44)
    assert "leads out" in ran.err and nothing_left(tmp_path)


def test_an_archive_cannot_write_through_a_link_that_leads_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        add(archive, "a", kind=tarfile.SYMTYPE, target="../../etc")
        add(archive, "a/passwd", b"x")
    with pytest.raises(BadSource, match="by way of a link"):
        make(tmp_path / "new.img", tmp_path / "bad.tar")


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes(b"\xa5" * 2048)
    assert (
        "not a tar archive"
        in imgtools("make", tmp_path / "new.img", "--from", tmp_path / "bad.tar", code=44).err
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [("vfat", "cannot hold"), ("exfat", "cannot hold"), ("ntfs", "cannot hold"), ("swap", "holds no files")],
)
def test_a_type_that_cannot_hold_the_files(tmp_path: Path, kind: str, said: str) -> None:
    archive = rich_archive(tmp_path / "rich.tar")
    code = 2 if kind == "swap" else 17
    ran = imgtools("make", tmp_path / "new.img", "--from", archive, "--type", kind, code=code)
    assert said in ran.err and kind in ran.err and nothing_left(tmp_path)


def test_owners_that_are_to_be_kept_where_there_are_none(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "owned.tar", "w") as archive:
        add(archive, "file", b"x", owner=(5, 5))
    with pytest.raises(CannotHold, match="vfat cannot hold owners: /file"):
        make(tmp_path / "new.img", tmp_path / "owned.tar", kind="vfat", owner="keep")
    make(tmp_path / "new.img", tmp_path / "owned.tar", kind="vfat")


def test_names_that_windows_takes_for_one(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for name in ("Name", "name"):
        (tmp_path / "src" / name).touch()
    with pytest.raises(CannotHold, match="for one name"):
        make(tmp_path / "new.img", tmp_path / "src", kind="vfat")


def test_a_size_too_small_names_the_least_and_that_is_enough(tmp_path: Path) -> None:
    source = rich_archive(tmp_path / "rich.tar")
    with pytest.raises(TooSmall, match="it needs") as caught:
        make(tmp_path / "new.img", source, size="3M", partition="gpt")
    least = caught.value.message.split("it needs ")[1].split()[0]
    make(tmp_path / "new.img", source, size=least.replace("M", "") + "M", partition="gpt")


# -- containers --------------------------------------------------------------------------------------------


def regular(image: Path) -> dict[str, bytes]:
    """Every regular file of an ext image, by debugfs."""
    out = image.parent / f"{image.name}.out"
    out.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {out}", str(image)], check=True, capture_output=True)
    return {f"/{one.relative_to(out)}": one.read_bytes() for one in out.rglob("*") if one.is_file()}


@pytest.mark.parametrize("form", ["oci", "docker", "oci archive"])
def test_layers_and_whiteouts(tmp_path: Path, form: str) -> None:
    source = docker_archive(tmp_path / "d.tar") if form == "docker" else oci_layout(tmp_path / "oci")
    if form == "oci archive":
        with tarfile.open(tmp_path / "oci.tar", "w") as archive:
            archive.add(source, ".")
        source = tmp_path / "oci.tar"
    make(tmp_path / "new.img", source)
    assert regular(tmp_path / "new.img") == LEFT


def test_an_image_for_several_platforms(tmp_path: Path) -> None:
    source = oci_layout(tmp_path / "oci", platforms=("linux/amd64", "linux/arm64"))
    with pytest.raises(ManyPlatforms, match="linux/amd64, linux/arm64"):
        make(tmp_path / "new.img", source)
    assert imgtools("make", tmp_path / "new.img", "--from", source, code=45).err.count("\n") <= 2
    make(tmp_path / "new.img", source, platform="linux/arm64")
    with pytest.raises(BadSource, match="no image is for linux/riscv64"):
        make(tmp_path / "other.img", source, platform="linux/riscv64")


def test_a_layer_that_leads_out(tmp_path: Path) -> None:
    source = oci_layout(tmp_path / "oci", [layer([("../x", b"x")])])
    with pytest.raises(BadSource, match="leads out"):
        make(tmp_path / "new.img", source)


def test_a_blob_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    source = oci_layout(tmp_path / "oci")
    for blob in (source / "blobs" / "sha256").iterdir():
        if blob.stat().st_size > 4096:
            blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    with pytest.raises(BadSource, match="not what its name says"):
        make(tmp_path / "new.img", source)


# -- what is made ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partition", ["none", "gpt"])
@pytest.mark.parametrize(
    "kind", ["ext2", "ext3", "ext4", "vfat", "ntfs", "iso9660", "squashfs", "swap"]
)  # all that is made without a boot
def test_two_runs_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, partition: str
) -> None:
    if kind in ("iso9660", "squashfs") and partition != "none":
        return  # they have no place in a table
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(MOMENT))
    digests = []
    for number in range(2):
        # Other inodes, other times, another order in the folder; what is made must not know.
        source = plain_folder(tmp_path / f"src{number}")
        os.utime(source, (MOMENT + 5 + number, MOMENT + 5 + number))
        target = tmp_path / f"{number}.img"
        with_files = {"size": "8M"} if kind == "swap" else {"source": source}
        report = make(target, kind=kind, partition=partition, **with_files)
        assert not [one.text for one in report.warnings if "two runs" in one.text]
        digests.append(hashlib.sha256(target.read_bytes()).hexdigest())
        time.sleep(1.1)  # the clock of every format has moved on
    assert digests[0] == digests[1]


@pytest.mark.parametrize("kind", ["ntfs", "iso9660"])
def test_large_folders_and_hard_links_are_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """In NTFS they have indexes in blocks of their own, and an ISO would tell the inodes of the host."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(MOMENT))
    made = []
    for number in range(2):
        source = tmp_path / f"src{number}" / "folder"
        source.mkdir(parents=True)
        for name in sorted(range(400), reverse=bool(number)):  # other inodes
            (source / f"a file with a long name {name}").write_text(str(name))
        (source / "again").hardlink_to(source / "a file with a long name 7")
        make(tmp_path / f"{number}.img", source.parent, kind=kind)
        made.append((tmp_path / f"{number}.img").read_bytes())
    assert made[0] == made[1]
    rows = imgtools("ls", tmp_path / "0.img", "/folder", "-l", "--json").data["files"]
    assert len(rows) == 401 and {row["links"] for row in rows if row["path"].endswith("/again")} == {2}
    assert {row["mtime"] for row in rows} == {"2023-11-14T22:13:20Z"}


def test_a_map_of_owners(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "owned.tar", "w") as archive:
        add(archive, "a", b"x", owner=(100005, 100006))
        add(archive, "b", b"x", owner=(7, 8))
    make(tmp_path / "new.img", tmp_path / "owned.tar", owner="u:100000:0:65536,8:9")
    said = subprocess.run(
        ["debugfs", "-R", "ls -l /", str(tmp_path / "new.img")], check=True, capture_output=True, text=True
    ).stdout
    owners = {line.split()[-1]: line.split()[3:5] for line in said.splitlines() if line.split()[-1:] != []}
    assert owners["a"] == ["5", "100006"] and owners["b"] == ["7", "9"]


def test_the_esp_gets_its_files(tmp_path: Path) -> None:
    source = tmp_path / "src"
    (source / "boot" / "efi" / "EFI").mkdir(parents=True)
    (source / "boot" / "efi" / "EFI" / "a.efi").write_text("efi")
    report = make(tmp_path / "new.qcow2", source, esp="64M", size="128M")
    assert [(one.type, one.filesystem, one.files) for one in report.parts] == [
        ("esp", "vfat", 2),
        ("linux", "ext4", 2),
    ]
    assert imgtools("check", tmp_path / "new.qcow2")


def test_swap_and_floppy(tmp_path: Path) -> None:
    make(tmp_path / "swap.img", kind="swap", size="1M", label="swap")
    said = subprocess.run(
        ["blkid", "-p", tmp_path / "swap.img"], check=True, capture_output=True, text=True
    ).stdout
    assert 'TYPE="swap"' in said and 'LABEL="swap"' in said
    report = make(tmp_path / "floppy.img", plain_folder(tmp_path / "src"), floppy=True)
    assert report.virtual_size == 1440 << 10


def test_the_guides_program_is_one_command(tmp_path: Path) -> None:
    """A disk of 512 MB with a partition, a filesystem and files."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "foo.txt").write_text("bar\n")
    ran = imgtools(
        "make",
        "--json",
        tmp_path / "disk.img",
        "--from",
        tmp_path / "files",
        "--size",
        "512M",
        "--partition",
        "mbr",
    )
    assert ran.data["virtual_size"] == 512 << 20
    assert "bar" in imgtools("cat", tmp_path / "disk.img", "-m", "/dev/sda1:/", "/foo.txt").out


def test_the_guides_program_in_python(tmp_path: Path) -> None:
    (tmp_path / "foo").write_text("bar\n")
    program = (
        "import sys, tempfile, imgtools\n"
        "from pathlib import Path\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    (Path(folder) / 'foo.txt').write_text('bar')\n"
        "    report = imgtools.make(sys.argv[1], folder, size='512M', partition='mbr', kind='ext4')\n"
        "    print(report.virtual_size, report.parts[0].files)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "disk.img"], check=True, capture_output=True, text=True
    ).stdout
    assert said.split() == [str(512 << 20), "1"]


# -- layouts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty layout"),
        ("partitions: [", "line 1: not YAML"),
        ("table: gpt\npartition:\n", "line 2: unknown word: partition"),
        ("table: gpt\n", "no partitions"),
        ("partitions:\n- format: ext9\n", "line 2: not known: ext9"),
        ("partitions:\n- format: ext4\n  size-min: 2G\n  size-max: 1G\n", "line 4: size-max"),
        (
            "partitions:\n- format: ext4\n  mount: /\n- format: ext4\n  mount: /\n",
            "line 4: mount / is that of",
        ),
        ("partitions:\n- format: ext4\n  subvolumes:\n  - path: /a\n", "line 4: subvolumes of ext4"),
        ("partitions:\n- group: g\n", "line 2: group and volumes"),
        ("partitions:\n- mount: /\n", "line 2: mount without format"),
        ("partitions:\n- format: ext4\n  encrypt: {key: 'tpm:x'}\n", "no such way to give a secret"),
        ("partitions:\n- format: vfat\n  filesystem-label: much too long a label\n", "at most 11 bytes"),
        ("table: mbr\npartitions:\n" + "- format: swap\n  size: 1M\n" * 5, "5 partitions"),
    ],
)
def test_a_layout_that_does_not_parse(tmp_path: Path, text: str, said: str) -> None:
    layout = tmp_path / "disk.yaml"
    layout.write_text(text)
    with pytest.raises(BadLayout) as caught:
        make(tmp_path / "new.img", size="64M", layout=layout)
    assert said in caught.value.message and str(layout) in caught.value.message and nothing_left(tmp_path)


def test_sizes_of_a_layout_are_shared_by_weight(tmp_path: Path) -> None:
    layout = tmp_path / "disk.yaml"
    layout.write_text(
        "partitions:\n- format: vfat\n  type: esp\n  size: 16M\n"
        "- format: ext4\n  weight: 1000\n- format: ext4\n  weight: 3000\n- format: swap\n  size-max: 8M\n"
    )
    report = make(tmp_path / "new.img", size="226M", layout=layout)
    sizes = [one.size >> 20 for one in report.parts]
    assert sizes[0] == 16 and sizes[3] == 8 and sum(sizes) == 224 and 2.5 < sizes[2] / sizes[1] < 3.5


def test_a_layout_that_has_no_room(tmp_path: Path) -> None:
    layout = tmp_path / "disk.yaml"
    layout.write_text("partitions:\n- format: ext4\n  size-min: 1G\n")
    ran = imgtools("make", tmp_path / "new.img", "--size", "512M", "--layout", layout, code=46)
    assert "it needs 1.1G at least" in ran.err
