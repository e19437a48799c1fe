"""`imgtools shell` with a script: an answer for each line, one plan for all, and the exit code of what failed."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imgtools.errors import (
    EditFailed,
    HostError,
    ImageInUse,
    NoSuchGuestFile,
    NotADirectory,
    SessionReadOnly,
    UsageError,
)
from imgtools.image.handle import open_image
from tests.support.command import Ran, imgtools
from tests.support.edits import beside, digest, read
from tests.support.fixtures import copy_image, fixture_image

Run = Callable[..., Ran]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return copy_image(fixture_image("debian"), tmp_path)


@pytest.fixture
def run(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run lines as a script on a copy of a guest."""
    monkeypatch.chdir(tmp_path)

    def lines(*texts: str, write: bool = False, words: tuple[str, ...] = (), code: int = 0) -> Ran:
        script = tmp_path / "script"
        script.write_text("".join(f"{text}\n" for text in texts))
        return imgtools("shell", image, "-f", script, *(["--write"] if write else []), *words, code=code)

    return lines


def documents(ran: Ran) -> list[Any]:
    """The JSON document on each line."""
    return [json.loads(line) for line in ran.out.splitlines()]


# -- reading ---------------------------------------------------------------------------------------------------


def test_commands_are_those_of_the_program(run: Run, image: Path) -> None:
    ran = run("cat /etc/hostname", "ls -l /etc/fstab", "find /etc/ssh --type f", "inspect", "df")
    alone = [
        imgtools("cat", image, "/etc/hostname"),
        imgtools("ls", "-l", image, "/etc/fstab"),
        imgtools("find", "--type", "f", image, "/etc/ssh"),
        imgtools("inspect", image),
        imgtools("df", image),
    ]
    assert ran.out == "".join(one.out for one in alone)


def test_the_image_is_opened_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def counted(*words: Any, **more: Any) -> Any:
        opened.append(words)
        return open_image(*words, **more)

    monkeypatch.setattr("imgtools.image.handle.open_image", counted)
    run(
        "ls /",
        "cat /etc/hostname",
        "cd /etc",
        "ls",
        "inspect --json",
        "find /etc/ssh",
        "audit --only file-shadow-mode",
    )
    assert len(opened) == 1


def test_one_is_somewhere_in_the_guest(run: Run) -> None:
    ran = run(
        "pwd", "cd /etc", "cat hostname", "ls ssh/sshd_config", "cd ssh", "pwd", "cd ..", "pwd", "cd", "pwd"
    )
    assert ran.out.splitlines() == ["/", "debian-fixture", "/etc/ssh/sshd_config", "/etc/ssh", "/etc", "/"]
    assert "sshd_config" in run("cd /etc/ssh", "ls").out
    assert "/etc/ssh/sshd_config" in run("cd /etc/ssh", "find --name 'sshd*'").out


def test_only_a_directory_is_gone_to(run: Run) -> None:
    assert (
        "not a directory in the guest: /etc/hostname"
        in run("cd /etc/hostname", code=NotADirectory.exit_code).err
    )
    assert "/nowhere" in run("cd /nowhere", code=NoSuchGuestFile.exit_code).err


def test_what_is_printed_goes_to_a_file_or_a_command(run: Run, tmp_path: Path) -> None:
    ran = run(
        "cat /etc/passwd | grep -c root",
        "cat /etc/passwd | !grep ^root: | cut -d: -f7",
        "cat /etc/hostname > one",
        "cat /etc/hostname >> 'one'",
        "!cat one",
        "find / | head -1",
    )
    assert ran.err == ""
    assert (tmp_path / "one").read_text() == "debian-fixture\n" * 2


def test_the_host_has_a_folder_of_its_own(run: Run, tmp_path: Path, image: Path) -> None:
    (tmp_path / "below").mkdir()
    ran = run("lcd below", "copy-out /etc/hostname .", "cat /etc/hostname > other", "lcd /nowhere", code=3)
    assert "cannot go to /nowhere: No such file or directory" in ran.err
    assert (tmp_path / "below" / "hostname").read_text() == (tmp_path / "below" / "other").read_text()


def test_the_image_stays_the_same_from_another_folder(run: Run, tmp_path: Path, image: Path) -> None:
    (tmp_path / "below").mkdir()
    ran = imgtools(
        "shell",
        image.name,
        "--write",
        "-f",
        _script(tmp_path, "rm /etc/crontab", "lcd below", "commit", "-cat /etc/crontab"),
    )
    assert f"1 change made in {image}" in ran.err


def _script(folder: Path, *texts: str) -> Path:
    place = folder / "other-script"
    place.write_text("".join(f"{text}\n" for text in texts))
    return place


def test_help_lists_what_there_is(run: Run) -> None:
    said = run("help", "help rm", "rm --help").out
    assert "The session:" in said and "rollback" in said and "customize" in said and "registry" in said
    assert "Usage: rm [OPTIONS]" in said and "IMAGE" not in said.partition("Usage: rm")[2]
    assert "--output" not in said and "--write" not in said and "convert" not in said


# -- scripts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "said", "hint"),
    [
        ("cat /nowhere", NoSuchGuestFile.exit_code, "no such file in the guest: /nowhere", ""),
        ("cta /etc/hostname", UsageError.exit_code, "no such command 'cta'", "did you mean cat"),
        ("virt-cat /etc/hostname", UsageError.exit_code, "no such command 'virt-cat'", "did you mean cat"),
        ("convert x", UsageError.exit_code, "convert is no command of a session", "!imgtools convert"),
        ("mount x", UsageError.exit_code, "it goes on when the session has ended", "!imgtools mount"),
        ("config gte /etc/hosts", UsageError.exit_code, "no such command 'gte'", "did you mean get"),
        ("ls --lnog", UsageError.exit_code, "no such option: --lnog", "did you mean --long"),
        ("cat 'a", UsageError.exit_code, "a quote is not closed: 'a", ""),
        ("rm /a; ls", UsageError.exit_code, "; is not understood", "quote it"),
        ("ls > /nowhere/file", HostError.exit_code, "cannot write /nowhere/file", ""),
        ("write /a < /nowhere", HostError.exit_code, "cannot read /nowhere", ""),
        ("!exit 7", 7, "", ""),
        ("cat /etc/hostname | false", 1, "", ""),
    ],
)
def test_a_script_ends_at_the_first_error(run: Run, text: str, code: int, said: str, hint: str) -> None:
    ran = run("cat /etc/hostname", text, "cat /etc/hostname", code=code)
    assert ran.out == "debian-fixture\n"
    if said:
        assert "script, line 2: " in ran.err.splitlines()[0] and said in ran.err and hint in ran.err
    again = run("cat /etc/hostname", f"-{text}", "cat /etc/hostname")
    assert again.out == "debian-fixture\n" * 2


def test_findings_are_an_answer_that_ends_a_script(run: Run) -> None:
    run("audit --only account-empty-password", "ls /", code=0)
    ran = run("audit", "cat /etc/hostname", code=1)
    assert "debian-fixture" not in ran.out.splitlines()


def test_a_script_comes_on_standard_input(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("# a remark\n\ncat /etc/hostname\nexit\ncat /nowhere\n"))
    assert imgtools("shell", image).out == "debian-fixture\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("write /etc/crontab\nplan\nrollback\n"))
    ran = imgtools("shell", image, "--write", "-f", "-")
    assert "write /etc/crontab (0)" in ran.out, "the script is not for its own commands"
    monkeypatch.setattr("sys.stdin", io.StringIO("cat /nowhere\n"))
    assert "standard input, line 1: " in imgtools("shell", image, code=NoSuchGuestFile.exit_code).err


def test_a_script_has_to_be_there(image: Path) -> None:
    ran = imgtools("shell", image, "-f", "/nowhere", code=HostError.exit_code)
    assert "cannot read /nowhere: No such file or directory" in ran.err


def test_each_command_answers_with_one_document(run: Run) -> None:
    ran = run(
        "cat /etc/hostname",
        "ls /etc/ssh",
        "cd /etc",
        "rm hostname",
        "help rm",
        "!echo said",
        "ls > list",
        "cat passwd | wc -l",
        "-cat /nowhere",
        "plan",
        "undo",
        "exit",
        write=True,
        words=("--json",),
    )
    found = documents(ran)
    assert [one["schema"] for one in found] == [
        "imgtools.cat/1",
        "imgtools.ls/1",
        "imgtools.shell.place/1",
        "imgtools.plan/2",
        "imgtools.shell.ran/1",
        "imgtools.shell.ran/1",
        "imgtools.shell.ran/1",
        "imgtools.shell.ran/1",
        "imgtools.error/1",
        "imgtools.plan/2",
        "imgtools.shell.undo/1",
    ]
    assert found[1]["data"]["files"] and "Usage: rm" in found[4]["data"]["output"]
    assert found[5]["data"] == {"command": "!echo said", "exit_code": 0, "output": ""}
    assert found[8]["error"]["exit_code"] == NoSuchGuestFile.exit_code
    assert found[10]["data"]["undone"] == ["rm hostname"]


# -- changing --------------------------------------------------------------------------------------------------


def test_reading_sees_what_is_planned_and_nothing_is_written(run: Run, image: Path) -> None:
    before = digest(image)
    ran = run(
        "write /etc/hostname --content web1",
        "cat /etc/hostname",
        "mkdir /srv/new",
        "write /srv/new/file --content one",
        "write /srv/new/file --content two --append",
        "mv /srv/new /srv/old",
        "find /srv/old",
        "cat /srv/old/file",
        "rm /etc/fstab",
        "-cat /etc/fstab",
        "undo",
        "ls /etc/fstab",
        "undo 2",
        "-cat /srv/old/file",
        "rollback",
        "cat /etc/hostname",
        write=True,
    )
    assert "web1\n" in ran.out and "/srv/old\n/srv/old/file\none\ntwo\n" in ran.out
    assert ran.out.rstrip().endswith("taken back: write /etc/hostname --content web1\ndebian-fixture")
    assert "no such file in the guest: /etc/fstab" in ran.err
    assert "no such file in the guest: /srv/old/file" in ran.err
    assert digest(image) == before and not beside(image)


def test_a_commit_writes_all_of_it(run: Run, image: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of the host\n")
    with tarfile.open(tmp_path / "pack.tar.gz", "w:gz") as pack:
        pack.add(tmp_path / "file", "packed")
    ran = run(
        "customize --hostname web1",
        "copy-in file /srv",
        "tar-in pack.tar.gz /srv",
        "config set /etc/ssh/sshd_config/PermitRootLogin no",
        "cat /srv/packed",
        "!rm pack.tar.gz",
        "commit",
        "cat /etc/hostname",
        "cd /srv",
        "write later --content 2",
        "commit",
        "plan",
        write=True,
    )
    assert (
        "2 changes made in" not in ran.err
        and f"made in {image}" in ran.err
        and "Nothing to change." in ran.err
    )
    assert read(image, "/etc/hostname") == "web1\n"
    assert read(image, "/srv/file") == read(image, "/srv/packed") == "of the host\n"
    assert read(image, "/srv/later") == "2\n"
    assert "PermitRootLogin no" in read(image, "/etc/ssh/sshd_config")
    assert not beside(image)


def test_every_file_is_planned_once(run: Run) -> None:
    ran = run(
        "write /etc/crontab --content 1",
        "write /etc/crontab --content 2",
        "rm /etc/crontab",
        "plan --json",
        "rollback",
        write=True,
    )
    start = ran.out.index("{")
    plan = json.JSONDecoder().raw_decode(ran.out[start:])[0]
    assert [one["kind"] for one in plan["data"]["changes"]] == ["remove"]


def test_the_plan_of_a_session_is_one_that_apply_takes(run: Run, image: Path, tmp_path: Path) -> None:
    run(
        "write /etc/crontab --content new",
        "chmod 0600 /etc/hosts",
        "plan --json > plan.json",
        "rollback",
        write=True,
    )
    imgtools("apply", image, tmp_path / "plan.json", "--write")
    assert read(image, "/etc/crontab") == "new\n"


def test_dry_run_plans_nothing(run: Run) -> None:
    ran = run("rm -n /etc/crontab", "plan", write=True)
    assert "remove /etc/crontab" in ran.out and "Nothing to change." in ran.err


def test_a_session_is_read_only_without_write(run: Run, image: Path) -> None:
    before = digest(image)
    for text in ("rm /etc/crontab", "customize --hostname x", "sysprep", "audit --fix", "apply plan.json"):
        Path("plan.json").write_text('[{"kind": "remove", "path": "/etc/crontab"}]')
        ran = run(text, code=SessionReadOnly.exit_code)
        assert "the session is read-only" in ran.err and "begin it with --write" in ran.err
    assert (
        "remove /etc/crontab"
        in run("rm --dry-run /etc/crontab", "audit --only file-shadow-mode", "commit").out
    )
    assert digest(image) == before


def test_what_would_lock_people_out_is_refused_at_once(run: Run) -> None:
    ran = run("write /etc/sudoers --content nonsense", "plan", write=True, code=EditFailed.exit_code)
    assert "line 1" in ran.err
    run("write --no-check /etc/sudoers --content nonsense", "plan", "rollback", write=True)


def test_a_plan_that_is_not_committed_is_a_warning(run: Run, image: Path) -> None:
    before = digest(image)
    ran = run("rm /etc/crontab", "rm /etc/hosts", write=True, code=1)
    assert "2 steps are planned and not committed: nothing of that was written" in ran.err
    assert digest(image) == before


def test_no_more_is_taken_back_than_is_planned(run: Run) -> None:
    ran = run("undo", write=True, code=UsageError.exit_code)
    assert "cannot take 1 back: 0 steps planned" in ran.err
    assert "Nothing is planned." in run("rollback", write=True).err


def test_another_edit_has_to_wait(run: Run, image: Path) -> None:
    ran = run(f"-!{_program()} rm {image} /etc/crontab --write; echo ended with $?", write=True)
    _ = ran
    with_code = imgtools(
        "shell",
        image,
        "--write",
        "-f",
        _script(image.parent, f"!{_program()} rm {image} /etc/crontab --write"),
        code=None,
    )
    assert with_code.code == ImageInUse.exit_code


def _program() -> str:
    import sys

    return f"{sys.executable} -m imgtools"


def test_a_plan_that_changes_what_is_mounted_is_committed_first(run: Run) -> None:
    ran = run(
        "edit /etc/fstab -e 's/^[^#].*boot.*$//'",
        "write /etc/crontab --content 1",
        write=True,
        code=41,
    )
    assert "what is planned changes what the guest mounts" in ran.err and "commit it, or undo it" in ran.err


def test_windows_paths_are_typed_as_they_are(tmp_path: Path) -> None:
    script = _script(
        tmp_path,
        r"cd C:\Windows",
        "pwd",
        r"cat C:\Windows\win.ini > /dev/null",
        "ls win.ini",
        r"cd \Users",
        "pwd",
    )
    ran = imgtools("shell", fixture_image("windows"), "-f", script)
    assert ran.out.splitlines()[0] == "/Windows" and ran.out.splitlines()[-1] == "/Users"
