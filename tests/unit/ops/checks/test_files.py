"""Checks of files and their modes: what each finds, where it is silent, and that its fix makes it silent."""

from __future__ import annotations

import pytest

from tests.support.checks import Case, hold
from tests.support.memory import Node

CASES = (
    Case(
        "file-shadow-mode",
        bad={
            "/etc/shadow": Node(mode=0o644),
            "/etc/gshadow": Node(mode=0o640),
            "/etc/shadow-": Node(mode=0o620),
        },
        finds=("/etc/shadow", "/etc/shadow-"),
        good={"/etc/shadow": Node(mode=0o640), "/etc/gshadow": Node(mode=0o000)},
        fixed=True,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_check(case: Case) -> None:
    hold(case)
