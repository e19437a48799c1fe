"""Scheduled tasks: the registry's list, and their files."""

from __future__ import annotations

import pytest

from imgtools.errors import OddGuest
from imgtools.guest.windows.tasks import parse_task, read_tasks
from imgtools.records.system import Warned
from imgtools.records.windows import WindowsTask
from tests.support.hives import Keys
from tests.support.memory import Content
from tests.support.windows import windows_facts

CACHE = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache"
TASKS = "/Windows/System32/Tasks"
HEAD = '<?xml version="1.0" encoding="UTF-16"?>\r\n'


def task(inner: str, head: str = HEAD) -> str:
    space = "http://schemas.microsoft.com/windows/2004/02/mit/task"
    return f'{head}<Task version="1.2" xmlns="{space}">{inner}</Task>'


def wide(text: str) -> bytes:
    return ("\ufeff" + text).encode("utf-16-le")


FULL = task(
    "<RegistrationInfo><Author>CORP\\ann</Author></RegistrationInfo>"
    "<Triggers><BootTrigger/><CalendarTrigger/><LogonTrigger><Enabled>false</Enabled></LogonTrigger><Odd/></Triggers>"
    "<Principals><Principal id='A'><UserId>S-1-5-18</UserId></Principal></Principals>"
    "<Settings><Enabled>true</Enabled></Settings>"
    "<Actions><Exec><Command>cmd.exe</Command><Arguments>/c x</Arguments></Exec>"
    "<ComHandler><ClassId>{0B5}</ClassId></ComHandler><ShowMessage/></Actions>"
)


def tasks(
    paths: dict[str, str], files: dict[str, Content], authors: dict[str, str] | None = None
) -> tuple[tuple[WindowsTask, ...], list[Warned]]:
    """The tasks of a guest with these in the tree of the cache, by Id."""
    keys: Keys = {rf"{CACHE}\Tree\{path}": {"Id": identity, "Index": 3} for path, identity in paths.items()}
    cached: Keys = {rf"{CACHE}\Tasks\{one}": {"Author": author} for one, author in (authors or {}).items()}
    with windows_facts(
        dict(keys) | dict(cached), more={f"{TASKS}/{name}": text for name, text in files.items()}
    ) as facts:
        return read_tasks(facts), facts.warnings


def test_a_task_with_all_its_parts() -> None:
    (found,), warnings = tasks({r"Own\Backup": "{1}"}, {"Own/Backup": wide(FULL)})
    assert found == WindowsTask(
        r"\Own\Backup", True, ("cmd.exe /c x", "{0B5}", "ShowMessage"), ("boot", "calendar", "Odd"), "S-1-5-18",
        r"CORP\ann",
    )  # fmt: skip
    assert warnings == []


def test_folders_of_the_tree_are_no_tasks_and_letter_case_does_not_matter() -> None:
    found, _ = tasks({r"A\one": "{1}", "b": "{2}"}, {"a/ONE": wide(FULL), "B": wide(FULL)})
    assert [(one.path, one.enabled, one.registered) for one in found] == [
        (r"\A\one", True, True),
        (r"\b", True, True),
    ]


def test_a_task_without_a_file_and_a_file_without_a_task() -> None:
    """The first still runs, and hides from who looks at files; the second does not."""
    found, warnings = tasks({"ghost": "{1}"}, {"left": wide(FULL)}, {"{1}": "CORP\\eve"})
    assert found[0] == WindowsTask(r"\ghost", author=r"CORP\eve")
    assert (found[1].path, found[1].registered, found[1].enabled) == (r"\left", False, True)
    assert warnings == []


@pytest.mark.parametrize(
    ("word", "enabled"), [("false", False), ("FALSE", False), ("0", False), ("true", True)]
)
def test_disabled_tasks(word: str, enabled: bool) -> None:
    text = task(f"<Settings><Enabled>{word}</Enabled></Settings>")
    assert parse_task(wide(text), WindowsTask("x"), "x").enabled is enabled


def test_a_task_that_does_not_say_is_enabled() -> None:
    assert parse_task(wide(task("")), WindowsTask("x"), "x").enabled is True


@pytest.mark.parametrize(
    "content", [FULL.encode(), b"\xef\xbb\xbf" + FULL.encode(), wide(FULL)[2:], wide(FULL)]
)
def test_every_encoding_that_files_are_found_in(content: bytes) -> None:
    assert parse_task(content, WindowsTask("x"), "x").user == "S-1-5-18"


@pytest.mark.parametrize(
    "content",
    [
        b"garbage",
        b"",
        wide(task("")[:-3]),
        wide('<!DOCTYPE x [<!ENTITY a "aaaa">]>' + task("&a;", "")),
        wide("<!doctype x>" + task("", "")),
    ],
)
def test_files_that_are_no_tasks_are_named(content: bytes) -> None:
    with pytest.raises(OddGuest, match="/t"):
        parse_task(content, WindowsTask("x"), "/t")
    (found,), warnings = tasks({"x": "{1}"}, {"x": content})
    assert found == WindowsTask(r"\x")
    assert [f"{TASKS}/x" in one.text for one in warnings] == [True]


def test_a_file_that_is_too_large_costs_only_its_task() -> None:
    found, warnings = tasks({"x": "{1}", "y": "{2}"}, {"x": b"\0" * ((1 << 20) + 1), "y": wide(FULL)})
    assert [one.enabled for one in found] == [None, True]
    assert len(warnings) == 1


def test_a_name_that_leads_elsewhere_is_not_followed() -> None:
    found, _ = tasks({r"..\..\secret": "{1}"}, {}, {})
    assert [(one.path, one.enabled) for one in found] == [(r"\..\..\secret", None)]


def test_texts_that_are_kept_in_programs_are_not_known() -> None:
    text = task("<RegistrationInfo><Author>$(@%SystemRoot%\\x.dll,-600)</Author></RegistrationInfo>")
    assert parse_task(wide(text), WindowsTask("x"), "x").author == ""


def test_tasks_of_windows_xp_are_listed() -> None:
    """Their files are of another kind, and are not looked into; where there is a registry of tasks, it knows them."""
    with windows_facts(more={"/Windows/Tasks/Nightly.job": b"\1\5"}) as facts:
        assert read_tasks(facts) == (WindowsTask(r"\Nightly"),)
    keys: Keys = {rf"{CACHE}\Tree\nightly": {"Id": "{1}"}}
    more = {"/Windows/Tasks/Nightly.job": b"\1\5", "/Windows/Tasks/Left.JOB": b"\1\5"}
    with windows_facts(keys, more=more) as facts:
        assert read_tasks(facts) == (WindowsTask(r"\nightly"), WindowsTask(r"\Left", registered=False))
