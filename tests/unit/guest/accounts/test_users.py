"""Account files: read strictly, hashes never shown, who may become root."""

from __future__ import annotations

import pytest

from imgtools.errors import OddGuest
from imgtools.guest.accounts.users import (
    Privileged,
    home_folders,
    judge_password,
    may_become_root,
    may_log_in,
    password_state,
    read_accounts,
    read_privileged,
)
from tests.support.memory import directory, memory_files

YESCRYPT = "$y$j9T$abcdefghijklmnopqrstuv$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
FILES = {
    "/etc/passwd": "# made by hand\nroot:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "ann:x:1000:1000:Ann,,,:/home/ann:/bin/bash\nbob:x:1001:1001::/srv/bob:\n\n+::::::\n",
    "/etc/shadow": f"root:!:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nann:{YESCRYPT}:19000:0:99999:7:::\n"
    "bob::19000:0:99999:7:::\n",
    "/etc/group": "root:x:0:\nsudo:x:27:ann\nann:x:1000:\nbob:x:1001:\nwheel:x:10:ann, bob\n",
    "/etc/gshadow": "root:*::\nsudo:*:root:ann\n",
}


def test_accounts_have_their_facts_and_their_lines() -> None:
    accounts = read_accounts(memory_files(FILES))
    ann = accounts.account("ann")
    assert ann is not None
    assert (ann.uid, ann.home, ann.shell, ann.line) == (1000, "/home/ann", "/bin/bash", 4)
    assert accounts.groups_of(ann) == ("ann", "sudo", "wheel")
    assert accounts.gshadow[1].administrators == ("root",)
    assert [entry.line for entry in accounts.shadow] == [1, 2, 3, 4]
    assert accounts.account("nobody") is None


def test_no_hash_is_in_what_is_printed() -> None:
    assert YESCRYPT not in repr(read_accounts(memory_files(FILES)))


@pytest.mark.parametrize(
    ("name", "state", "method"),
    [("root", "locked", ""), ("daemon", "locked", ""), ("ann", "set", "yescrypt"), ("bob", "empty", "")],
)
def test_the_state_of_a_password(name: str, state: str, method: str) -> None:
    accounts = read_accounts(
        memory_files({**FILES, "/etc/shadow": FILES["/etc/shadow"].replace("root:!:", "root:!!:")})
    )
    account = accounts.account(name)
    assert account is not None
    found = password_state(accounts, account)
    assert (found.state, found.method) == (state, method)


@pytest.mark.parametrize(
    ("stored", "state", "method"),
    [
        ("!" + YESCRYPT, "locked", "yescrypt"),
        ("!", "locked", ""),
        ("!!", "locked", ""),
        ("*", "locked", ""),
        ("!*", "locked", ""),
        ("", "empty", ""),
        ("$6$salt$" + "h" * 86, "set", "sha512"),
        ("$1$salt$" + "h" * 22, "set", "md5"),
        ("abJnggxhB/yWI", "set", "des"),
        ("$2b$12$" + "h" * 53, "set", "bcrypt"),
    ],
)
def test_hashes_by_their_beginning(stored: str, state: str, method: str) -> None:
    found = judge_password(stored)
    assert (found.state, found.method) == (state, method)


def test_a_hash_in_passwd_itself_counts_without_shadow() -> None:
    accounts = read_accounts(memory_files({"/etc/passwd": "root:abJnggxhB/yWI:0:0::/root:/bin/sh\n"}))
    assert password_state(accounts, accounts.passwd[0]).method == "des"


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbroken\n", "/etc/passwd, line 2: 1 fields"),
        ("/etc/passwd", "root:x:zero:0:root:/root:/bin/sh\n", "line 1: the user id is not a number: 'zero'"),
        ("/etc/passwd", "root:x:99999999999:0:root:/root:/bin/sh\n", "not a number"),
        ("/etc/passwd", ":x:0:0:root:/root:/bin/sh\n", "not a name"),
        ("/etc/passwd", "a b:x:0:0:root:/root:/bin/sh\n", "not a name: 'a b'"),
        ("/etc/shadow", "root:*:soon:0:99999:7:::\n", "/etc/shadow, line 1: last change"),
        ("/etc/group", "root:x:0\n", "/etc/group, line 1: 3 fields"),
        ("/etc/gshadow", "root\n", "/etc/gshadow, line 1"),
    ],
)
def test_a_line_that_does_not_parse_is_named(path: str, content: str, message: str) -> None:
    with pytest.raises(OddGuest, match=message):
        read_accounts(memory_files({**FILES, path: content}))


def test_a_huge_passwd_is_refused_before_it_is_read() -> None:
    with pytest.raises(OddGuest, match="larger than"):
        read_accounts(memory_files({"/etc/passwd": b"x" * ((8 << 20) + 1)}))


def test_homes_are_those_of_passwd_not_those_in_home() -> None:
    there = {**FILES, "/root": directory(), "/srv/bob/x": "", "/home/ghost/x": "", "/usr/sbin/x": ""}
    files = memory_files(there)
    assert home_folders(files, read_accounts(files)) == ("/root", "/usr/sbin", "/srv/bob")


def test_who_may_log_in() -> None:
    accounts = read_accounts(memory_files(FILES))
    assert [account.name for account in accounts.passwd if may_log_in(account)] == ["root", "ann", "bob"]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"/etc/sudoers": "root ALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n"}, {"root", "ann"}),
        ({"/etc/sudoers": "Defaults env_reset\n", "/etc/sudoers.d/90-b": "bob ALL=NOPASSWD:ALL\n"}, {"root", "bob"}),
        ({"/etc/sudoers": "", "/etc/sudoers.d/skipped.bak": "bob ALL=ALL\n"}, {"root"}),
        ({"/etc/sudoers": "User_Alias ADMINS = ann, bob\nADMINS ALL=(ALL) ALL\n"}, {"root", "ann", "bob"}),
        ({"/etc/sudoers": "ann, bob \\\n ALL = ALL\n"}, {"root", "ann", "bob"}),
        ({"/etc/sudoers": "%#1001 ALL=ALL\n"}, {"root", "bob"}),
        ({"/etc/sudoers": "Defaults targetpw\nALL ALL=(ALL) ALL\n"}, {"root"}),
        ({"/etc/sudoers": "ALL ALL=(ALL) NOPASSWD: ALL\n"}, {"root", "daemon", "ann", "bob"}),
        ({"/etc/sudoers": "Cmnd_Alias X = /bin/ls\n# ann ALL=ALL\n"}, {"root"}),
        ({"/etc/doas.conf": "permit persist :wheel\npermit nopass bob as root\n"}, {"root", "ann", "bob"}),
        ({}, {"root"}),
    ],
)  # fmt: skip
def test_who_may_become_root(files: dict[str, str], wanted: set[str]) -> None:
    reader = memory_files({**FILES, **files})
    accounts, rules = read_accounts(reader), read_privileged(reader)
    assert {one.name for one in accounts.passwd if may_become_root(accounts, one, rules)} == wanted


def test_rules_of_nobody_give_nobody_anything() -> None:
    assert read_privileged(memory_files({})) == Privileged()
