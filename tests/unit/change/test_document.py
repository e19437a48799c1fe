"""A printed plan can be fed back, and one written by a person is checked word by word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgtools.change import change as c
from imgtools.change.document import KINDS, format_change, parse_plan
from imgtools.errors import UsageError

HERE = Path("/plans")
ALL = (
    c.WriteFile("/etc/a", b"text\n", mode=0o4755, uid=1, gid=2, before="ab"),
    c.WriteFile("/etc/caf\udce9", b"\0\xff"),
    c.WriteFile("/etc/empty", b""),
    c.Upload("/u", Path("/host/f"), 5, mode=0o600, mtime=1_700_000_000_123_456_789),
    c.Upload(
        "/s", Path("/host/a.tar"), 99, offset=512, replace=True, parts=(c.DataPart(0, 5), c.DataPart(9, 90))
    ),
    c.Upload("/s", Path("/host/a.tar"), 99, parts=()),
    c.Truncate("/t", 7),
    c.Remove("/r", recursive=True, contents_only=True, size=3, count=2),
    c.MakeDirectory("/d", 0o700, 1, 1, -5, replace=True),
    c.MakeLink("/l", "../x", uid=3, mtime=7),
    c.MakeHardLink("/h", "/l", replace=True),
    c.MakeSpecial("/n", "c", (1, 3), 0o666, mtime=0, replace=True),
    c.Move("/a", "/b"),
    c.SetMode("/m", 0, recursive=True),
    c.SetOwner("/o", gid=5),
    c.SetTimes("/t", atime=0, mtime=-1),
    c.SetXattr("/x", "user.x", b"\x01"),
    c.SetXattr("/x", "user.y", None),
    c.EditConfig("/e", (c.ConfigSetting("a", "b"), c.ConfigSetting("c", None)), "Sshd.lns"),
    c.EditLines("/e", (c.LineEdit("a", "b"), c.LineEdit(append="c"))),
    c.RegistrySet("/h", "a\\b", "v", "REG_DWORD", number=1),
    c.RegistrySet("/h", "a\\b", "w", "0x1f4", data=b"\1\0"),
    c.RegistrySet("/h", "a\\b", "x", "REG_MULTI_SZ", texts=("a", "b")),
    c.RegistrySet("/h", "a", text="x"),
    c.RegistryRemoveValue("/h", "a\\b", "v"),
    c.RegistryMakeKey("/h", "a\\b"),
    c.RegistryRemoveKey("/h", "a\\b"),
    c.RegistryApplyLog("/h"),
    c.SetUuid("/dev/sda1"),
    c.NewLvmUuids(("vg",), ("vg",)),
    c.DiscardHibernation("/dev/sda2"),
    c.WriteDisk("/dev/sda", 512, b"\0EFI", "ab", "the backup GPT"),
    c.CheckFilesystem("/dev/sda1", "ext4", True),
    c.RunInGuest("true", True, "nothing", ("/dev/sda",)),
    c.Relabel(("/etc",)),
)


def test_every_kind_of_change_comes_back_from_its_json_as_it_was() -> None:
    assert {type(change) for change in ALL} == set(KINDS.values())
    printed = json.loads(json.dumps([format_change(change) for change in ALL]))
    assert parse_plan(printed, HERE) == ALL


def test_what_a_command_prints_can_be_read() -> None:
    remarks = {"summary": "write /a", "diff": "-x\n+y\n"}
    change = {"kind": "write-file", "path": "/a", "content": "y\n", **remarks}
    document = {"schema": "imgtools.plan/1", "ok": True, "data": {"written": False, "changes": [change]}}
    assert parse_plan(document, HERE) == (c.WriteFile("/a", b"y\n"),)
    assert parse_plan({"changes": [change]}, HERE) == parse_plan([change], HERE)


def test_a_person_may_write_less(tmp_path: Path) -> None:
    (tmp_path / "motd").write_text("hello")
    plan = [{"kind": "upload", "path": "/etc/motd", "host_path": "motd"}, {"kind": "remove", "path": "/x"}]
    assert parse_plan(plan, tmp_path) == (c.Upload("/etc/motd", tmp_path / "motd", 5), c.Remove("/x"))


@pytest.mark.parametrize("mode", ["0644", "644", 0o644])
def test_modes_are_octal(mode: object) -> None:
    assert parse_plan([{"kind": "set-mode", "path": "/x", "mode": mode}], HERE) == (c.SetMode("/x", 0o644),)


def test_private_content_is_not_printed_and_is_missed_when_read() -> None:
    printed = format_change(c.WriteFile("/etc/shadow", b"root:$6$secret", private=True))
    assert "secret" not in json.dumps(printed)
    with pytest.raises(UsageError, match="private"):
        parse_plan([printed], HERE)


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("x", "not an object"),
        ({}, "no such kind"),
        ({"kind": "wirte-file"}, "no such kind: 'wirte-file'"),
        ({"kind": "remove"}, "path is missing"),
        ({"kind": "remove", "path": "/x", "recursiv": True}, "no such field: recursiv"),
        ({"kind": "remove", "path": "etc/x"}, "path is not absolute"),
        ({"kind": "remove", "path": ""}, "path is empty"),
        ({"kind": "remove", "path": "/x\0"}, "NUL"),
        ({"kind": "remove", "path": 3}, "path is not a text"),
        ({"kind": "remove", "path": "/x", "recursive": "yes"}, "recursive is not true or false"),
        ({"kind": "set-mode", "path": "/x", "mode": "999"}, "mode is not an octal mode"),
        ({"kind": "set-mode", "path": "/x", "mode": True}, "mode is not an octal mode"),
        ({"kind": "set-owner", "path": "/x", "uid": "root"}, "uid is not a whole number"),
        ({"kind": "write-file", "path": "/x", "content_b64": "%%"}, "content_b64 is not base64"),
        ({"kind": "set-times", "path": "/x", "mtime": 3}, "no such field: mtime"),
        ({"kind": "upload", "path": "/x", "host_path": "none"}, "cannot read none"),
        ({"kind": "edit-lines", "path": "/x", "edits": {}}, "edits is not a list"),
        ({"kind": "edit-lines", "path": "/x", "edits": [3]}, "not an object"),
        ({"kind": "make-special", "path": "/x", "device": [1]}, "device is not a pair"),
    ],
)
def test_mistakes_are_named_with_their_place(item: object, fault: str) -> None:
    with pytest.raises(UsageError, match=r"^change 2") as caught:
        parse_plan([{"kind": "truncate", "path": "/ok"}, item], HERE)
    assert fault in caught.value.message


@pytest.mark.parametrize("parts", [[(0, 6)], [(5, 1)], [(0, 2), (1, 2)], [(3, -1)], [(-1, 2)]])
def test_parts_of_a_file_follow_each_other(parts: list[tuple[int, int]]) -> None:
    said = [{"at": at, "size": size} for at, size in parts]
    plan = [{"kind": "upload", "path": "/a", "host_path": "/h", "size": 5, "parts": said}]
    with pytest.raises(
        UsageError, match=r"^change 1 \(upload\): its parts do not follow each other within its size$"
    ):
        parse_plan(plan, HERE)


@pytest.mark.parametrize("document", [None, 3, "x", {}, {"changes": {}}, {"data": {"files": []}}])
def test_what_is_no_plan_is_wrong_usage(document: object) -> None:
    with pytest.raises(UsageError, match="no list of changes"):
        parse_plan(document, HERE)
