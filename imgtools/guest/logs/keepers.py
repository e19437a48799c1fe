"""What keeps a guest's messages: the journal on the disk, a daemon of syslog, and where it sends them.

Sources: journald.conf(5), rsyslog.conf(5), syslog-ng.conf(5), syslogd(8) of busybox.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader

RSYSLOG = ("/etc/rsyslog.conf", "/etc/rsyslog.d/*.conf")
SYSLOG_NG = ("/etc/syslog-ng/syslog-ng.conf", "/etc/syslog-ng/conf.d/*.conf")
DAEMONS = (
    "rsyslog",
    "rsyslogd",
    "syslog-ng",
    "syslog-ng@default",
    "syslog",
    "sysklogd",
    "busybox-syslogd",
    "metalog",
    "socklog",
)
LIMIT = 1 << 20
# *.* @host, *.* @@host:514; action(type="omfwd" target="host"); omrelp.
_BEFORE = r"(?m)^(?![ \t]*\#)[^\n#]*?"  # of a line that is no comment
_AWAY = "fwd|relp|gssapi|elasticsearch|kafka|hiredis"
REMOTE = re.compile(rf"""{_BEFORE}(?:\s@{{1,2}}\(?[\w.\[(:-]|type\s*=\s*"om(?:{_AWAY})")""")
REMOTE_NG = re.compile(rf"""{_BEFORE}\b(?:network|syslog|tcp6?|udp6?)\s*\(\s*["'\w]""")


def texts(files: GuestReader, patterns: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each file that patterns match.

    :raises OddGuest: one is larger than any real one.
    """
    for pattern in patterns:
        for path in files.glob(pattern):
            if files.is_file(path):
                if files.stat(path).size > LIMIT:
                    raise OddGuest(f"{path} is larger than {LIMIT} bytes", hint="no configuration is")
                yield path, files.read_text(path, limit=LIMIT)


def sends_away(files: GuestReader) -> str:
    """Return the file that has messages sent to another machine; "" if none does."""
    for patterns, wanted in ((RSYSLOG, REMOTE), (SYSLOG_NG, REMOTE_NG)):
        for path, text in texts(files, patterns):
            if any(wanted.search(line) for line in text.split("\n") if len(line) < 4096):
                return path
    if any(
        re.search(r"(?m)^[ \t]*URL\s*=\s*\S", text)
        for _path, text in texts(files, ("/etc/systemd/journal-upload.conf",))
    ):
        return "/etc/systemd/journal-upload.conf"
    return ""
