"""Where sshd looks for the keys of an account, and what else it is told about it."""

from __future__ import annotations

import pytest

from imgtools.guest.accounts.sshd import CONFIG, key_files, sshd_setting
from imgtools.guest.accounts.users import Account
from imgtools.records.request import Secret
from tests.support.memory import memory_files

ANN = Account("ann", Secret(b"x"), 1000, 1000, "", "/home/ann", "/bin/sh", 2)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ("/home/ann/.ssh/authorized_keys", "/home/ann/.ssh/authorized_keys2")),
        ("#AuthorizedKeysFile /x\n", ("/home/ann/.ssh/authorized_keys", "/home/ann/.ssh/authorized_keys2")),
        ("AuthorizedKeysFile /etc/ssh/keys/%u .ssh/k%%\n", ("/etc/ssh/keys/ann", "/home/ann/.ssh/k%")),
        ("AuthorizedKeysFile %h/k-%U\nAuthorizedKeysFile /late\n", ("/home/ann/k-1000",)),
        ("authorizedkeysfile=none\n", ()),
        ("Match User bob\n  AuthorizedKeysFile /b\nMatch User a*,!bob\n AuthorizedKeysFile /a\n", ("/a",)),
        ("Match Group wheel\nAuthorizedKeysFile /w\nMatch all\nAuthorizedKeysFile /all\n", ("/w",)),
        ("Match User *,!ann\nAuthorizedKeysFile /b\nMatch all\nAuthorizedKeysFile /all\n", ("/all",)),
        ("AuthorizedKeysFile /k\nMatch Address 10.0.0.0/8\nAuthorizedKeysFile /a\n", ("/k",)),
    ],
)
def test_the_files_with_keys(text: str, found: tuple[str, ...]) -> None:
    assert key_files(memory_files({CONFIG: text}), ANN, ["ann", "wheel"]) == found


def test_what_is_included_stands_in_its_place() -> None:
    files = memory_files(
        {
            CONFIG: "Include sshd_config.d/*.conf\nPubkeyAuthentication yes\n",
            "/etc/ssh/sshd_config.d/10-a.conf": "PubkeyAuthentication no\n",
            "/etc/ssh/sshd_config.d/20-b.conf": f"PubkeyAuthentication yes\nInclude {CONFIG}\n",
        }
    )
    assert sshd_setting(files, "PubkeyAuthentication", ANN, []) == "no"
