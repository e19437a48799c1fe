"""Composed changes become files: one parse, one write, a digest of what was read."""

from __future__ import annotations

import hashlib

import pytest

from imgtools.change.change import (
    Change,
    ConfigSetting,
    EditConfig,
    EditLines,
    LineEdit,
    RegistryRemoveKey,
    RegistrySet,
    Remove,
    WriteFile,
)
from imgtools.change.compose import compose, edit_text
from imgtools.engine.hive import open_hive
from imgtools.errors import NoSuchGuestFile, OddGuest, UsageError
from tests.support.hives import make_hive
from tests.support.memory import link, memory_files

SSHD = "Port 22\n# caf\udce9\nPermitRootLogin yes\n"


def settled(files: dict[str, str], *changes: Change) -> tuple[Change, ...]:
    return compose(changes, memory_files(files))


def test_edits_of_one_file_become_one_write_with_its_digest() -> None:
    before = hashlib.sha256(SSHD.encode("utf-8", "surrogateescape")).hexdigest()
    first = EditConfig("/etc/ssh/sshd_config", (ConfigSetting("PermitRootLogin", "no"),))
    second = EditLines("/etc/ssh/sshd_config", (LineEdit(append="UseDNS no"),))
    (change,) = settled({"/etc/ssh/sshd_config": SSHD}, first, Remove("/x"), second)[:1]
    content = b"Port 22\n# caf\xe9\nPermitRootLogin no\nUseDNS no\n"
    assert change == WriteFile("/etc/ssh/sshd_config", content, before=before)


def test_an_edit_that_changes_nothing_leaves_the_plan() -> None:
    edit = EditLines("/etc/hosts", (LineEdit("^10\\."), LineEdit(append="127.0.0.1 localhost")))
    assert settled({"/etc/hosts": "127.0.0.1 localhost\n"}, edit) == ()
    assert settled({}, edit) == ()


def test_an_edit_through_a_link_is_an_edit_of_its_file() -> None:
    files = memory_files({"/run/resolv": "nameserver 1.1.1.1\n", "/etc/resolv.conf": link("/run/resolv")})
    changes = (
        EditLines("/etc/resolv.conf", (LineEdit("1.1$", "2.2"),)),
        EditLines("/run/resolv", (LineEdit(append="search x"),)),
    )
    (change,) = compose(changes, files)
    assert isinstance(change, WriteFile)
    assert (change.path, change.content) == ("/run/resolv", b"nameserver 1.1.2.2\nsearch x\n")


def test_an_edit_of_what_the_plan_writes_edits_that() -> None:
    write = WriteFile("/etc/hosts", b"127.0.0.1 localhost\n", mode=0o600)
    edit = EditConfig(
        "/etc/hosts", (ConfigSetting("01/ipaddr", "10.0.0.1"), ConfigSetting("01/canonical", "db"))
    )
    (change,) = settled({}, write, edit)
    assert change == WriteFile("/etc/hosts", b"127.0.0.1 localhost\n10.0.0.1\tdb\n", mode=0o600)


def test_a_file_that_does_not_exist_is_made_by_its_lens() -> None:
    edit = EditConfig(
        "/etc/hosts", (ConfigSetting("01/ipaddr", "10.0.0.1"), ConfigSetting("01/canonical", "db"))
    )
    assert settled({}, edit) == (WriteFile("/etc/hosts", b"10.0.0.1\tdb\n"),)


def test_a_file_that_does_not_parse_names_file_line_and_reason() -> None:
    with pytest.raises(OddGuest, match=r"/etc/hosts:2: does not parse as Hosts.lns"):
        settled({"/etc/hosts": "127.0.0.1 x\n???\n"}, EditConfig("/etc/hosts", (ConfigSetting("1", None),)))


@pytest.mark.parametrize(
    ("path", "node", "lens"),
    [
        ("/etc/hosts", "[[", ""),
        ("/etc/hosts", "1/nonsense", ""),
        ("/etc/hosts", "1/alias", "Nosuch.lns"),
        ("/opt/unknown", "x", ""),
    ],
)
def test_a_node_or_lens_that_is_none_is_wrong_usage(path: str, node: str, lens: str) -> None:
    with pytest.raises(UsageError):
        settled({path: "127.0.0.1 x\n"}, EditConfig(path, (ConfigSetting(node, "v"),), lens))


def test_files_of_secrets_are_private() -> None:
    (change,) = settled(
        {"/etc/shadow": "root:$6$x:1::\n"}, EditLines("/etc/shadow", (LineEdit("\\$6", "!"),))
    )
    assert isinstance(change, WriteFile) and change.private


@pytest.mark.parametrize(
    ("text", "edit", "result"),
    [
        ("a\nb\nc", LineEdit("b"), "a\nc"),
        ("a\r\nb\r\n", LineEdit("b$", "c"), "a\r\nc\r\n"),
        ("a\r\n", LineEdit(append="b"), "a\r\nb\r\n"),
        ("a", LineEdit(append="b"), "a\nb\n"),
        ("", LineEdit(append="b"), "b\n"),
        ("a=1\n", LineEdit(r"^(a)=.*", r"\1=2"), "a=2\n"),
        ("x\x0cy\n", LineEdit("x"), ""),
    ],
)
def test_line_edits_keep_line_ends(text: str, edit: LineEdit, result: str) -> None:
    assert edit_text(text, edit) == result


def test_a_pattern_that_is_none_is_wrong_usage() -> None:
    for edit in (LineEdit("("), LineEdit("(a)", r"\2")):
        with pytest.raises(UsageError):
            edit_text("a\n", edit)


HIVE = "/Windows/System32/config/SYSTEM"


def test_edits_of_a_registry_become_one_file_that_says_what_they_were() -> None:
    files = {HIVE: make_hive({"Select": {"Current": 1}, "Old": {"v": 1}})}
    edits = (
        RegistrySet(HIVE, "Select", "current", "REG_DWORD", number=2),
        RegistrySet(HIVE, "SELECT", "Default", "dword", number=1),
        RegistryRemoveKey(HIVE, "Old"),
        RegistryRemoveKey(HIVE, "Nothing"),
    )
    (write,) = settled(files, *edits)
    assert isinstance(write, WriteFile) and write.before
    assert [one.change for one in write.hive_edits] == list(edits[:3])
    assert write.hive_edits[0].diff.splitlines()[1:] == [
        '-"Current"=dword:00000001',
        '+"Current"=dword:00000002',
    ]
    with open_hive(write.content, HIVE) as hive:
        assert [one.number for one in hive.root.require("Select").values()] == [2, 1]
        assert hive.key("Old") is None
    assert settled({HIVE: write.content}, *edits) == ()


def test_a_registry_hive_that_is_not_there() -> None:
    with pytest.raises(NoSuchGuestFile, match="no such registry hive"):
        settled({"/other": ""}, RegistrySet(HIVE, "Select", "v", text="x"))
