"""The rules for what an image names, each at its boundary, on headers that are written by hand."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

import pytest

from imgtools.disk import backing
from imgtools.disk.backing import MAX_CHAIN, SMALLEST, examine, examine_disks
from imgtools.disk.headers.hostfile import HostFile
from imgtools.disk.transaction.sidecar import sidecar_of
from imgtools.engine.qemu.img import commands
from imgtools.errors import BadImage, UnfinishedEdit, UntrustedBacking, UsageError
from imgtools.records.image import DiskSource, ImageInfo, Layer
from imgtools.records.request import Backing
from imgtools.records.snapshots import Snapshot
from imgtools.records.system import Warned

MIB = 1 << 20
CLUSTER = 4096
VHDX_LOG = 0x10000 + 48  # where a header of VHDX names its log


def look(
    path: Path, format: str | None = None, policy: Backing = Backing.SAME_DIR, **more: bool
) -> ImageInfo:
    return examine(DiskSource(path, format), policy=policy, ask_qemu=False, **more)


def qcow2(path: Path, name: str = "", kind: str = "raw", *, flags: int = 0) -> Path:
    """An empty qcow2 of 1 MiB that names a backing file."""
    head = struct.pack(
        ">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 1024 if name else 0, len(name), 12, MIB, 0, 1, 3 * CLUSTER,
        CLUSTER, 1, 0, 0, flags, 0, 0, 4, 104,
    )  # fmt: skip
    if name and kind:
        head += struct.pack(">II", 0xE2792ACA, len(kind)) + kind.encode() + bytes(-len(kind) % 8)
    first = head.ljust(1024, b"\0") + name.encode()
    path.write_bytes(first.ljust(CLUSTER, b"\0") + bytes(3 * CLUSTER))
    return path


def vmdk(path: Path, *extents: str, parent: str = "") -> Path:
    lines = ["# Disk DescriptorFile", "version=1", "CID=1", *extents]
    lines += [f'parentFileNameHint="{parent}"'] if parent else []
    path.write_text("\n".join(lines) + "\n")
    return path


def raw(path: Path, size: int = MIB) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(size))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "img"
    place.mkdir()
    return place


# -- folders ----------------------------------------------------------------------------------------------


def test_a_folder_whose_name_begins_the_same_is_another(folder: Path, tmp_path: Path) -> None:
    raw(tmp_path / "img-secret" / "base")
    image = qcow2(folder / "disk", "../img-secret/base")
    with pytest.raises(UntrustedBacking, match="outside the image's folder"):
        look(image)
    raw(folder / "below" / "base")
    assert look(qcow2(folder / "disk", "below/base")).chain[1].host_path == folder / "below" / "base"


def test_a_link_counts_from_its_own_folder_and_from_that_of_the_image(folder: Path, tmp_path: Path) -> None:
    """As for QEMU, relative names count from the link; its image's folder may be meant by an absolute one."""
    links = tmp_path / "links"
    image = qcow2(folder / "disk", "base")
    raw(links / "base")
    (links / "disk").symlink_to(image)
    assert look(links / "disk").chain[1].host_path == links / "base"
    raw(folder / "other")
    qcow2(image, str(folder / "other"))
    assert look(links / "disk").chain[1].host_path == folder / "other"
    raw(tmp_path / "third" / "base")
    qcow2(image, str(tmp_path / "third" / "base"))
    with pytest.raises(UntrustedBacking, match="outside"):
        look(links / "disk")


def test_of_the_root_folder_only_what_lies_right_in_it() -> None:
    within = backing._is_within
    assert within(Path("/a"), Path("/")) and not within(Path("/etc/shadow"), Path("/"))
    assert within(Path("/img/a/b"), Path("/img")) and not within(Path("/imgs/a"), Path("/img"))


@pytest.mark.parametrize("way", ["named", "variable", "file"])
def test_folders_of_templates_are_near(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    templates = tmp_path / "templates"
    raw(templates / "base")
    (tmp_path / "link").symlink_to(templates)
    image = qcow2(folder / "disk", str(templates / "base"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(UntrustedBacking) as caught:
        look(image)
    assert caught.value.hint.endswith(f"--backing-folder {templates}")
    settings = tmp_path / "config" / "imgtools" / "backing-folders"
    if way == "variable":
        monkeypatch.setenv("IMGTOOLS_BACKING_FOLDERS", f"relative:{tmp_path / 'link'}:")
    elif way == "file":
        settings.parent.mkdir(parents=True)
        settings.write_text(f"# templates\n\n  {tmp_path / 'link'}\n")
    named = (tmp_path / "link",) if way == "named" else ()
    source = DiskSource(image, folders=named)
    assert len(examine(source, ask_qemu=False).chain) == 2
    with pytest.raises(UntrustedBacking):
        examine(source, policy=Backing.NONE, ask_qemu=False)
    qcow2(image, str(raw(tmp_path / "templates-secret" / "base")))
    with pytest.raises(UntrustedBacking, match="outside"):
        examine(source, ask_qemu=False)
    if way == "file":  # of another user's settings nobody takes anything
        qcow2(image, str(templates / "base"))
        monkeypatch.setattr(os, "geteuid", lambda: settings.stat().st_uid + 1)
        with pytest.raises(UntrustedBacking):
            look(image)


@pytest.mark.parametrize(("policy", "allowed"), [(Backing.SAME_DIR, False), (Backing.ANY, True)])
def test_a_block_device_is_for_who_allows_any(
    folder: Path, monkeypatch: pytest.MonkeyPatch, policy: Backing, allowed: bool
) -> None:
    device, really = raw(folder / "device"), Path.stat

    def found(path: Path, **how: bool) -> os.stat_result:
        facts = list(really(path, **how))
        if path == device:
            facts[0] = stat.S_IFBLK | 0o600
        return os.stat_result(facts)

    monkeypatch.setattr(Path, "stat", found)
    image = qcow2(folder / "disk", "device")
    if allowed:
        assert len(look(image, policy=policy).chain) == 2
    else:
        with pytest.raises(UntrustedBacking, match=r"backing file of .*/disk is a block device: .*/device$"):
            look(image, policy=policy)


def test_a_device_with_a_guests_bytes_names_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A logical volume has no suffix that tells it, and a guest writes all of it."""
    raw(folder / "base")
    image = qcow2(folder / "vg0-guest", "base")
    assert len(look(image).chain) == 2
    monkeypatch.setattr(HostFile, "is_device", True, raising=False)
    begin = HostFile.__init__

    def device(file: HostFile, descriptor: int, host_path: Path) -> None:
        begin(file, descriptor, host_path)
        file.is_device = True

    monkeypatch.setattr(HostFile, "__init__", device)
    with pytest.raises(UntrustedBacking, match="looks like a raw disk by its name, and like qcow2"):
        look(image)
    assert len(look(image, "qcow2").chain) == 2
    qcow2(image)
    assert look(image).format == "qcow2"


@pytest.mark.parametrize("name", ["disk.IMG", "disk.iso", "disk.dd"])
def test_a_raw_looking_name_is_one_in_capitals_too(folder: Path, name: str) -> None:
    raw(folder / "base")
    with pytest.raises(UntrustedBacking, match="looks like a raw disk"):
        look(qcow2(folder / name, "base"))
    assert look(qcow2(folder / name)).format == "qcow2"
    flat = raw(folder / "flat")
    with pytest.raises(UntrustedBacking, match="looks like a raw disk"):
        look(vmdk(folder / name, f'RW 2048 FLAT "{flat.name}" 0'))


# -- the backing file's format ----------------------------------------------------------------------------


def test_the_parent_of_a_vmdk_is_a_vmdk(folder: Path) -> None:
    raw(folder / "flat")
    vmdk(folder / "parent", 'RW 2048 FLAT "flat" 0')
    image = vmdk(folder / "disk", 'RW 2048 FLAT "flat" 0', parent="parent")
    assert [layer.format for layer in look(image).chain] == ["vmdk", "vmdk"]
    qcow2(folder / "parent")
    with pytest.raises(
        BadImage, match=r"records its backing file .*/parent as vmdk, but it looks like qcow2"
    ):
        look(image)
    raw(folder / "parent")
    with pytest.raises(BadImage, match="as vmdk, but it looks like raw"):
        look(image)


@pytest.mark.parametrize(
    ("recorded", "found"), [("raw", "raw"), ("file", "raw"), ("host_device", "raw"), ("qcow2", "qcow2")]
)
def test_a_recorded_format_is_the_format(folder: Path, recorded: str, found: str) -> None:
    base = raw(folder / "base") if found == "raw" else qcow2(folder / "base")
    info = look(qcow2(folder / "disk", base.name, recorded))
    assert info.chain[1].format == found and info.warnings == ()


def test_a_raw_backing_file_that_looks_like_an_image_is_a_warning(folder: Path) -> None:
    base = qcow2(folder / "base")
    info = look(qcow2(folder / "disk", "base", "raw"))
    assert info.chain[1].format == "raw" and info.chain[1].virtual_size == 4 * CLUSTER
    assert info.warnings == (Warned("is read as raw, as disk records it, but looks like qcow2", str(base)),)


def test_an_unrecorded_format_is_for_who_trusts_the_bytes(folder: Path) -> None:
    qcow2(folder / "base")
    image = qcow2(folder / "disk", "base", kind="")
    for policy in (Backing.SAME_DIR, Backing.NONE):
        with pytest.raises(UntrustedBacking):
            look(image, policy=policy)
    assert [layer.format for layer in look(image, policy=Backing.ANY).chain] == ["qcow2", "qcow2"]


# -- limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [MAX_CHAIN, MAX_CHAIN + 1])
def test_a_chain_of_as_many_files_as_it_may_have(folder: Path, files: int) -> None:
    for number in range(1, files):
        qcow2(folder / f"{number}", f"{number + 1}", "raw" if number + 1 == files else "qcow2")
    raw(folder / f"{files}")
    if files <= MAX_CHAIN:
        assert len(look(folder / "1").chain) == files == 32
    else:
        with pytest.raises(BadImage, match=r"/1: its backing chain has more than 32 files"):
            look(folder / "1")
    assert len(examine(DiskSource(folder / "1"), alone=True, ask_qemu=False).chain) == 1


def test_the_smallest_disk_is_one_sector(folder: Path) -> None:
    assert look(raw(folder / "disk", SMALLEST)).virtual_size == SMALLEST == 512
    with pytest.raises(BadImage, match=r"not a disk image: .*/disk has only 511 bytes"):
        look(raw(folder / "disk", SMALLEST - 1))
    assert look(folder / "disk", "raw").virtual_size == SMALLEST
    with pytest.raises(BadImage, match="is empty"):
        look(raw(folder / "disk", 0), "raw")


def test_an_extent_as_long_as_its_descriptor_says(folder: Path) -> None:
    image = vmdk(folder / "disk", 'RW 1024 FLAT "a" 0', 'RW 1024 VMFS "b"')
    raw(folder / "a", 1024 * 512), raw(folder / "b", 1024 * 512)
    (layer,) = look(image).chain
    assert layer.extents == (folder / "a", folder / "b") and layer.virtual_size == 2 * 1024 * 512
    assert layer.actual_size == sum(path.stat().st_blocks * 512 for path in folder.iterdir())
    raw(folder / "b", 1024 * 512 - 1)
    with pytest.raises(BadImage, match="/b is truncated: 524288 bytes are named, the file has 524287"):
        look(image)


def test_the_look_at_tables_is_shared_by_the_extents(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    budgets: list[int] = []

    def read(file: HostFile, budget: int) -> backing.Header:
        budgets.append(budget)
        return backing.Header("vmdk", 0, needs=file.size)

    monkeypatch.setattr("imgtools.disk.headers.vmdk.read_sparse_extent", read)
    image = vmdk(folder / "disk", *(f'RW 8 SPARSE "{name}"' for name in "abc"), 'RW 8 FLAT "d" 0')
    for name in "abcd":
        raw(folder / name, 4096)
    examine(DiskSource(image), budget=1000, ask_qemu=False)
    assert budgets == [250, 250, 250]


# -- what was not closed ----------------------------------------------------------------------------------


def vhdx(monkeypatch: pytest.MonkeyPatch, path: Path, *, dirty: bool) -> Path:
    """An image whose header says that it is a VHDX, with a log or without."""
    raw(path)
    monkeypatch.setattr(backing, "probe", lambda file: "vhdx")
    monkeypatch.setattr(backing, "read_header", lambda *_, **__: backing.Header("vhdx", MIB, dirty=dirty))
    return path


def test_a_vhdx_with_a_log_is_only_for_its_repair(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = vhdx(monkeypatch, folder / "disk", dirty=True)
    with pytest.raises(BadImage, match="its log must be replayed"):
        look(image)
    assert look(image, to_repair=True).dirty
    assert not look(vhdx(monkeypatch, image, dirty=False)).dirty


def test_a_dirty_qcow2_is_read(folder: Path) -> None:
    assert look(qcow2(folder / "disk", flags=1)).dirty and not look(qcow2(folder / "disk")).dirty


def test_a_cut_is_an_error_and_a_warning_to_who_repairs(folder: Path) -> None:
    image = qcow2(folder / "disk")
    os.truncate(image, 2 * CLUSTER)
    with pytest.raises(BadImage, match="truncated"):
        look(image)
    (warning,) = look(image, to_repair=True).warnings
    assert "truncated" in warning.text and warning.path == str(image)


# -- what qemu-img tells, and what is beside --------------------------------------------------------------


def test_facts_of_qemu_img_complete_those_of_the_header(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Facts:
        virtual_size, dirty, details = 7 * MIB, True, (("compat", "1.1"),)

    asked: list[Layer] = []

    def info(layer: Layer) -> type[Facts]:
        asked.append(layer)
        return Facts

    monkeypatch.setattr(commands, "info", info)
    raw(folder / "base")
    image = qcow2(folder / "disk", "base")
    found = examine(DiskSource(image))
    assert (found.virtual_size, found.dirty, found.details) == (7 * MIB, True, Facts.details)
    assert [layer.virtual_size for layer in found.chain] == [7 * MIB, MIB] and asked[0].host_path == image
    examine(DiskSource(image), to_repair=True)
    examine(DiskSource(image), ask_qemu=False)
    examine(DiskSource(folder / "base"))
    examine_disks([DiskSource(image), DiskSource(folder / "base")], Backing.SAME_DIR, ask_qemu=False)
    assert len(asked) == 1, "only what QEMU can add to, and may open"
    Facts.dirty = False
    assert not examine(DiskSource(image)).dirty and examine(DiskSource(qcow2(image, flags=1))).dirty


def test_a_snapshot_is_named_by_its_id_or_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = raw(folder / "disk")
    header = backing.Header("qcow2", MIB, snapshots=(Snapshot("1", "before", 0, 0),))
    monkeypatch.setattr(backing, "read_header", lambda *_, **__: header)
    for wanted in ("1", "before", None):
        found = examine(DiskSource(image, "qcow2", wanted), ask_qemu=False)
        assert found.snapshots == header.snapshots
    with pytest.raises(UsageError, match="has no internal snapshot '2'") as caught:
        examine(DiskSource(image, "qcow2", "2"), ask_qemu=False)
    assert caught.value.hint == "it has: before"


def test_names_for_protocols_are_those_with_a_colon_before_a_slash(folder: Path) -> None:
    raw(folder / "a:b")
    for name in ("a:b", ":", "nbd:x/y"):
        with pytest.raises(UntrustedBacking, match="QEMU would take for a protocol"):
            look(qcow2(folder / "disk", name))
    for name in ("./a:b", str(folder / "a:b")):
        assert look(qcow2(folder / "disk", name)).chain[1].host_path == folder / "a:b"


def test_a_name_that_is_too_long_is_a_bad_image(folder: Path) -> None:
    with pytest.raises(BadImage, match=r"cannot be opened: .*File name too long"):
        look(qcow2(folder / "disk", "x" * 300))


@pytest.mark.parametrize("cut", ["disk", "base"])
def test_what_is_half_committed_is_not_read(folder: Path, cut: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backing, "_with_facts", lambda image: image)
    raw(folder / "base")
    source = DiskSource(qcow2(folder / "disk", "base"), "qcow2")
    marker = sidecar_of(folder / cut).marker
    disk = {"image": cut, "format": "raw", "virtual_size": 0, "size": 0, "modified": 0}
    marker.write_text(
        f'{{"imgtools": 1, "id": "x", "stage": "ready", "disks": [{str(disk).replace(chr(39), chr(34))}]}}'
    )
    with pytest.raises(UnfinishedEdit, match=f"/{cut} was cut"):
        examine_disks([source], Backing.SAME_DIR)
