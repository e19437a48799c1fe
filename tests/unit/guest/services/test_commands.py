"""The programs of units, and as whom they run."""

from __future__ import annotations

from imgtools.guest.services.commands import read_service
from tests.support.memory import memory_files

PATH = "/etc/systemd/system/a.service"


def test_prefixes_users_and_drop_ins() -> None:
    text = (
        "[Service]\nUser=alice\nExecStartPre=+/bin/pre --x\nExecStartPre=-@/bin/other name\n"
        "ExecStart=/bin/old\nExecReload=kill $MAINPID\nExecStop=/bin/%i\n"
    )
    drop = "[Service]\nExecStart=\nExecStart=/bin/new\nUser=bob\n"
    service = read_service(memory_files({PATH: text, f"{PATH}.d/a.conf": drop}), "a.service")
    assert service.user == "bob"
    assert [(one.program, one.user, one.line.line) for one in service.commands] == [
        ("/bin/pre", "root", 3),
        ("/bin/other", "bob", 4),
        ("/bin/new", "bob", 3),
    ]


def test_who_runs_it_where_nobody_says() -> None:
    assert read_service(memory_files({PATH: "[Service]\nExecStart=/a\n"}), "a.service").user == "root"
    assert read_service(memory_files({PATH: "[Service]\nDynamicUser=yes\n"}), "a.service").user == ""
    assert read_service(memory_files({}), "a.service").commands == ()
