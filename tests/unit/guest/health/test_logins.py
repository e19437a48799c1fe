"""Who can log in, and that each account is looked at without going through all the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from imgtools.guest.accounts import sshd
from imgtools.guest.accounts.users import read_accounts
from imgtools.guest.health.logins import WayIn, ways_in
from tests.support.memory import memory_files

HASH = "$y$j9T$abcdefghijk$lmnopqrstuvwxyz"
COUNT = 300
NAMES = [f"user{number}" for number in range(COUNT)]
FILES = {
    "/usr/sbin/sshd": b"",
    "/etc/ssh/sshd_config": "PasswordAuthentication no\nMatch User user7\nPasswordAuthentication yes\n",
    "/etc/sudoers": "%wheel ALL=(ALL) ALL\n%#5005 ALL=(ALL) ALL\n",
    "/etc/passwd": "".join(
        f"{name}:x:{1000 + n}:{5000 + n}::/home/{name}:/bin/sh\n" for n, name in enumerate(NAMES)
    ),
    "/etc/shadow": "".join(f"{name}:{HASH}:19000:0:99999:7:::\n" for name in NAMES) + "user1::1:::::1:\n",
    "/etc/group": "wheel:x:10:user3\n" + "".join(f"g{n}:x:{5000 + n}:\n" for n in range(COUNT)),
    "/home/user2/.ssh/authorized_keys": "ssh-ed25519 AAAA\n",
}


class Counted(tuple[Any, ...]):
    """Lines, and how often somebody has gone through them."""

    walks = 0

    def __iter__(self) -> Iterator[Any]:
        type(self).walks += 1
        return super().__iter__()

    def __len__(self) -> int:  # asked for by reversed()
        type(self).walks += 1
        return super().__len__()


def test_ways() -> None:
    files = memory_files(FILES)
    found = {one.name: one for one in ways_in(files, read_accounts(files))}
    assert len(found) == COUNT  # the second line of user1, who has expired by it, does not count
    assert [name for name, one in found.items() if one.ssh] == ["user2", "user7"]
    assert [name for name, one in found.items() if one.is_admin] == ["user3", "user5"]
    assert found["user7"] == WayIn("user7", console=True, ssh=True, is_admin=False)


def test_many_accounts_are_no_square_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    files = memory_files(FILES)
    accounts = read_accounts(files)
    counted = dataclasses.replace(
        accounts,
        **{name: Counted(getattr(accounts, name)) for name in ("passwd", "shadow", "groups")},
    )
    read: list[str] = []
    begins = sshd._Reading.begins
    monkeypatch.setattr(
        sshd._Reading,
        "begins",
        lambda self, files, path, depth: read.append(path) or begins(self, files, path, depth),
    )
    assert len(ways_in(files, counted)) == COUNT
    assert Counted.walks < 20 and read == ["/etc/ssh/sshd_config"]
