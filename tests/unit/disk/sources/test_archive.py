"""Disks in archives: where they lie, and archives that nobody should believe."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from imgtools.disk.backing import examine
from imgtools.disk.sources.archive import MOST_MEMBERS
from imgtools.disk.sources.opening import opened_sources
from imgtools.errors import BadImage, ImgtoolsError, ManyGuests, UsageError
from imgtools.records.image import DiskSource
from tests.support.archives import END, GNU, header, member
from tests.support.sources import MIB, contents, disk_bytes, drive, manifest, ova, ovf_text, tar

A, B = disk_bytes(b"a"), disk_bytes(b"b", 2 * MIB)


def test_the_disks_of_an_ova_are_one_guest_in_its_order(tmp_path: Path) -> None:
    sizes = {"a.vmdk": len(A), "b.vmdk": len(B)}
    swapped = ovf_text(sizes, items=drive("d1", 1) + drive("d2", 0))
    assert contents(ova(tmp_path / "1.ova", {"a.vmdk": A, "b.vmdk": B})) == [A, B]
    assert contents(ova(tmp_path / "2.ova", {"a.vmdk": A, "b.vmdk": B}, ovf=swapped)) == [B, A]


def test_one_disk_of_it_is_named_like_a_file_in_it(tmp_path: Path) -> None:
    made = ova(tmp_path / "m.ova", {"a.vmdk": A, "b.vmdk": B})
    assert contents(f"{made}/b.vmdk") == [B]
    with pytest.raises(BadImage, match=r"has no c.vmdk in it"):
        contents(f"{made}/c.vmdk")


def test_its_facts_say_where_it_lies(tmp_path: Path) -> None:
    made = ova(tmp_path / "m.ova", {"a.vmdk": A})
    with opened_sources([DiskSource(made)]) as (disk,):
        info = examine(disk)
    assert disk.inside is not None and disk.inside.kind == "OVA"
    assert (info.format, info.virtual_size, info.source.name) == ("raw", len(A), f"{made}/a.vmdk")
    assert made.read_bytes()[disk.inside.offset :][: len(A)] == A
    assert info.chain[0].host_path == made and info.chain[0].judged[0][1:] == (
        made.stat().st_dev,
        made.stat().st_ino,
    )


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["disk.raw", f"{'long/' * 50}disk.raw"])
def test_every_kind_of_header(tmp_path: Path, format: int, name: str) -> None:
    if format == tarfile.USTAR_FORMAT and len(name) > 100:
        name = name[-200:]
    source, made = tmp_path / "disk.raw", tmp_path / "m.tar"
    source.write_bytes(A)
    with tarfile.open(made, "w", format=format) as archive:
        archive.add(source, name)
    assert contents(made) == [A]


def test_an_archive_with_one_disk_and_its_papers(tmp_path: Path) -> None:
    files = {"metadata.json": b"{}" * 700_000, "Vagrantfile": b"x", "box.img": A}
    assert contents(tar(tmp_path / "m.box", files)) == [A]


def test_two_disks_in_a_plain_archive_are_not_taken_for_one_guest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds 2 disks") as caught:
        contents(tar(tmp_path / "m.tar", {"a": A, "b": B}))
    assert f"{tmp_path}/m.tar/a, {tmp_path}/m.tar/b" in caught.value.hint


def test_digests_are_compared_where_all_is_read(tmp_path: Path) -> None:
    made = ova(tmp_path / "m.ova", {"a.vmdk": A})
    assert contents(made, digests=True) == [A]
    spoiled = made.read_bytes().replace(A, A[:-1] + b"!")
    made.write_bytes(spoiled)
    assert contents(made)[0][-1:] == b"!"
    with pytest.raises(BadImage, match=r"m.ova/a.vmdk is not what its manifest says"):
        contents(made, digests=True)


def test_what_is_missing_in_an_ova_is_a_note(tmp_path: Path) -> None:
    made = tar(tmp_path / "m.ova", {"m.ovf": ovf_text({"a": len(A)}), "a": A, "m.cert": b"x"})
    with opened_sources([DiskSource(made)]) as disks:
        notes = " ".join(one.text for one in disks[0].notes)
    assert "no manifest" in notes and "certificate" in notes


OVF = ovf_text({"a": len(A)})


def _without_disk(name: str) -> bytes:
    return ovf_text({name: len(A)})


def _files(**files: bytes) -> Callable[[Path], Path]:
    return lambda path: tar(path, {name.replace("_", "."): content for name, content in files.items()})


def _raw(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a digest of the descriptor that does not fit": (
        lambda path: ova(path, {"a": A}, mf=manifest({"m.ovf": b"x", "a": A})), "m.ovf is not what its manifest says",
    ),
    "a manifest that is none": (lambda path: ova(path, {"a": A}, mf=b"\0\1"), "is no digest"),
    "a manifest with a file that is not there": (
        lambda path: ova(path, {"a": A}, mf=manifest({"z": b""})), "z is in the manifest, and not in the package",
    ),
    "a name that leads up": (_files(m_ovf=_without_disk("../a"), a=A), "no file of its package"),
    "a name that leads to the root": (_files(m_ovf=_without_disk("/etc/shadow"), a=A), "no file of its package"),
    "a name that leads up later": (_files(m_ovf=_without_disk("x/../../a"), a=A), "no file of its package"),
    "a name for Windows": (_files(m_ovf=_without_disk("..\\a"), a=A), "no file of its package"),
    "an address": (_files(m_ovf=_without_disk("http://127.0.0.1/a"), a=A), "no file of its package"),
    "no name": (_files(m_ovf=_without_disk(""), a=A), "no file of its package"),
    "a disk that is missing": (_files(m_ovf=OVF), "names a, which is missing"),
    "a size that is too large": (_files(m_ovf=ovf_text({"a": len(A) + 1}), a=A), "the descriptor says"),
    "a size that is too small": (_files(m_ovf=ovf_text({"a": 1}), a=A), "the descriptor says"),
    "a disk in pieces": (_files(m_ovf=OVF.replace(b"<File", b'<File ovf:chunkSize="9"'), a=A), "in several pieces"),
    "an unknown packing": (_files(m_ovf=OVF.replace(b"<File", b'<File ovf:compression="rar"'), a=A), "packed with rar"),
    "an entity of the host": (
        _files(m_ovf=ovf_text({"a": 1}, before="<!DOCTYPE x SYSTEM 'file:///etc/passwd'>"), a=A), "document type",
    ),
    "two descriptors": (_files(m_ovf=OVF, n_ovf=OVF, a=A), "has 2 OVF descriptors"),
    "no disk": (_files(m_ovf=ovf_text({}), a=A), "without a disk"),
    "two members of a name": (_raw(member("a", content=A) * 2 + END), "two members of one name: a"),
    "the same by another word": (_raw(member("a", content=A) + member("./a", content=A) + END), "two members of one"),
    "a disk that is a link": (
        _raw(member("m.ovf", content=_without_disk("l")) + header("l", b"2", target="/etc/shadow") + END),
        "no regular file",
    ),
    "a disk that is a hard link": (
        _raw(member("m.ovf", content=_without_disk("l")) + header("l", b"1", target="m.ovf") + END),
        "no regular file",
    ),
    "an archive that is cut": (_raw(member("a", content=A)[:-1024]), "the archive is cut"),
    "a header that is damaged": (
        _raw(member("a", content=A) + b"x" * 512 + END), "its checksum is no number",
    ),
    "a size of all the world": (_raw(header("a", size=b"\x80" + b"\xff" * 11) + A), "size",
    ),
    "a descriptor that is too large": (_raw(header("m.ovf", size=5 << 20) + bytes(5 << 20) + END), "no plain file"),
    "thousands of members": (
        lambda path: tar(path, {str(number): b"" for number in range(MOST_MEMBERS + 1)}), "more than 1000 members",
    ),
    "nothing in it": (_raw(header("d/", b"5") + END), "without a disk in it"),
    "texts only": (_files(a_txt=b"x" * MIB, b_json=A), "without a disk in it"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_end_in_named_errors(tmp_path: Path, case: str) -> None:
    write, says = HOSTILE[case]
    with pytest.raises(ImgtoolsError) as caught:
        contents(write(tmp_path / "m.ova"))
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_several_machines_are_not_one_guest(tmp_path: Path) -> None:
    text = OVF.replace(b"</Envelope>", b"<VirtualSystem ovf:id='other'/></Envelope>")
    with pytest.raises(ManyGuests, match="holds 2 machines"):
        contents(tar(tmp_path / "m.ova", {"m.ovf": text, "a": A}))


def test_a_raw_disk_that_its_guest_made_look_like_an_archive_is_refused(tmp_path: Path) -> None:
    made = tar(tmp_path / "disk.img", {"other": A})
    with opened_sources([DiskSource(made)]) as (disk,), pytest.raises(BadImage, match="is packed with tar"):
        examine(disk)


def test_who_says_raw_reads_the_file_itself(tmp_path: Path) -> None:
    made = tar(tmp_path / "disk", {"other": A})
    with opened_sources([DiskSource(made, "raw")]) as (disk,):
        assert disk.inside is None


@pytest.mark.host
def test_an_image_in_an_archive_names_no_file_of_the_host(tmp_path: Path) -> None:
    base, top = tmp_path / "base.raw", tmp_path / "top.qcow2"
    base.write_bytes(A)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top], check=True)
    made = tar(tmp_path / "m.tar", {"top.qcow2": top.read_bytes()})
    with (
        opened_sources([DiskSource(made)]) as (disk,),
        pytest.raises(ImgtoolsError, match="must stand alone"),
    ):
        examine(disk)


def test_old_headers_of_gnu(tmp_path: Path) -> None:
    made = tmp_path / "m.tar"
    made.write_bytes(member("a", content=A, magic=GNU) + END)
    assert contents(made) == [A]
