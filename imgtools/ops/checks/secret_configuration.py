"""No tokens of services stand in configurations and on web sites.

A token of a form of its own (of AWS, GitHub, GitLab, Slack, Stripe, npm, PyPI and others, a JSON web token, a URL
with a password, a private key) is told wherever it stands below /etc, /opt, /srv, /var/www and /usr/local/etc. Words
such as "password" are no sign by themselves: half of all configurations have them. Detected by detect-secrets.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.tokens import tokens_in
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import UNIX, NoParams
from imgtools.ops.secret_checks import MOST, text_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown
from imgtools.records.files import FileKind

FOLDERS = ("/etc", "/opt", "/srv", "/var/www", "/usr/local/etc")
LARGEST = 128 << 10  # bytes: a configuration with a token is smaller
NAMES = (
    ".env", ".conf", ".cfg",
    ".cnf", ".ini", ".yml", ".yaml", ".json", ".toml", ".xml", ".properties", ".php", ".py", ".rb",
    ".js", ".ts", ".sh", ".tf", ".tfvars", ".service", ".timer", ".cron", ".list", ".repo", "",
)  # fmt: skip
# What every system has there: certificates, keys of the machine itself (which other checks are about), defaults.
NOT_BELOW = (
    "/etc/ssl",
    "/etc/pki",
    "/etc/ssh",
    "/etc/ca-certificates",
    "/etc/selinux",
    "/etc/apparmor.d",
    "/etc/alternatives",
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each place with a token."""
    for number, path in enumerate(_configurations(examined.files)):
        if number == MOST:
            yield NotKnown(f"only the first {MOST} files were searched")
            return
        for line, kind in tokens_in(text_of(examined.files, path)):
            yield Flaw(f"a secret: {kind}", path, line, advice="take it out of the file, and revoke it")


def _configurations(files: GuestReader) -> Iterator[str]:
    for folder in FOLDERS:
        if not files.is_dir(folder):
            continue
        for found in files.walk(folder):
            name = found.path.rpartition("/")[2]
            end = f".{name.rpartition('.')[2]}" if "." in name else ""
            if (
                found.stat.kind is FileKind.FILE
                and 0 < found.stat.size <= LARGEST
                and end in NAMES
                and not found.path.startswith(NOT_BELOW)
            ):
                yield found.path


CHECK = Check(
    title="No tokens of services stand in configurations",
    severity=Level.HIGH,
    look=look,
    families=UNIX,
    references=("NIST 800-53 IA-5",),
)
