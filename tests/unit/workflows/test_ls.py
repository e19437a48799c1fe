"""What a listing tells."""

import pytest

from imgtools.errors import NoSuchGuestFile, UsageError
from imgtools.records.files import FileKind
from imgtools.workflows.ls import list_files
from tests.support.memory import Node, link, memory_guest_image, serve

FILES = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nbroken\nbob:x:1000:100::/home/bob:/bin/sh\n",
    "/etc/group": "users:x:100:\n",
    "/home/bob/notes": Node(content=b"abc", uid=1000, gid=100, mode=0o600),
    "/home/bob/link": link("notes"),
    "/home/bob/dir/deep": "",
}


def test_a_directory_is_listed_by_name_with_links_and_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "ls", memory_guest_image(FILES))
    report = list_files(request, "/home/bob", checksum="md5")
    assert [(file.name, file.kind) for file in report.files] == [
        ("dir", FileKind.DIRECTORY),
        ("link", FileKind.LINK),
        ("notes", FileKind.FILE),
    ]
    assert report.files[1].target == "notes"
    assert report.files[2].checksum == "900150983cd24fb0d6963f7d28e17f72"
    assert report.files[1].checksum == ""
    assert dict(report.users) == {0: "root", 1000: "bob"}
    assert dict(report.groups) == {100: "users"}


def test_recursive_means_whole_paths_and_the_top_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "ls", memory_guest_image(FILES))
    paths = [file.path for file in list_files(request, "/home", recursive=True).files]
    assert paths == [
        "/home",
        "/home/bob",
        "/home/bob/dir",
        "/home/bob/dir/deep",
        "/home/bob/link",
        "/home/bob/notes",
    ]


def test_a_file_is_listed_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "ls", memory_guest_image(FILES))
    assert [file.path for file in list_files(request, "/home/bob/notes").files] == ["/home/bob/notes"]
    assert list_files(request, "/home/bob/link").files[0].kind is FileKind.LINK


def test_what_is_not_there_or_no_checksum_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "ls", memory_guest_image(FILES))
    with pytest.raises(NoSuchGuestFile):
        list_files(request, "/nowhere")
    with pytest.raises(UsageError, match="crc"):
        list_files(request, "/", checksum="crc")
