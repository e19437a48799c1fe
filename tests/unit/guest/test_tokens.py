"""What may be shown of a command line, and which tokens are told."""

from __future__ import annotations

import pytest

from imgtools.guest.tokens import MOST, tokens_in, without_secrets


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("agent --password=hunter2 -x", "agent --password=*** -x"),
        ("agent --password hunter2 -x", "agent --password *** -x"),
        ('agent /pass:"two words" -x', "agent /pass:*** -x"),
        ("DB_PASSWORD='a b' run", "DB_PASSWORD=*** run"),
        ("sync https://alice:hunter2@host/x", "sync https://alice:***@host/x"),
        ("API_KEY=abc TOKEN=def run", "API_KEY=*** TOKEN=*** run"),
        ("/usr/bin/passwd-helper", "/usr/bin/passwd-helper"),
        ("run https://host/x", "run https://host/x"),
        ("a" * 401, "a" * 400 + "..."),
        ("a" * 400, "a" * 400),
    ],
)
def test_a_secret_of_a_command_is_not_shown(command: str, shown: str) -> None:
    assert without_secrets(command) == shown


def test_a_file_of_tokens_is_told_up_to_a_bound() -> None:
    line = "key = AKIA" + "Q3EGUZ6ZXNWJWRTL\n"
    assert len(list(tokens_in(line * (MOST - 1)))) == MOST - 1
    assert len(list(tokens_in(line * (MOST + 1)))) == MOST
