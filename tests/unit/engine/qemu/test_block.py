"""Images of every kind served as flat disks; what QEMU refuses is a named error, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import imgtools
from imgtools.disk.backing import examine
from imgtools.engine.confined import landlock
from imgtools.engine.qemu.block import NbdDisk, serve_disk
from imgtools.engine.qemu.nodes import join_options
from imgtools.engine.qemu.unlock import Keyring
from imgtools.errors import BadImage, HostError, KeyNeeded, UntrustedBacking
from imgtools.records.image import DiskSource, Layer
from imgtools.records.request import Key, Secret
from imgtools.records.snapshots import Snapshot
from tests.support.volumes import blank, image_info, tool

MARK = b"a mark that is easily recognised"
PLACE = 1 << 20


def raw_image(path: Path, mark: bytes = MARK, size: int = 4 << 20) -> Path:
    blank(path, size)
    with path.open("r+b") as stream:
        stream.seek(PLACE)
        stream.write(mark)
    return path


def written(path: Path, mark: bytes) -> None:
    """Write ``mark`` into an image through QEMU."""
    pattern = path.parent / "pattern"
    pattern.write_bytes(mark)
    tool("qemu-io", "-f", "qcow2", "-c", f"write -s {pattern} {PLACE} {len(mark)}", path)


def snapshots_of(path: Path) -> list[Snapshot]:
    found = json.loads(tool("qemu-img", "info", "--output=json", path))["snapshots"]
    return [Snapshot(one["id"], one["name"], one["date-sec"], one["vm-state-size"]) for one in found]


@pytest.mark.host
@pytest.mark.parametrize(
    "name", ["plain.img", "comma,and:colon=.img", "-x", "nbd:x", "json:{}", "with space é.img"]
)
def test_a_file_is_a_file_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = raw_image(tmp_path / name)
    with serve_disk(image_info((path, "raw"))) as disk:
        assert disk.size == 4 << 20
        assert disk.read(PLACE, len(MARK)) == MARK
        assert disk.read(disk.size - 3, 100) == bytes(3)
        assert disk.read(disk.size + 1, 100) == b""


@pytest.mark.host
def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = raw_image(tmp_path / os.fsdecode(b"\xff\xfe.img"))
    with serve_disk(image_info((path, "raw"))) as disk:
        assert disk.read(PLACE, len(MARK)) == MARK


@pytest.mark.host
@pytest.mark.parametrize("form", ["qcow2", "vmdk", "vdi", "vpc", "vhdx", "qed", "parallels"])
def test_every_format(tmp_path: Path, form: str) -> None:
    source, path = raw_image(tmp_path / "source.raw"), tmp_path / f"disk.{form}"
    tool("qemu-img", "convert", "-O", form, source, path)
    with serve_disk(image_info((path, form))) as disk:
        assert disk.read(PLACE, len(MARK)) == MARK


@pytest.mark.host
def test_a_chain_is_the_one_that_was_examined(tmp_path: Path) -> None:
    base, top = raw_image(tmp_path / "base.raw"), tmp_path / "top.qcow2"
    secret = raw_image(tmp_path / "secret.raw", b"this must never be read")
    tool("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top)
    with serve_disk(image_info((top, "qcow2"), (base, "raw"))) as disk:
        assert disk.read(PLACE, len(MARK)) == MARK
    # The header names another file since it was read: only what was examined is opened.
    tool("qemu-img", "rebase", "-u", "-b", secret, "-F", "raw", top)
    with serve_disk(image_info((top, "qcow2"))) as disk:
        assert disk.read(PLACE, len(MARK)) == bytes(len(MARK))


@pytest.mark.host
def test_an_image_that_is_replaced_after_it_was_judged_is_refused(tmp_path: Path) -> None:
    """By one whose data file is a file of the host: QEMU would read it."""
    secret, source = raw_image(tmp_path / "secret.raw"), raw_image(tmp_path / "source.raw")
    image, other = tmp_path / "disk.qcow2", tmp_path / "other.qcow2"
    tool("qemu-img", "convert", "-O", "qcow2", source, image)
    tool("qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={secret},data_file_raw=on", other, "4M")
    info = examine(DiskSource(image))
    other.replace(image)
    with pytest.raises(UntrustedBacking, match="replaced by another file"), serve_disk(info):
        pass


@pytest.mark.host
@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
def test_what_an_image_names_since_it_was_judged_is_not_opened(tmp_path: Path) -> None:
    """Its bytes are changed in place: it is the same file, and names another one."""
    secret, source = raw_image(tmp_path / "secret.raw"), raw_image(tmp_path / "source.raw")
    image, other = tmp_path / "disk.qcow2", tmp_path / "other.qcow2"
    tool("qemu-img", "convert", "-O", "qcow2", source, image)
    tool("qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={secret},data_file_raw=on", other, "4M")
    info = examine(DiskSource(image))
    image.write_bytes(other.read_bytes())
    with pytest.raises(HostError, match="Permission denied"), serve_disk(info):
        pass


@pytest.mark.host
def test_an_external_data_file_is_found_beside_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, path, data = raw_image(tmp_path / "source.raw"), tmp_path / "meta.qcow2", tmp_path / "data.raw"
    tool("qemu-img", "convert", "-O", "qcow2", "-o", f"data_file={data},data_file_raw=on", source, path)
    monkeypatch.chdir("/")  # QEMU would look for a relative name here
    info = image_info((path, "qcow2"))
    layer = Layer(path, "qcow2", 0, 0, extents=(data,))
    with serve_disk(type(info)(info.source, "qcow2", 0, 0, (layer,))) as disk:
        assert disk.read(PLACE, len(MARK)) == MARK


@pytest.mark.host
def test_extents_of_a_split_vmdk(tmp_path: Path) -> None:
    source, path = raw_image(tmp_path / "source.raw", size=3 << 30), tmp_path / "split.vmdk"
    tool("qemu-img", "convert", "-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", source, path)
    extents = tuple(sorted(tmp_path.glob("split-s*.vmdk")))
    info = image_info((path, "vmdk"))
    with serve_disk(type(info)(info.source, "vmdk", 0, 0, (Layer(path, "vmdk", 0, 0, extents),))) as disk:
        assert disk.size == 3 << 30
        assert disk.read(PLACE, len(MARK)) == MARK


@pytest.mark.host
def test_an_internal_snapshot_by_name_and_by_id(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    tool("qemu-img", "create", "-q", "-f", "qcow2", path, "4M")
    for mark, name in ((b"first", "before, really"), (b"again", "2")):
        written(path, mark)
        tool("qemu-img", "snapshot", "-c", name, path)
    written(path, b"final")
    known = snapshots_of(path)
    expected = {None: b"final", "before, really": b"first", "1": b"first", "2": b"again"}
    for wanted, mark in expected.items():
        with serve_disk(image_info((path, "qcow2"), snapshots=known, snapshot=wanted)) as disk:
            assert disk.read(PLACE, 5) == mark
    unknown = image_info((path, "qcow2"), snapshots=known, snapshot="nothing")
    with pytest.raises(BadImage, match="no internal snapshot 'nothing'") as caught, serve_disk(unknown):
        pass
    assert "before, really" in caught.value.hint


@pytest.mark.host
def test_holes_are_known_without_reading_them(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    tool("qemu-img", "convert", "-O", "qcow2", raw_image(tmp_path / "source.raw"), path)
    with serve_disk(image_info((path, "qcow2"))) as disk:
        stretches = list(disk.allocations())
    assert sum(one.length for one in stretches) == 4 << 20
    data = [one for one in stretches if not one.zero]
    assert [(one.offset, one.offset + one.length > PLACE) for one in data] == [(PLACE, True)]


@pytest.mark.host
def test_several_clients_at_once(tmp_path: Path) -> None:
    with serve_disk(image_info((raw_image(tmp_path / "disk.raw"), "raw"))) as disk:
        others = [NbdDisk(disk.socket, "again") for _ in range(3)]
        assert [other.read(PLACE, 6) for other in others] == [b"a mark"] * 3
        for other in others:
            other.close()
        assert disk.read(PLACE, 6) == b"a mark"


# -- what goes wrong --------------------------------------------------------------------------------------


@pytest.mark.host
def test_the_message_is_qemus_sentence(tmp_path: Path) -> None:
    path = tmp_path / "junk.qcow2"
    path.write_bytes(b"junk" * 1000)
    with pytest.raises(BadImage) as caught, serve_disk(image_info((path, "qcow2"))):
        pass
    assert caught.value.message == f"{path}: Image is not in qcow2 format"


@pytest.mark.host
def test_a_long_path_of_temporary_files_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with serve_disk(image_info((raw_image(tmp_path / "disk.raw"), "raw"))) as disk:
        assert disk.read(PLACE, len(MARK)) == MARK


def test_no_room_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/no/such/folder")
    info = image_info((raw_image(tmp_path / "disk.raw"), "raw"))
    with pytest.raises(HostError, match="No such file or directory") as caught, serve_disk(info):
        pass
    assert "TMPDIR" in caught.value.hint


@pytest.mark.host
def test_no_such_file(tmp_path: Path) -> None:
    missing = image_info((tmp_path / "nothing.raw", "raw"))
    with pytest.raises(HostError, match="No such file or directory"), serve_disk(missing):
        pass


@pytest.mark.host
def test_a_damaged_cluster_is_an_error_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    tool("qemu-img", "create", "-q", "-f", "qcow2", path, "4M")
    written(path, MARK)
    with path.open("r+b") as stream:
        stream.seek(40)
        table = int.from_bytes(
            stream.read(8), "big"
        )  # the L1 table; its entry now leads into the middle of a cluster
        stream.seek(table)
        stream.write((1 << 63 | 0x30200).to_bytes(8, "big"))
    with (
        serve_disk(image_info((path, "qcow2"))) as disk,
        pytest.raises(BadImage, match="cannot read 32 bytes at"),
    ):
        disk.read(PLACE, len(MARK))


@contextmanager
def written_to(path: Path, folder: Path) -> Iterator[None]:
    """Somebody else has the image open for writing while the block runs."""
    socket = folder / "other"
    holder = subprocess.Popen(["qemu-nbd", "-f", "qcow2", "--persistent", "-k", str(socket), str(path)])
    try:
        deadline = time.monotonic() + 30
        while not socket.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
    finally:
        holder.terminate()
        holder.wait()


@pytest.mark.host
def test_an_image_in_use_is_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "disk.qcow2"
    tool("qemu-img", "convert", "-O", "qcow2", raw_image(tmp_path / "source.raw"), path)
    with serve_disk(image_info((path, "qcow2"))) as disk:
        assert disk.warning == ""
    with written_to(path, tmp_path), serve_disk(image_info((path, "qcow2"))) as disk:
        assert disk.read(PLACE, len(MARK)) == MARK
        assert "in use" in disk.warning


# -- encrypted images -------------------------------------------------------------------------------------


def luks_image(path: Path, key: str) -> Path:
    """A LUKS1 disk image whose key costs little to try."""
    blank(path, 8 << 20)
    tool(
        "cryptsetup", "luksFormat", "-q", "--type", "luks1", "--pbkdf-force-iterations", "1000",
        "--key-file", "-", path, stdin=key,
    )  # fmt: skip
    return path


def aes_image(path: Path, key: str) -> Path:
    tool(
        "qemu-img", "create", "-q", "-f", "qcow2", "--object", f"secret,id=s,data={key}",
        "-o", "encrypt.format=aes,encrypt.key-secret=s", path, "8M",
    )  # fmt: skip
    return path


def keys(selector: str, value: str) -> Keyring:
    return Keyring([Key(selector, Secret(value.encode()))])


@pytest.mark.host
def test_an_encrypted_image_wants_its_key(tmp_path: Path) -> None:
    path = luks_image(tmp_path / "disk.luks", "sesame")
    info = image_info((path, "luks"), encryption="luks")
    with pytest.raises(KeyNeeded, match="no key was given") as caught, serve_disk(info):
        pass
    assert "--key image:file:PATH" in caught.value.hint
    with pytest.raises(KeyNeeded, match="no key was given"), serve_disk(info, keys("/dev/sda1", "sesame")):
        pass
    with pytest.raises(KeyNeeded, match="does not open it"), serve_disk(info, keys("image", "wrong")):
        pass


@pytest.mark.host
@pytest.mark.parametrize("selector", ["image", "all", "disk.luks"])
def test_the_key_of_an_image_by_its_selector(tmp_path: Path, selector: str) -> None:
    path = luks_image(tmp_path / "disk.luks", "sesame")
    with serve_disk(image_info((path, "luks"), encryption="luks"), keys(selector, "sesame")) as disk:
        assert len(disk.read(3, 1000)) == 1000  # not in whole sectors
        assert disk.size < 8 << 20


@pytest.mark.host
def test_a_qcow2_with_the_old_encryption(tmp_path: Path) -> None:
    info = image_info((aes_image(tmp_path / "disk.qcow2", "sesame"), "qcow2"), encryption="aes")
    with pytest.raises(KeyNeeded, match="no key was given"), serve_disk(info):
        pass
    with serve_disk(info, keys("image", "sesame")) as disk:
        assert disk.read(0, 512) == bytes(512)


@pytest.mark.host
def test_secrets_stay_out_of_arguments_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "private"))
    (tmp_path / "private").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    path = luks_image(tmp_path / "disk.luks", "sesame-open")
    with serve_disk(image_info((path, "luks"), encryption="luks"), keys("image", "sesame-open")) as disk:
        assert Path(disk.socket).parent.stat().st_mode & 0o777 == 0o700
        lines = [line.read_bytes() for line in Path("/proc").glob("[0-9]*/cmdline") if line.exists()]
        assert any(os.fsencode(path) in line for line in lines)
        assert not any(b"sesame-open" in line for line in lines)
        assert [file.name for file in (tmp_path / "private").rglob("*") if file.is_file()] == []


# -- nothing is left behind -------------------------------------------------------------------------------

CHILD = """
import sys, time
from pathlib import Path
from imgtools.engine.qemu.block import serve_disk
from tests.support.volumes import image_info
with serve_disk(image_info((Path(sys.argv[1]), "raw"))) as disk:
    print(disk.socket, flush=True)
    time.sleep(600)
"""


def alive(folder: str) -> bool:
    """Whether some process holds a socket that was made in ``folder``."""
    return f"{folder}/" in Path("/proc/net/unix").read_text()


@pytest.mark.host
def test_the_server_ends_with_the_block(tmp_path: Path) -> None:
    with serve_disk(image_info((raw_image(tmp_path / "disk.raw"), "raw"))) as disk:
        folder = str(Path(disk.socket).parent)
        assert alive(folder)
    assert not alive(folder)
    assert not Path(folder).exists()


@pytest.mark.host
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_ends_with_us_however_we_end(tmp_path: Path, end: signal.Signals) -> None:
    path = raw_image(tmp_path / "disk.raw")
    command = [sys.executable, "-c", CHILD, str(path)]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(imgtools.__file__).parents[1]
    )
    assert child.stdout is not None
    folder = str(Path(child.stdout.readline().strip()).parent)
    assert alive(folder)
    child.send_signal(end)
    child.wait()
    child.stdout.close()
    deadline = time.monotonic() + 60
    while (alive(folder) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(folder)
    assert not Path(folder).exists()


def test_options_double_their_commas() -> None:
    assert join_options([("driver", "raw"), ("file.filename", "/a,b")]) == "driver=raw,file.filename=/a,,b"
