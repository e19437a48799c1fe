"""Folders of virtual machines: which disk is meant, and what a file in one may not name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from imgtools.disk.sources.opening import is_folder, is_source, opened_sources
from imgtools.errors import BadImage, HostError, ImgtoolsError, ManyGuests, UntrustedBacking, UsageError
from imgtools.records.image import DiskSource
from tests.support.sources import disk_bytes, drive, manifest, ovf_text

VMX = 'config.version = "8"\n'
A, B = disk_bytes(b"a"), disk_bytes(b"b")


def chosen(path: Path, *, digests: bool = False) -> list[str]:
    """The names of the files that are opened for a word."""
    with opened_sources([DiskSource(path)], digests=digests) as disks:
        assert all(disk.inside is None for disk in disks)
        return [disk.host_path.name for disk in disks]


def vmdk(path: Path, subformat: str = "monolithicSparse", base: str = "") -> None:
    """Make a small disk, or one that stands on another beside it."""
    words = ["-b", base, "-F", "vmdk"] if base else ["-o", f"subformat={subformat}"]
    size = [] if base else ["1M"]
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "vmdk", *words, path.name, *size], cwd=path.parent, check=True
    )


@pytest.mark.host
def test_a_vmx_says_which_disks_and_in_which_order(tmp_path: Path) -> None:
    vmdk(tmp_path / "system.vmdk", "monolithicFlat")
    vmdk(tmp_path / "system-000001.vmdk", base="system.vmdk")
    vmdk(tmp_path / "data.vmdk")
    lines = (
        'scsi0:1.fileName = "data.vmdk"', 'scsi0:0.fileName = "system-000001.vmdk"', 'scsi0:0.present = "TRUE"',
        'ide1:0.fileName = "cd.iso"', 'ide1:0.deviceType = "cdrom-image"', 'scsi0:2.fileName = "gone.vmdk"',
        'scsi0:2.present = "FALSE"',
    )  # fmt: skip
    (tmp_path / "m.vmx").write_text(VMX + "\n".join(lines))
    wanted = ["system-000001.vmdk", "data.vmdk"]
    assert chosen(tmp_path) == chosen(tmp_path / "m.vmx") == wanted
    assert is_source(DiskSource(tmp_path)) and not is_folder(DiskSource(tmp_path))


@pytest.mark.host
def test_without_a_vmx_it_is_the_disk_that_no_other_stands_on(tmp_path: Path) -> None:
    vmdk(tmp_path / "system.vmdk", "twoGbMaxExtentSparse")
    assert chosen(tmp_path) == ["system.vmdk"]
    vmdk(tmp_path / "system-000001.vmdk", base="system.vmdk")
    assert chosen(tmp_path) == ["system-000001.vmdk"]
    vmdk(tmp_path / "other.vmdk")
    with pytest.raises(UsageError, match="could be any of 2") as caught:
        chosen(tmp_path)
    assert f"{tmp_path}/other.vmdk, {tmp_path}/system-000001.vmdk" in caught.value.hint


@pytest.mark.host
def test_the_data_alone_leads_to_its_descriptor(tmp_path: Path) -> None:
    vmdk(tmp_path / "system.vmdk", "monolithicFlat")
    assert chosen(tmp_path / "system-flat.vmdk") == ["system.vmdk"]
    (tmp_path / "system.vmdk").unlink()
    assert chosen(tmp_path / "system-flat.vmdk") == ["system-flat.vmdk"]


@pytest.mark.host
def test_hyper_v(tmp_path: Path) -> None:
    one = tmp_path / "disk.vhdx"
    subprocess.run(["qemu-img", "create", "-q", "-f", "vhdx", one, "8M"], check=True)
    assert chosen(tmp_path) == ["disk.vhdx"]
    (tmp_path / "other.vhdx").write_bytes(one.read_bytes())
    with pytest.raises(UsageError, match="could be any of 2"):
        chosen(tmp_path)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("../other.vmdk", UntrustedBacking, "outside its folder"),
        ("/etc/shadow.vmdk", UntrustedBacking, "outside its folder"),
        ("link.vmdk", UntrustedBacking, "outside its folder"),
        ("gone.vmdk", BadImage, "which is missing"),
    ],
)
def test_a_vmx_names_only_what_lies_beside_it(
    tmp_path: Path, name: str, error: type[ImgtoolsError], says: str
) -> None:
    folder = tmp_path / "vm"
    folder.mkdir()
    (tmp_path / "other.vmdk").write_bytes(A)
    (folder / "link.vmdk").symlink_to(tmp_path / "other.vmdk")
    (folder / "m.vmx").write_text(f'{VMX}scsi0:0.fileName = "{name}"\n')
    with pytest.raises(error, match=says):
        chosen(folder)


def test_a_vmx_without_disks_or_too_large_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.vmx").write_text(VMX)
    with pytest.raises(BadImage, match="without a disk"):
        chosen(tmp_path)
    (tmp_path / "m.vmx").write_bytes(VMX.encode() + bytes(2 << 20))
    with pytest.raises(HostError, match="more than such a text has"):
        chosen(tmp_path)
    (tmp_path / "n.vmx").write_text(VMX)
    with pytest.raises(UsageError, match="could be any of 2"):
        chosen(tmp_path)


def package(folder: Path, **more: bytes) -> Path:
    """An OVF package of two disks, as files."""
    text = ovf_text({"a.vmdk": len(A), "b.vmdk": len(B)}, items=drive("d1", 1) + drive("d2", 0))
    files = {"m.ovf": text, "a.vmdk": A, "b.vmdk": B}
    for name, content in {**files, "m.mf": manifest(files), **more}.items():
        (folder / name).write_bytes(content)
    return folder / "m.ovf"


def test_an_ovf_with_its_files_beside_it(tmp_path: Path) -> None:
    made = package(tmp_path)
    assert chosen(made) == chosen(tmp_path) == chosen(made, digests=True) == ["b.vmdk", "a.vmdk"]
    (tmp_path / "a.vmdk").write_bytes(A[:-1] + b"!")
    assert chosen(made) == ["b.vmdk", "a.vmdk"]
    with pytest.raises(BadImage, match=r"a.vmdk is not what its manifest says"):
        chosen(made, digests=True)
    (tmp_path / "a.vmdk").write_bytes(A[:-512])
    with pytest.raises(BadImage, match="the descriptor says"):
        chosen(made)
    (tmp_path / "a.vmdk").unlink()
    with pytest.raises(BadImage, match="which is missing"):
        chosen(made)


@pytest.mark.parametrize("name", ["../a.vmdk", "/etc/shadow", "http://127.0.0.1/a", "link"])
def test_an_ovf_names_only_what_lies_beside_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    (tmp_path / "a.vmdk").write_bytes(A)
    (folder / "link").symlink_to(tmp_path / "a.vmdk")
    (folder / "m.ovf").write_bytes(ovf_text({name: len(A)}))
    with pytest.raises(ImgtoolsError, match=r"no file of its package|outside its folder"):
        chosen(folder / "m.ovf")


def test_several_machines(tmp_path: Path) -> None:
    text = ovf_text({"a": 1}).replace(b"</Envelope>", b"<VirtualSystem ovf:id='other'/></Envelope>")
    (tmp_path / "m.ovf").write_bytes(text)
    with pytest.raises(ManyGuests, match="2 machines"):
        chosen(tmp_path / "m.ovf")


def test_such_a_text_on_a_disk_of_another_name_names_nothing(tmp_path: Path) -> None:
    for name in ("disk", "disk.img"):
        (tmp_path / name).write_bytes(ovf_text({"a.vmdk": 1}) + bytes(4096))
        assert chosen(tmp_path / name) == [name]


def test_a_folder_with_a_system_is_none_of_a_machine(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "left-over.vmdk").write_bytes(A)
    assert is_folder(DiskSource(tmp_path)) and not is_source(DiskSource(tmp_path))
