"""Edits of a registry, as a plan shows them: what is private is changed, and told to nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgtools.change.change import RegistryChange, RegistryRemoveValue, RegistrySet
from imgtools.change.document import format_change, parse_plan
from imgtools.change.registry import edit_hive
from imgtools.engine.hive import open_hive
from imgtools.errors import UsageError
from tests.support.hives import make_hive
from tests.support.memory import memory_files

HIVE = "/Windows/System32/config/SOFTWARE"
HERE = Path("/")


@pytest.mark.parametrize("whole", [False, True])  # the edit alone, or all that the hive holds
@pytest.mark.parametrize(
    "edit",
    [RegistryRemoveValue(HIVE, "Winlogon", "Password", private=True),
     RegistrySet(HIVE, "Winlogon", "Password", text="anders", private=True)],
)  # fmt: skip
def test_a_private_value_is_not_shown(edit: RegistryChange, whole: bool) -> None:
    content = make_hive({"Winlogon": {"Password": "geheim"}}, "SOFTWARE")
    changed, (done,) = edit_hive(HIVE, content, [edit], memory_files({}), private=whole)
    assert done.diff == "" and done.change == edit
    with open_hive(changed, HIVE) as hive:
        key = hive.key("Winlogon")
        value = key and key.value("Password")
        assert (value is None) == isinstance(edit, RegistryRemoveValue)


def test_what_is_not_private_is() -> None:
    content = make_hive({"Winlogon": {"Password": "geheim"}}, "SOFTWARE")
    edit = RegistryRemoveValue(HIVE, "Winlogon", "Password")
    _, (shown,) = edit_hive(HIVE, content, [edit], memory_files({}))
    assert "geheim" in shown.diff
    _, (hidden,) = edit_hive(HIVE, content, [edit], memory_files({}), private=True)
    assert hidden.diff == ""


def test_a_private_removal_is_read_from_a_plan_and_a_private_value_is_missed() -> None:
    removal = RegistryRemoveValue(HIVE, "Winlogon", "Password", private=True)
    printed = json.loads(json.dumps(format_change(removal)))
    assert parse_plan([printed], HERE) == (removal,)
    with pytest.raises(UsageError, match="private"):
        parse_plan([format_change(RegistrySet(HIVE, "a", "b", text="c", private=True))], HERE)
