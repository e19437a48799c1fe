"""The links without which nothing starts: of the /usr merge, of init, of the C library."""

from __future__ import annotations

import struct

import pytest

from imgtools.errors import UnsupportedGuest
from imgtools.guest.find.interpreter import parse_interpreter
from imgtools.guest.guest import Guest
from tests.support.linux_boot import debian
from tests.support.memory import Content, directory, link
from tests.support.repairs import SHELF, mended, planned

LOADER = "/lib64/ld-linux-x86-64.so.2"


def program(loader: str = LOADER) -> bytes:
    """The head of a dynamic program for x86-64: an ELF header and one program header (elf(5))."""
    name = loader.encode() + b"\0"
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    return head + struct.pack("<IIQQQQQQ", 3, 4, 120, 120, 120, len(name), len(name), 1) + name


def leads(guest: Guest, path: str) -> str:
    assert guest.files.exists(path), path
    return guest.files.read_link(guest.files.locate(path))


@pytest.mark.parametrize("name", ["bin", "sbin", "lib", "lib64"])
@pytest.mark.parametrize("there", [None, directory(), link("gone")])
def test_a_link_into_usr_is_made_again(name: str, there: Content | None) -> None:
    _, guest = mended("usrmerge-links", debian({f"/{name}": there}))
    assert leads(guest, f"/{name}") == f"usr/{name}"


def test_all_links_at_once() -> None:
    lines, guest = mended(
        "usrmerge-links", debian({f"/{one}": None for one in ("bin", "sbin", "lib", "lib64")})
    )
    assert len(lines) == 4 and guest.files.is_file("/bin/sh")


def test_a_folder_with_files_and_a_guest_without_the_merge_are_left_alone() -> None:
    assert planned("usrmerge-links", debian({"/lib": directory(), "/lib/modules/x": ""})) == ()
    old: dict[str, Content | None] = {f"/{one}": directory() for one in ("bin", "sbin", "lib")}
    assert (
        planned("usrmerge-links", debian({**old, "/lib64": None, "/bin/sh": "", "/lib/x": "", "/sbin/y": ""}))
        == ()
    )


@pytest.mark.parametrize("there", [None, link("/gone")])
def test_init_is_systemd_again(there: Content | None) -> None:
    _, guest = mended("init-link", debian({"/usr/sbin/init": there}))
    assert leads(guest, "/sbin/init") == "/usr/lib/systemd/systemd"


def test_without_a_program_for_init_only_a_package_helps() -> None:
    guest = debian({"/usr/sbin/init": None, "/usr/lib/systemd/systemd": None})
    assert "no program that could be" in SHELF["init-link"].operation.lacking(guest)


def test_init_behind_a_missing_link_is_there() -> None:
    assert planned("init-link", debian({"/sbin": None})) == ()


@pytest.mark.parametrize(
    ("where", "target"),
    [
        ("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
        ("/usr/lib64/ld-2.31.so", "ld-2.31.so"),
    ],
)
def test_the_loader_is_found_again(where: str, target: str) -> None:
    files: dict[str, Content | None] = {
        "/usr/bin/sh": program(),
        "/usr/lib64/ld-linux-x86-64.so.2": None,
        where: "x",
    }
    files["/usr/lib64/other.so"] = ""
    _, guest = mended("libc-links", debian(files))
    assert leads(guest, LOADER) == target


def test_the_library_is_found_again_by_the_version_in_its_name() -> None:
    folder = "/usr/lib/x86_64-linux-gnu"
    _, guest = mended("libc-links", debian({f"{folder}/libc-2.31.so": "x", f"{folder}/libm-2.31.so": "x"}))
    assert leads(guest, f"{folder}/libc.so.6") == "libc-2.31.so"
    assert leads(guest, f"{folder}/libm.so.6") == "libm-2.31.so"


def test_a_loader_that_is_nowhere_is_for_its_package() -> None:
    files: dict[str, Content | None] = {"/usr/bin/sh": program(), "/usr/lib64/ld-linux-x86-64.so.2": None}
    with pytest.raises(UnsupportedGuest, match="is nowhere in the guest"):
        planned("libc-links", debian({**files, "/usr/lib64/other.so": ""}))


def test_a_loader_whose_folder_has_no_link_is_for_the_merge() -> None:
    assert planned("libc-links", debian({"/usr/bin/sh": program(), "/lib64": None})) == ()


def test_the_loader_of_a_program() -> None:
    assert parse_interpreter(program()) == LOADER
    for length in range(len(program()) - 2):
        assert parse_interpreter(program()[:length]) in ("", LOADER[: max(0, length - 120)])
    assert parse_interpreter(program("/lib/\x1b[2J")) == ""
    assert parse_interpreter(b"#!/bin/sh\n" * 20) == ""
