"""The repair windows-boot-files: copies in the place of boot files that are missing or damaged."""

from __future__ import annotations

import pytest

from fixtures.ailments.windows import cut_program
from fixtures.executables import pe
from imgtools.change.change import WriteFile
from imgtools.guest.guest import Guest
from tests.support.memory import Content
from tests.support.repairs import mended, planned, server

NAME = "windows-boot-files"
COPIES: dict[str, Content] = {
    "/Windows/System32/Boot/winload.efi": pe("x86_64"),
    "/Windows/Boot/EFI/bootmgfw.efi": pe("x86_64"),
}


def guest(**files: Content) -> Guest:
    """A server with copies of its boot files, and these files of System32 besides."""
    whole = {"/Windows/System32/winload.efi": pe("x86_64")}
    return server(
        files={**COPIES, **whole, **{f"/Windows/System32/{one}": text for one, text in files.items()}}
    )


@pytest.mark.parametrize("content", [cut_program(), bytes(1024), b""])
def test_a_damaged_loader_becomes_its_copy(content: bytes) -> None:
    _, after = mended(NAME, guest(**{"winload.efi": content}))
    assert after.files.read_bytes("/Windows/System32/winload.efi") == pe("x86_64")


def test_the_boot_manager_and_the_fallback_come_back() -> None:
    _, after = mended(NAME, guest())
    for path in ("/S:/EFI/Microsoft/Boot/bootmgfw.efi", "/S:/EFI/Boot/bootx64.efi"):
        assert after.files.read_bytes(path) == pe("x86_64")


def test_what_is_whole_stays_and_what_has_no_whole_copy_too() -> None:
    written = [one.path for one in planned(NAME, guest()) if isinstance(one, WriteFile)]
    assert "/Windows/System32/winload.efi" not in written
    broken = server(files={"/Windows/System32/winload.efi": b"", "/Windows/System32/Boot/winload.efi": b""})
    assert planned(NAME, broken) == ()
