"""Editing one file: what it keeps, what is checked, and what an editor may do."""

import os
from pathlib import Path

import pytest

from imgtools.change.change import WriteFile
from imgtools.change.editor import edit_with_program
from imgtools.change.expression import apply_expressions
from imgtools.errors import EditFailed, NoSuchGuestFile, NotAFile, ToolMissing
from imgtools.records.request import Target
from imgtools.workflows.edit import Edit, edit_file
from tests.support.memory import Content, Node, link, memory_guest_image, serve

FILES: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "/etc/motd": Node(content=b"hello\n", mode=0o640, uid=5),
    "/etc/link": link("motd"),
}


def scripted(*expressions: str) -> Edit:
    return lambda content, name: apply_expressions(content, expressions)


def test_the_file_that_a_link_leads_to_is_edited_and_a_backup_keeps_its_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    report = edit_file(request, Target(), "/etc/link", scripted("s/hello/bye/"), backup=".bak")
    backup, written = (one.change for one in report.changes)
    assert backup == WriteFile("/etc/motd.bak", b"hello\n", 0o640, 5, 0)
    assert isinstance(written, WriteFile)
    assert (written.path, written.content, written.mode) == ("/etc/motd", b"bye\n", None)
    assert "-hello\n+bye\n" in report.changes[1].diff


def test_an_edit_that_changes_nothing_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    assert edit_file(request, Target(), "/etc/motd", scripted("s/x/y/"), backup="~").changes == ()


def test_a_broken_file_is_refused_unless_the_user_insists(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    with pytest.raises(EditFailed, match="fields"):
        edit_file(request, Target(), "/etc/passwd", scripted("s/:x:/ /"))
    assert edit_file(request, Target(check=False), "/etc/passwd", scripted("s/:x:/ /")).changes


def test_a_missing_file_and_a_directory_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    with pytest.raises(NoSuchGuestFile):
        edit_file(request, Target(), "/etc/none", scripted("s/a/b/"))
    with pytest.raises(NotAFile):
        edit_file(request, Target(), "/etc", scripted("s/a/b/"))


@pytest.mark.host
def test_an_editor_gets_a_private_copy_that_is_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "editor"
    seen = tmp_path / "seen"
    program.write_text(f'#!/bin/sh\nstat -c "%a %n" "$1" > {seen}\necho more >> "$1"\n')
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", os.fspath(program))
    monkeypatch.delenv("VISUAL", raising=False)
    assert edit_with_program(b"text\n", "/etc/fstab") == b"text\nmore\n"
    mode, name = seen.read_text().split()
    assert mode == "600"
    assert name.endswith("/fstab")
    assert not Path(name).exists()


@pytest.mark.host
def test_an_editor_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.delenv("VISUAL", raising=False)
    with pytest.raises(EditFailed, match="false ended with 1"):
        edit_with_program(b"", "x")


@pytest.mark.host
@pytest.mark.parametrize(
    "editor", ["echo more >>", 'f() { echo more >> "$1"; }; f', "sh -c 'echo more >> \"$0\"'"]
)
def test_an_editor_is_for_a_shell(monkeypatch: pytest.MonkeyPatch, editor: str) -> None:
    """As for git, crontab and virt-edit: arguments, redirections, quotes."""
    monkeypatch.setenv("EDITOR", editor)
    monkeypatch.delenv("VISUAL", raising=False)
    assert edit_with_program(b"text\n", "/etc/a name with 'quotes' and $HOME") == b"text\nmore\n"


@pytest.mark.host
def test_an_editor_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "no-such-editor -x")
    monkeypatch.delenv("VISUAL", raising=False)
    with pytest.raises(ToolMissing, match="no editor 'no-such-editor -x'"):
        edit_with_program(b"", "x")
