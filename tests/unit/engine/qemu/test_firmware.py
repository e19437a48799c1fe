"""UEFI firmware is found by QEMU's descriptors; one with Secure Boot is not taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgtools.engine.qemu.firmware import find_uefi
from imgtools.errors import ToolMissing


def _descriptor(folder: Path, name: str, *features: str, machine: str = "pc-q35-*", **more: object) -> None:
    folder.mkdir(exist_ok=True)
    files = {part: folder / f"{name}.{part}" for part in ("code", "vars")}
    for path in files.values():
        path.write_bytes(b"x")
    told = {
        "interface-types": ["uefi"],
        "mapping": {
            "device": "flash",
            "executable": {"filename": str(files["code"]), "format": "raw"},
            "nvram-template": {"filename": str(files["vars"]), "format": "raw"},
        },
        "targets": [{"architecture": "x86_64", "machines": ["pc-i440fx-*", machine]}],
        "features": list(features),
    }
    (folder / f"{name}.json").write_text(json.dumps(told | more))


def test_the_first_without_secure_boot_is_taken(tmp_path: Path) -> None:
    _descriptor(tmp_path / "a", "40-secure", "enrolled-keys", "secure-boot", "requires-smm")
    _descriptor(tmp_path / "a", "50-secure", "secure-boot", "requires-smm")
    _descriptor(tmp_path / "a", "60-plain", "acpi-s3")
    _descriptor(tmp_path / "a", "70-later")
    found = find_uefi("q35", (tmp_path / "a",))
    assert (found.code.name, found.variables.name) == ("60-plain.code", "60-plain.vars")
    assert find_uefi("pc", (tmp_path / "a",)) == found


def test_an_administrator_s_folder_goes_first(tmp_path: Path) -> None:
    _descriptor(tmp_path / "usr", "60-plain")
    _descriptor(tmp_path / "etc", "60-plain")
    assert find_uefi("q35", (tmp_path / "etc", tmp_path / "usr")).code.parent.name == "etc"
    (tmp_path / "etc" / "60-plain.json").write_bytes(b"")  # which takes the other away
    with pytest.raises(ToolMissing) as error:
        find_uefi("q35", (tmp_path / "etc", tmp_path / "usr"))
    assert "apt-get install ovmf" in error.value.hint


@pytest.mark.parametrize(
    "more",
    [
        {"targets": [{"architecture": "aarch64", "machines": ["virt-*"]}]},
        {"targets": "none"},
        {"mapping": {"device": "memory", "filename": "/x"}},
        {"interface-types": ["bios"]},
        {"features": None},
    ],
)
def test_what_is_for_others_is_passed_over(tmp_path: Path, more: dict[str, object]) -> None:
    _descriptor(tmp_path, "60-other", **more)
    with pytest.raises(ToolMissing, match="OVMF"):
        find_uefi("q35", (tmp_path, tmp_path / "missing"))


def test_files_that_are_gone_are_no_firmware(tmp_path: Path) -> None:
    _descriptor(tmp_path, "60-plain")
    (tmp_path / "60-plain.vars").unlink()
    with pytest.raises(ToolMissing):
        find_uefi("q35", (tmp_path,))
