"""Whether messages go to another machine."""

from __future__ import annotations

import pytest

from imgtools.guest.logs.keepers import sends_away
from tests.support.memory import memory_files


@pytest.mark.parametrize(
    ("path", "text", "sends"),
    [
        ("/etc/rsyslog.conf", "*.* @log.example\n", True),
        ("/etc/rsyslog.conf", "*.* @@(o)[2001:db8::1]:514\n", True),
        ("/etc/rsyslog.conf", "#*.* @log.example\n", False),
        ("/etc/rsyslog.conf", "*.* /var/log/a@b\n", False),
        ("/etc/rsyslog.d/a.conf", 'action(type="omrelp" target="a")\n', True),
        ("/etc/rsyslog.d/a.conf", 'action(type="omfile" file="a")\n', False),
        ("/etc/syslog-ng/syslog-ng.conf", 'destination d { tcp("a" port(1)); };\n', True),
        ("/etc/syslog-ng/syslog-ng.conf", 'source s { system(); };\n# tcp("a")\n', False),
        ("/etc/systemd/journal-upload.conf", "[Upload]\n# URL=\nURL=https://a\n", True),
        ("/etc/systemd/journal-upload.conf", "[Upload]\n# URL=\n", False),
        ("/etc/rsyslog.conf", "x" * 500_000 + " @a", False),
    ],
)
def test_destinations(path: str, text: str, sends: bool) -> None:
    assert sends_away(memory_files({path: text})) == (path if sends else "")
