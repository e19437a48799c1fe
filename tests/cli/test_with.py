"""imgtools with, as it is typed: the folder, the transaction, and the exit code that is passed on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.edits import digest
from tests.support.fixtures import copy_fixture, fixture_image
from tests.support.waiting import wait_until

LIMIT = 200  # seconds; a folder that does not answer must not stop the tests


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own: it forks, and its programs write to the descriptors."""
    command = [sys.executable, "-m", "imgtools", "with", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        stdin=subprocess.DEVNULL,
        check=False,
        cwd=cwd,
        env=environment,
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--", "no-such-program-at-all"), 3, "no such program: no-such-program-at-all"),
        (("--write", "--output", "x.qcow2", "--", "true"), 2, "choose one"),
        (("--json", "--", "false"), 1, ""),
    ],
)
def test_what_is_refused(words: tuple[str, ...], code: int, says: str) -> None:
    ran = run(fixture_image("debian"), *words)
    assert ran.returncode == code, ran.stderr
    assert says in ran.stderr


def test_the_folder_is_the_working_directory_and_read_only(tmp_path: Path) -> None:
    image = fixture_image("debian")
    script = 'cat etc/hostname; test "$PWD" = "$IMGTOOLS_ROOT" || exit 9; touch etc/new; exit 7'
    ran = run(image, "--", "sh", "-c", script)
    assert ran.returncode == 7, ran.stderr
    assert "Read-only" in ran.stderr
    assert ran.stdout.strip()
    (tmp_path / "own.sh").write_text("#!/bin/sh\necho mine\n")
    (tmp_path / "own.sh").chmod(0o755)
    assert run(image, "--", "./own.sh", cwd=tmp_path).stdout == "mine\n"  # ours, and not the guest's


def test_what_it_changed_is_kept_only_if_it_ended_well(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    before = digest(image)
    for code in (3, 1):
        ran = run(image, "--write", "--", "sh", "-c", f"echo new > etc/motd; rm etc/fstab; exit {code}")
        assert ran.returncode == code
        assert "nothing was changed" in ran.stderr
        assert digest(image) == before
    ran = run(image, "--write", "--", "sh", "-c", "echo new > etc/motd; kill -TERM $$")
    assert ran.returncode == 128 + signal.SIGTERM
    assert digest(image) == before
    ran = run(image, "--write", "--json", "--", "sh", "-c", "echo new > etc/motd; echo said")
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["schema"] == "imgtools.with/1"
    assert (document["data"]["committed"], document["data"]["code"]) == (True, 0)
    assert document["data"]["change_count"] >= 1
    assert "said" in ran.stderr
    assert run(image, "--", "cat", "etc/motd").stdout == "new\n"


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    outside = tmp_path / "outside"
    outside.write_text("host\n")
    script = f"ln -s {outside} etc/way && ln -s ../../../../../../../..{outside} etc/up"
    assert run(image, "--write", "--", "sh", "-c", script).returncode == 0
    ran = run(image, "--write", "--", "sh", "-c", "echo guest > etc/way; echo guest > etc/up; true")
    assert outside.read_text() == "host\n", ran.stderr


def test_killed_it_leaves_the_image_and_no_mount(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    before = digest(image)
    flag = tmp_path / "begun"
    script = f"echo new > etc/motd; echo $IMGTOOLS_ROOT > {flag}.part; mv {flag}.part {flag}; exec sleep 30"
    command = [sys.executable, "-m", "imgtools", "with", str(image), "--write", "--", "sh", "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    process = subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        wait_until(flag.exists)
        place = Path(flag.read_text().strip())
        process.kill()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    wait_until(lambda: str(place) not in Path("/proc/self/mountinfo").read_text())
    assert digest(image) == before
