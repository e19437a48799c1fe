"""When packages came and went."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from imgtools.guest.packages.history import PackageEvent, read_package_history
from imgtools.records.system import Warned
from tests.support.memory import Content, Node, memory_files

BERLIN = ZoneInfo("Europe/Berlin")
NOON = int(datetime(2024, 3, 1, 12, 0, 5, tzinfo=UTC).timestamp()) * 10**9


def read(files: dict[str, Content]) -> list[PackageEvent]:
    found = list(read_package_history(memory_files(files), BERLIN))
    assert not any(isinstance(one, Warned) for one in found), found
    return [one for one in found if isinstance(one, PackageEvent)]


DPKG = (
    "2024-03-01 13:00:05 startup archives unpack\n"
    "2024-03-01 13:00:05 install nginx:amd64 <none> 1.18-0\n"
    "2024-03-01 13:00:05 status installed nginx:amd64 1.18-0\n"
    "2024-03-01 13:00:05 upgrade bash:amd64 5.1 5.2\n"
    "2024-03-01 13:00:05 remove vim:amd64 9 <none>\n"
    "2024-13-45 99:00:05 remove bad:amd64 9 <none>\n"
    "nonsense\n"
)


def told(events: list[PackageEvent]) -> list[tuple[str, ...]]:
    assert all(one.time == NOON for one in events)
    return [(one.action, one.name, one.old, one.new) for one in events]


def test_dpkg_in_local_time_and_its_old_logs() -> None:
    expected = [
        ("install", "nginx:amd64", "", "1.18-0"),
        ("upgrade", "bash:amd64", "5.1", "5.2"),
        ("remove", "vim:amd64", "9", ""),
    ]
    assert told(read({"/var/log/dpkg.log": DPKG})) == expected
    assert told(read({"/var/log/dpkg.log.2.gz": gzip.compress(DPKG.encode())})) == expected
    assert read({"/var/log/dpkg.logging": DPKG}) == []


def test_of_what_no_log_tells_dpkgs_list_of_files_is_the_sign() -> None:
    found = read(
        {
            "/var/log/dpkg.log": DPKG,
            "/var/lib/dpkg/info/nginx.list": Node(mtime=1),
            "/var/lib/dpkg/info/bash.list": Node(mtime=1),
            "/var/lib/dpkg/info/libc6:amd64.list": Node(mtime=NOON),
            "/var/lib/dpkg/info/libc6:amd64.md5sums": Node(mtime=1),
        }
    )
    assert told(found)[3:] == [("install", "libc6:amd64", "", "")]


@pytest.mark.parametrize("time", ["2024-03-01T13:00:05+0100", "2024-03-01T12:00:05+0000"])
def test_pacman(time: str) -> None:
    log = (
        f"[{time}] [ALPM] installed bash (5.1-1)\n[{time}] [ALPM] upgraded bash (5.1-1 -> 5.2-1)\n"
        f"[{time}] [ALPM] removed vim (9)\n[{time}] [PACMAN] Running 'pacman -Syu'\n"
        f"[{time}] [ALPM] transaction started\n"
    )
    assert told(read({"/var/log/pacman.log": log})) == [
        ("install", "bash", "", "5.1-1"),
        ("upgrade", "bash", "5.1-1", "5.2-1"),
        ("remove", "vim", "9", ""),
    ]


def test_pacmans_database_where_no_log_tells() -> None:
    desc = f"%NAME%\nbash\n\n%VERSION%\n5.2-1\n\n%INSTALLDATE%\n{NOON // 10**9}\n"
    assert told(read({"/var/lib/pacman/local/bash-5.2-1/desc": desc})) == [("install", "bash", "", "5.2-1")]


def test_apk() -> None:
    log = (
        "\nRunning `apk add nginx` at 2024-03-01 13:00:05\n"
        "(1/2) Installing pcre (8-r0)\n(2/2) Upgrading musl (1 -> 2)\nOK\n"
    )
    assert told(read({"/var/log/apk.log": log})) == [
        ("install", "pcre", "", "8-r0"),
        ("upgrade", "musl", "1", "2"),
    ]
    assert read({"/var/log/apk.log": "(1/2) Installing pcre (8-r0)\n"}) == []
