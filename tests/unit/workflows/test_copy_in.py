"""Copying in: where it goes, whom it belongs to, and what is left out."""

import os
from pathlib import Path

import pytest

from imgtools.change.change import MakeDirectory, MakeLink, Upload
from imgtools.errors import HostError, NoSuchGuestFile, NotADirectory, NotInGuest
from imgtools.records.request import Target
from imgtools.workflows.copy_in import copy_in
from imgtools.workflows.writing import PlanReport
from tests.support.memory import Content, directory, memory_guest_image, serve

FILES: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/srv:/bin/sh\n",
    "/srv": directory(),
    "/srv/taken": directory(),
}


def plan(monkeypatch: pytest.MonkeyPatch, sources: list[Path], to: str, **options: object) -> PlanReport:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    return copy_in(request, Target(), sources, to, **options)  # type: ignore[arg-type]


def test_a_tree_goes_into_a_directory_with_its_modes_and_links(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tree = tmp_path / "site"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/page").write_text("x")
    (tree / "sub/page").chmod(0o640)
    (tree / "link").symlink_to("sub/page")
    os.mkfifo(tree / "pipe")
    report = plan(monkeypatch, [tree], "/srv", owner="www")
    changes = [one.change for one in report.changes]
    assert [(type(one), getattr(one, "path", "")) for one in changes] == [
        (MakeDirectory, "/srv/site"),
        (MakeLink, "/srv/site/link"),
        (MakeDirectory, "/srv/site/sub"),
        (Upload, "/srv/site/sub/page"),
    ]
    upload = changes[3]
    assert isinstance(upload, Upload)
    assert (upload.mode, upload.uid, upload.gid, upload.size) == (0o640, 33, 0, 1)
    assert [getattr(one, "mtime", 0) for one in changes] == [
        path.lstat().st_mtime_ns for path in (tree, tree / "link", tree / "sub", tree / "sub/page")
    ]
    # No link of the guest is followed where a copy goes.
    assert [getattr(one, "replace", None) for one in changes] == [True, None, True, True]
    assert [warning.path for warning in report.warnings] == [str(tree / "pipe")]


def test_one_file_may_get_a_new_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_text("x")
    (change,) = plan(monkeypatch, [source], "/srv/b").changes
    assert change.path == "/srv/b"
    (change,) = plan(monkeypatch, [source], "/srv", keep_owners=True).changes
    assert isinstance(change.change, Upload)
    assert (change.path, change.change.uid) == ("/srv/a", os.getuid())


def test_each_mistake_has_its_own_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "taken"
    source.write_text("x")
    with pytest.raises(HostError):
        plan(monkeypatch, [tmp_path / "none"], "/srv")
    with pytest.raises(NotADirectory):
        plan(monkeypatch, [source, source], "/srv/new")
    with pytest.raises(NoSuchGuestFile):
        plan(monkeypatch, [source], "/none/new")
    with pytest.raises(NotADirectory, match="in the way"):
        plan(monkeypatch, [source], "/srv")
    with pytest.raises(NotInGuest):
        plan(monkeypatch, [source], "/srv", owner="mallory")
