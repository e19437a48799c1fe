"""Reading files: all or none, never held whole in memory when streamed."""

import pytest

from imgtools.errors import NoSuchGuestFile
from imgtools.workflows.cat import read_contents, read_files
from tests.support.memory import (
    MemoryFilesystem,
    MemorySession,
    memory_guest_image,
    memory_image,
    memory_volume,
    serve,
)

FILES = {"/etc/os-release": "ID=debian\n", "/etc/fstab": "", "/bin/sh": "", "/big": b"x" * (3 << 20)}


def test_files_come_one_after_the_other_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "cat", memory_guest_image(FILES))
    chunks = list(read_files(request, ["/etc/os-release", "/big"]))
    assert b"".join(chunks) == b"ID=debian\n" + b"x" * (3 << 20)
    assert max(len(chunk) for chunk in chunks) <= 1 << 20


def test_a_wrong_path_gives_no_output_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "cat", memory_guest_image(FILES))
    stream = read_files(request, ["/etc/os-release", "/nowhere"])
    with pytest.raises(NoSuchGuestFile):
        next(stream)


def test_a_disk_without_a_system_is_read_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    session = MemorySession({memory_volume("/dev/sda", "iso9660"): MemoryFilesystem({"/README": "hello"})})
    request = serve(monkeypatch, "cat", memory_image(session))
    assert read_contents(request, ["/README"]).files[0].content == "hello"
