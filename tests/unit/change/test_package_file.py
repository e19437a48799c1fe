"""Package files are read as their own programs read them, and damage is an error with one line."""

from __future__ import annotations

import contextlib
import random
import subprocess
from pathlib import Path

import pytest

from imgtools.change.package_file import read_package
from imgtools.errors import HostError, ImgtoolsError
from imgtools.records.files import FileKind
from tests.support.packages import Members, deb_of, rpm_of, tar_of, written

pytestmark = pytest.mark.host
MEMBERS: Members = {"/usr": None, "/usr/bin/a": b"A" * 5001, "/usr/bin/b": "a", "/etc/a.conf": b"x=1\n"}


def found(path: Path) -> dict[str, bytes | str | None]:
    kinds = {FileKind.FILE: "content", FileKind.LINK: "target"}
    return {
        one.path: getattr(one, kinds[one.kind]) if one.kind in kinds else None for one in read_package(path)
    }


@pytest.mark.parametrize(
    "content", [deb_of(MEMBERS), rpm_of(MEMBERS), tar_of(MEMBERS)], ids=["deb", "rpm", "tar"]
)
def test_what_was_packed_is_found(content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "package", content)
    assert found(path) == MEMBERS
    assert {one.mode for one in read_package(path) if one.kind is FileKind.FILE} == {0o755}


@pytest.mark.parametrize("packing", ["xz", "gzip", "zstd", "none"])
def test_what_dpkg_deb_has_packed(packing: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for path, content in {"DEBIAN/control": "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: M <m@x.org>\n"
                          "Description: x\n", "usr/bin/a": "A" * 999}.items():  # fmt: skip
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(content)
    (tree / "usr/bin/hard").hardlink_to(tree / "usr/bin/a")
    (tree / "usr/bin/soft").symlink_to("a")
    made = tmp_path / "a.deb"
    subprocess.run(
        ["dpkg-deb", f"-Z{packing}", "--root-owner-group", "-b", tree, made], check=True, capture_output=True
    )
    files = found(made)
    assert files["/usr/bin/a"] == files["/usr/bin/hard"] == b"A" * 999 and files["/usr/bin/soft"] == "a"
    assert "/DEBIAN/control" not in files and "/control" not in files


def test_names_that_lead_upwards_and_pacmans_own_files_are_left_out(tmp_path: Path) -> None:
    path = written(
        tmp_path / "package", tar_of({"/../etc/passwd": b"x", "/.MTREE": b"x", "/usr/.hidden": b"y"})
    )
    assert found(path) == {"/usr/.hidden": b"y"}


@pytest.mark.parametrize(
    "content", [b"", b"!<arch>\n", b"\xed\xab\xee\xdb" + bytes(200), deb_of(MEMBERS, "other.tar")]
)
def test_what_is_no_package(content: bytes, tmp_path: Path) -> None:
    path = written(tmp_path / "package", content)
    if content:
        with pytest.raises(HostError, match="is no package that can be read"):
            list(read_package(path))
    with pytest.raises(HostError, match="cannot read"):
        list(read_package(tmp_path / "gone.deb"))


@pytest.mark.parametrize("make", [deb_of, rpm_of])
def test_damage_is_an_error_and_nothing_else(make: object, tmp_path: Path) -> None:
    whole, chance = make(MEMBERS), random.Random(1)  # type: ignore[operator]
    for _ in range(40):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        path = written(tmp_path / "package", bytes(raw[: chance.randrange(len(raw))]))
        with contextlib.suppress(ImgtoolsError):
            list(read_package(path))
