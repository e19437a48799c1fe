"""Docker's interface is not open to the network without certificates.

Whoever reaches it starts a container with the disk of the machine in it, and so is root. It is safe as a Unix socket,
on the machine's own address, or with tlsverify. Source: dockerd(8), "Daemon socket option"; daemon.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.find.release import read_small
from imgtools.guest.services.commands import read_service
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import is_installed
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

DAEMON = "/etc/docker/daemon.json"
OPEN = re.compile(r"tcp://(?!127\.|localhost|\[::1\])[^\s\"',]*")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield where Docker is told to listen on the network without certificates."""
    files = examined.files
    if not is_installed(files, "docker") and not files.is_file(DAEMON):
        yield NotThere("the guest has no Docker")
        return
    for path, line, text in _told(files):
        if path == DAEMON and not _parses(text):
            yield NotKnown(f"{DAEMON} does not parse, and Docker does not start with it")
            continue
        is_sure = re.search(r'tlsverify("\s*:\s*true|\b(?!"?\s*[:=]\s*false))', text)
        if (found := OPEN.search(text)) and not is_sure:
            text_ = "Docker is open to the network without certificates"
            yield Flaw(text_, path, line, evidence=found[0][:100], advice="take it out, or set tlsverify")


def _told(files: GuestReader) -> Iterator[tuple[str, int, str]]:
    yield DAEMON, 0, read_small(files, DAEMON) or "{}"
    for one in read_service(files, "docker.service").commands:
        if one.line.key == "ExecStart":
            yield one.line.path, one.line.line, one.line.value
    for path in ("/etc/default/docker", "/etc/sysconfig/docker", "/etc/conf.d/docker"):
        lines = [line for line in read_small(files, path).split("\n") if not line.lstrip().startswith("#")]
        yield path, 0, "\n".join(lines)


def _parses(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


CHECK = Check(
    title="Docker is not open to the network without certificates",
    severity=Level.CRITICAL,
    look=look,
    references=("NIST 800-53 AC-3", "NIST 800-53 SC-7"),
)
