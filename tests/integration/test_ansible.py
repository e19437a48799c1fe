"""The playbook of docs/ansible.md, run by ansible-playbook: what is changed, and what only would be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT
from tests.support.command import imgtools
from tests.support.edits import digest
from tests.support.fixtures import copy_fixture

PAGE = ROOT / "docs" / "ansible.md"
RECAP = re.compile(r"^localhost +: (.*)$", re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy_fixture("debian", tmp_path)
    playbook = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "playbook.yml").write_text("".join(playbook))
    return tmp_path


def _play(folder: Path, *words: str) -> dict[str, int]:
    """Run the playbook; return how many tasks were ok, changed, failed and so on."""
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_STDOUT_CALLBACK": "default",
    }
    done = subprocess.run(
        [programs / "ansible-playbook", "playbook.yml", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    recap = RECAP.search(done.stdout)
    assert recap and not done.returncode, done.stdout + done.stderr
    return {name: int(count) for name, count in (word.split("=") for word in recap[1].split())}


def test_check_mode_says_what_would_change_and_a_second_run_changes_nothing(folder: Path) -> None:
    image = folder / "debian.qcow2"
    before = digest(image)
    planned = _play(folder, "--check")
    assert planned["changed"] == 2 and planned["skipped"] == 1, planned
    assert digest(image) == before and not (folder / "web1.qcow2").exists()

    done = _play(folder)
    assert done["changed"] == 3 and done["skipped"] == 0, done
    assert "PermitRootLogin no\n" in imgtools("cat", image, "/etc/ssh/sshd_config").out
    assert imgtools("cat", folder / "web1.qcow2", "/etc/hostname").out == "web1\n"

    after = digest(image)
    assert _play(folder)["changed"] == 0
    assert digest(image) == after


def test_changed_written_and_changes_say_what_the_page_says(folder: Path) -> None:
    words = ("write", folder / "debian.qcow2", "/etc/motd", "--content", "new", "--json")
    for more, changed, written in (
        ((), True, False),
        (("--write",), True, True),
        (("--write",), False, True),
    ):
        data = imgtools(*words, *more).data
        assert (data["changed"], data["written"], len(data["changes"])) == (changed, written, int(changed))
