"""The collection in ansible/, run by ansible-playbook: the page on it, and what each module answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from imgtools import __version__
from tests.house.source import ROOT
from tests.support.command import imgtools
from tests.support.edits import digest
from tests.support.fixtures import copy_fixture

PAGE = ROOT / "docs" / "ansible.md"
PROGRAMS = Path(sys.executable).parent
RECAP = re.compile(r"^localhost +: (.*)$", re.MULTILINE)
CHECK = {"check_mode": True}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ansible-galaxy has installed the collection."""
    folder = tmp_path_factory.mktemp("collections")
    words = ["collection", "install", ROOT / "ansible", "-p", folder, "--offline"]
    subprocess.run([PROGRAMS / "ansible-galaxy", *words], env=_environment(folder), check=True)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of a Debian and of a Windows."""
    copy_fixture("debian", tmp_path)
    copy_fixture("windows", tmp_path)
    return tmp_path


def _environment(installed: Path) -> dict[str, str]:
    return os.environ | {
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_HOME": str(installed / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(installed),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_STDOUT_CALLBACK": "default",
    }


def _play(installed: Path, folder: Path, *words: str) -> tuple[dict[str, int], str]:
    """Run the playbook; return how many tasks were ok, changed, failed and so on, and what was printed."""
    done = subprocess.run(
        [PROGRAMS / "ansible-playbook", "playbook.yml", *words],
        cwd=folder,
        env=_environment(installed),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    recap = RECAP.search(done.stdout)
    assert recap and not done.returncode, done.stdout + done.stderr
    return {name: int(count) for name, count in (word.split("=") for word in recap[1].split())}, done.stdout


def _results(
    installed: Path, folder: Path, *tasks: dict[str, Any]
) -> list[dict[str, Any]]:  # Any: YAML, JSON
    """Run tasks one after the other, whatever becomes of each, and return their results."""
    named = [
        {**task, "register": f"done{at}", "ignore_errors": True, "diff": True}
        for at, task in enumerate(tasks)
    ]
    everything = f"{{{{ [{', '.join(f'done{at}' for at in range(len(tasks)))}] | to_json }}}}"
    last = {"ansible.builtin.copy": {"dest": str(folder / "results.json"), "content": everything}}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [*named, last]}
    (folder / "playbook.yml").write_text(yaml.safe_dump([play]))
    _play(installed, folder)
    found: list[dict[str, Any]] = json.loads((folder / "results.json").read_text())
    return found


def _edit(more: dict[str, Any] | None = None, **options: object) -> dict[str, Any]:
    return {"imgtools.guest.edit": {"image": "debian.qcow2", **options}, **(more or {})}


def _registry(more: dict[str, Any] | None = None, **options: object) -> dict[str, Any]:
    return {"imgtools.guest.registry": {"image": "windows.qcow2", **options}, **(more or {})}


# -- the page ----------------------------------------------------------------------------------------------


def test_check_mode_says_what_would_change_and_a_second_run_changes_nothing(
    installed: Path, folder: Path
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (folder / "playbook.yml").write_text("".join(blocks))
    images = [folder / "debian.qcow2", folder / "windows.qcow2"]
    before = [digest(image) for image in images]
    planned, said = _play(installed, folder, "--check", "--diff")
    assert planned["changed"] == 4 and planned["skipped"] == 1, said
    assert "-PermitRootLogin prohibit-password\n+PermitRootLogin no\n" in said
    assert '+"fDenyTSConnections"=dword:00000001' in said
    assert [digest(image) for image in images] == before and not (folder / "web1.qcow2").exists()

    done, said = _play(installed, folder)
    assert done["changed"] == 5 and done["skipped"] == 0, said
    assert "PermitRootLogin no\n" in imgtools("cat", images[0], "/etc/ssh/sshd_config").out
    assert imgtools("cat", folder / "web1.qcow2", "/etc/hostname").out == "web1\n"

    after = [digest(image) for image in images]
    again, said = _play(installed, folder)
    assert again["changed"] == 0, said
    assert [digest(image) for image in images] == after


def test_changed_written_and_changes_say_what_the_page_says(folder: Path) -> None:
    words = ("write", folder / "debian.qcow2", "/etc/motd", "--content", "new", "--json")
    for more, changed, written in (
        ((), True, False),
        (("--write",), True, True),
        (("--write",), False, True),
    ):
        data = imgtools(*words, *more).data
        assert (data["changed"], data["written"], len(data["changes"])) == (changed, written, int(changed))


# -- the modules -------------------------------------------------------------------------------------------


def test_files_are_edited_as_ansible_edits_those_of_a_running_system(installed: Path, folder: Path) -> None:
    hosts = imgtools("cat", folder / "debian.qcow2", "/etc/hosts").out
    last = hosts.splitlines()[-1]
    edits = [
        {"path": "/etc/hosts", "line": "10.0.0.1 first", "insertbefore": "^127"},
        {"path": "/etc/hosts", "regexp": "^(10\\.0\\.0\\.)1", "replace": "\\g<1>2"},
        {"path": "/etc/hosts", "regexp": f"^{re.escape(last)}$", "state": "absent"},
        {"path": "/etc/new", "line": "made", "create": True, "mode": "0600"},
        {"path": "/etc/motd", "state": "absent"},
    ]
    first, again, kept, other = _results(
        installed,
        folder,
        _edit(edits=edits),
        _edit(edits=edits[2:]),
        _edit(path="/etc/new", line="other", regexp="^ma", output="other.qcow2"),
        _edit(path="/etc/new", line="other", regexp="^ma", output="other.qcow2"),
    )
    assert first["changed"] and len(first["changes"]) in (3, 4), first
    assert not again["changed"] and kept["changed"] and not other["changed"]
    read = imgtools("cat", folder / "debian.qcow2", "/etc/hosts").out
    assert "10.0.0.2 first\n127" in read and last not in read.splitlines()
    assert imgtools("cat", folder / "debian.qcow2", "/etc/new").out == "made\n"
    assert (
        imgtools("ls", "-l", folder / "debian.qcow2", "/etc/new").out.splitlines()[1].startswith("-rw-------")
    )
    assert imgtools("cat", folder / "other.qcow2", "/etc/new").out == "other\n"
    assert imgtools("cat", folder / "debian.qcow2", "/etc/motd", code=25)


def test_an_error_has_the_words_and_the_exit_code_of_imgtools(installed: Path, folder: Path) -> None:
    before = digest(folder / "debian.qcow2")
    missing, unfit, locked_out, pattern, no_image, key = _results(
        installed,
        folder,
        _edit(path="/etc/nope", line="x"),
        _edit(path="/etc/hosts"),
        _edit(path="/etc/fstab", content="/dev/none / ext4 defaults 0 1\n"),
        _edit(path="/etc/hosts", regexp="(", replace="x"),
        {"imgtools.guest.facts": {"image": "gone.qcow2"}},
        {"imgtools.guest.facts": {"image": "debian.qcow2", "keys": [{"key": "hidden-words"}]}},
    )
    assert missing["failed"] and (missing["rc"], missing["error"]) == (25, "NoSuchGuestFile")
    assert "no such file in the guest: /etc/nope" in missing["msg"] and "exit code 25" in missing["msg"]
    assert "say its content" in unfit["msg"] and "regular expression" in pattern["msg"]
    assert locked_out["failed"] and locked_out["rc"] in range(20, 50), locked_out
    assert no_image["failed"] and "gone.qcow2" in no_image["msg"]
    assert not key["failed"] and "hidden-words" not in json.dumps(key)
    assert digest(folder / "debian.qcow2") == before


def test_values_of_a_registry_have_their_types(installed: Path, folder: Path) -> None:
    key = r"HKLM\SOFTWARE\Policies\Example"
    planned, *done, odd, gone, again = _results(
        installed,
        folder,
        _registry(CHECK, key=key, name="Servers", value=["a", "b"], type="multi_sz"),
        _registry(key=key, name="Servers", value=["a", "-b"], type="multi_sz"),
        _registry(key=key, name="Blob", value="00ff", type="binary"),
        _registry(key=key, value="@the default one"),
        _registry(key=key, name="Blob", value="0", type="binary"),
        _registry(key=key, name="Blob", state="absent"),
        _registry(key=key, name="Blob", state="absent"),
    )
    assert planned["changed"] and '+"Servers"=hex(7)' in planned["diff"][0]["prepared"]
    assert all(one["changed"] for one in (*done, gone)) and not again["changed"]
    assert odd["failed"] and "hexadecimal" in odd["msg"]
    values = imgtools("registry", "get", folder / "windows.qcow2", key, "--json").data["values"]
    said = {one["name"]: one["texts"] or one["text"] for one in values}
    assert said == {"Servers": ["a", "-b"], "": "@the default one"}


# -- the collection ----------------------------------------------------------------------------------------


def test_it_has_our_version_and_every_module_is_documented(installed: Path) -> None:
    assert yaml.safe_load((ROOT / "ansible/galaxy.yml").read_text())["version"] == __version__
    modules = {path.stem for path in (ROOT / "ansible/plugins/modules").glob("*.py")}
    words = [f"imgtools.guest.{name}" for name in sorted(modules)]
    shown = subprocess.run(
        [PROGRAMS / "ansible-doc", "--json", *words],
        env=_environment(installed),
        capture_output=True,
        text=True,
        check=True,
    )
    documents = json.loads(shown.stdout)
    page = PAGE.read_text(encoding="utf-8")
    for name in words:
        about = documents[name]
        assert about["examples"] and about["return"] and f"| `{name}` |" in page
        assert {"image", "keys", "executable"} <= about["doc"]["options"].keys()
        assert about["doc"]["attributes"]["check_mode"]["support"] == "full"
