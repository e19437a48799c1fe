"""The mail program of a machine that is no mail server takes mail from the machine alone.

Each that listens is a way in, and an open one sends others' spam. Where mail is the guest's task, a policy leaves
this out. Source: postconf(5) (inet_interfaces, whose default is all), Debian's update-exim4.conf(8)
(dc_local_interfaces).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.find.release import parse_assignments, read_small
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

POSTFIX, EXIM = "/etc/postfix/main.cf", "/etc/exim4/update-exim4.conf.conf"
LOCAL = re.compile(r"(loopback-only|localhost|127\.[\d.]+|\[?::1\]?)$")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a mail program that takes mail from the network."""
    name = starts(examined, "postfix", "postfix@-", "exim4")
    if not name:
        yield NotThere("neither postfix nor Exim of Debian is started")
    elif name.startswith("postfix"):
        said = re.findall(r"(?m)^inet_interfaces[ \t]*=[ \t]*(.*)$", read_small(examined.files, POSTFIX))
        words = re.split(r"[\s,]+", said[-1].strip()) if said else ["all"]
        if not all(LOCAL.match(word) for word in words):
            yield _flaw(
                POSTFIX, f"inet_interfaces = {' '.join(words)[:100]}", "inet_interfaces = loopback-only"
            )
    else:
        said_ = parse_assignments(read_small(examined.files, EXIM)).get("dc_local_interfaces", "")
        words = [word.strip() for word in said_.split(";")]
        if not all(LOCAL.match(word) for word in words):
            yield _flaw(EXIM, f"dc_local_interfaces='{said_[:100]}'", "dc_local_interfaces='127.0.0.1 ; ::1'")


def _flaw(path: str, evidence: str, better: str) -> Flaw:
    return Flaw("mail is taken from the network", path, evidence=evidence, advice=f"set {better}")


CHECK = Check(
    title="Mail is taken from the machine alone",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 2.1.21", "NIST 800-53 CM-7"),
)
