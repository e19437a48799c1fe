"""The rules of sudo, as sudo reads them: held against cvtsudoers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from imgtools.errors import OddGuest
from imgtools.guest.accounts.sudoers import SudoRules, read_sudoers
from tests.support.memory import Content, memory_files

S = "/etc/sudoers"
SAMPLE = r"""
Defaults env_reset, mail_badpass, !requiretty  # why
Defaults:ann timestamp_timeout=5
Defaults secure_path="/usr/sbin:/usr/bin"
Host_Alias WEB = w1, w2
User_Alias ADMINS = ann, %ops : MORE = ADMINS, bob
Runas_Alias DB = postgres, mysql
Cmnd_Alias STOP = /sbin/halt, /sbin/reboot \
    , /sbin/poweroff
root ALL=(ALL:ALL) ALL
MORE WEB = (DB) NOPASSWD: /usr/bin/psql, PASSWD: /usr/bin/mysql -u root, STOP
%#1000, #1001 ALL = NOEXEC: SETENV: /bin/a, NOSETENV: /bin/b : w1 = (root) /bin/c d
carl ALL = ALL, !STOP, !/bin/su -
"dora x" ALL = (ALL) TIMEOUT=30 /bin/e -f
"""


def rules_of(text: str, **files: Content) -> SudoRules:
    """The rules of a guest with this sudoers."""
    return read_sudoers(memory_files({S: text, **files}))


def told(path: Path) -> list[tuple[list[str], str, bool, bool]]:
    """What cvtsudoers says: users, command, whether it is forbidden, whether a password is asked for."""
    # Aliases are resolved (-e), so users and commands can be compared.
    command = ["cvtsudoers", "-c", "", "-e", "-f", "json", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = []
    for spec in json.loads(done.stdout)["User_Specs"]:
        users = [_user(one) for one in spec["User_List"]]
        for one in spec["Cmnd_Specs"]:
            asks = all(option.get("authenticate", True) for option in one.get("Options", []))
            for each in one["Commands"]:
                found.append((users, each["command"], each.get("negated", False), asks))
    return found


def _user(one: dict[str, Any]) -> str:
    ((kind, name),) = [(key, value) for key, value in one.items() if key != "negated"]
    return {"username": "", "usergroup": "%", "usergid": "%#", "userid": "#"}[kind] + str(name)


@pytest.mark.host
def test_commands_are_those_of_cvtsudoers(tmp_path: Path) -> None:
    path = tmp_path / "sudoers"
    path.write_text(SAMPLE)
    ours = [
        (list(one.users), _plain(one.command), one.excluded, "NOPASSWD" not in one.tags)
        for one in rules_of(SAMPLE).commands
    ]
    theirs = [(users, _plain(command), excluded, asks) for users, command, excluded, asks in told(path)]
    assert ours == theirs


def _plain(command: str) -> str:
    return command.replace("\\", "")


def test_tags_and_users_hold_for_what_follows() -> None:
    found = rules_of("ann ALL=(www) NOPASSWD: /a, NOEXEC: /b, PASSWD: (root) /c\n").commands
    assert [(one.command, one.runas, sorted(one.tags)) for one in found] == [
        ("/a", "www", ["NOPASSWD"]),
        ("/b", "www", ["NOEXEC", "NOPASSWD"]),
        ("/c", "root", ["NOEXEC", "PASSWD"]),
    ]


def test_options_are_no_part_of_the_command() -> None:
    (one,) = rules_of('ann ALL=(ALL) CWD="/a b" NOPASSWD: ROLE=x /bin/e\n').commands
    assert (one.command, one.runas, one.tags) == ("/bin/e", "ALL", {"NOPASSWD"})


def test_escaped_letters_end_nothing() -> None:
    found = rules_of("ann ALL = /bin/c\\=d\\,e\\:f, /g : h = /i\n").commands
    assert [one.command for one in found] == ["/bin/c\\=d\\,e\\:f", "/g", "/i"]


def test_settings() -> None:
    found = rules_of(SAMPLE)
    assert found.setting("requiretty") is not None
    assert [(one.name, one.value, one.is_off, one.scope) for one in found.defaults] == [
        ("env_reset", "", False, ""),
        ("mail_badpass", "", False, ""),
        ("requiretty", "", True, ""),
        ("timestamp_timeout", "5", False, ":ann"),
        ("secure_path", "/usr/sbin:/usr/bin", False, ""),
    ]
    assert found.setting("timestamp_timeout") is None
    assert rules_of("Defaults a\nDefaults !a\n").setting("a") == (S, 2, "", "a", "", True)


def test_included_files_stand_in_their_place() -> None:
    found = rules_of(
        "@include more\n#includedir /etc/sudoers.d\n@include /gone\nlast ALL=ALL\n",
        **{
            "/etc/more": "more ALL=ALL\n",
            "/etc/sudoers.d/20": "two ALL=ALL\n",
            "/etc/sudoers.d/10": "# x\none ALL=ALL\n",
            "/etc/sudoers.d/10.dpkg-new": "dot ALL=ALL\n",
            "/etc/sudoers.d/10~": "tilde ALL=ALL\n",
        },
    )
    assert [(one.users[0], one.path, one.line) for one in found.commands] == [
        ("more", "/etc/more", 1),
        ("one", "/etc/sudoers.d/10", 2),
        ("two", "/etc/sudoers.d/20", 1),
        ("last", S, 4),
    ]
    assert found.folders == ("/etc/sudoers.d",)


@pytest.mark.parametrize(
    "text", ["", "ann\n", "ann ALL\n", "= x\n", "ann ALL=\n", "\0\n", "!!!!\n", "ann ALL=()()\n"]
)
def test_lines_that_do_not_parse_are_passed_over(text: str) -> None:
    assert [one.command for one in rules_of(f"{text}ok ALL=/ok\n").commands] == ["/ok"]


@pytest.mark.parametrize(
    "text", ["!" * 60_000 + " x", "a:" * 30_000 + "=", "a," * 9_000, "(" * 60_000 + "=x"]
)
def test_hostile_lines_end_soon(text: str) -> None:
    rules_of(f"ann ALL={text}\n{text}\n")


def test_a_line_longer_than_any_real_one_is_an_error() -> None:
    with pytest.raises(OddGuest, match="line 2: longer"):
        rules_of("ann ALL=ALL\nann ALL=" + "a" * 70_000 + "\n")


def test_a_guest_without_sudoers_has_no_rules() -> None:
    assert read_sudoers(memory_files({})) == SudoRules()
