"""A root of another Debian: what is mounted in it goes with the run, and nothing mounted is ever removed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tools import test_on as tool  # pytest would take a name that begins with test for a test's

pytestmark = pytest.mark.host

AS_ROOT = () if os.geteuid() == 0 else ("--map-root-user",)


def test_a_root_is_removed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "motd").touch()
    tool.remove_tree(root)
    assert not root.exists()
    tool.remove_tree(root)  # there is none


def test_a_root_with_a_mount_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dev" / "null").mkdir(parents=True)
    monkeypatch.setattr(tool, "mounts_below", lambda folder: [f"{folder}/dev"])
    with pytest.raises(SystemExit, match=r"mounted there is .*/dev"):
        tool.remove_tree(tmp_path)
    assert (tmp_path / "dev" / "null").is_dir()


def test_mounts_and_processes_go_when_the_run_is_killed(tmp_path: Path) -> None:
    """The mount is in a namespace of its own: seen by nobody else, gone with its last process."""
    place, pid_file = tmp_path / "place", tmp_path / "pid"
    place.mkdir()
    script = f"mount -t tmpfs tmpfs {place} && touch {place}/inside {pid_file} && exec sleep 600"
    alone = tool._alone()
    with subprocess.Popen([alone[0], *AS_ROOT, *alone[1:], "sh", "-c", script]) as process:
        wait_until(lambda: pid_file.exists() or process.poll() is not None)
        assert process.poll() is None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert not place.is_mount()
        assert not (place / "inside").exists()
        process.kill()
    wait_until(lambda: not any(Path("/proc", child).exists() for child in children))
    assert children
    place.rmdir()


def test_only_what_the_network_needs_is_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    command = tool._entering(Path("/roots/trixie"), "make demo")
    assert "https_proxy=http://proxy.example:3128" in command
    assert not any("PYTHONPATH" in word for word in command)
    assert command[-3:-1] == ["/bin/bash", "-c"]
    assert "make demo" in command[-1]


def test_the_copy_has_what_is_staged_and_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, place = tmp_path / "source", tmp_path / "place"
    source.mkdir()

    def git(*words: str) -> None:
        who = ["-c", "user.name=one", "-c", "user.email=one@example"]
        subprocess.run(["git", "-C", source, *who, *words], check=True, capture_output=True)

    git("init")
    for name in ("kept", "gone", "staged", "changed"):
        (source / name).write_text("before")
    git("add", ".")
    git("commit", "-m", "first")
    (source / "gone").unlink()
    (source / "staged").write_text("now")
    (source / "added").write_text("now")
    git("add", "staged", "added")
    (source / "changed").write_text("now")
    (source / "new").write_text("now")
    monkeypatch.setattr(tool, "SOURCE", source)
    tool._copy_checkout(place)
    found = {path.name: path.read_text() for path in place.iterdir() if path.is_file()}
    now = dict.fromkeys(("staged", "added", "changed", "new"), "now")
    assert found == {"kept": "before", **now}
