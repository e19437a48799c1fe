"""SNMP is not open with words that everybody knows.

The community of SNMP 1 and 2c is a password in clear text; "public" and "private" are the first that anybody tries,
and one that may write changes the machine. The words themselves are not shown. Source: snmpd.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.logs.keepers import texts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

PATTERNS = ("/etc/snmp/snmpd.conf", "/etc/snmp/snmpd.conf.d/*", "/etc/snmpd.conf")
COMMUNITY = re.compile(r"\s*(r[ow]community6?|com2sec6?)\s+(.*)")
KNOWN = frozenset({"public", "private", "community", "snmp", "admin", "cisco", "manager", "password"})
LOCAL = re.compile(r"(^|\s)(localhost|127\.|::1)")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the lines with such a word, or with one that may write; those for the machine itself are let be."""
    if not starts(examined, "snmpd"):
        yield NotThere("snmpd is not started")
        return
    for path, text in texts(examined.files, PATTERNS):
        for number, line in enumerate(text.split("\n"), 1):
            found = COMMUNITY.match(line[:1000])
            if not found or LOCAL.search(found[2]):
                continue
            words = set(found[2].lower().replace('"', "").split())
            if words & KNOWN:
                yield Flaw("SNMP is open with a word that everybody knows", path, number, subject=found[1])
            elif found[1].startswith("rw"):
                text_ = "SNMP lets change the machine with a password in clear text"
                yield Flaw(text_, path, number, subject=found[1], severity=Level.MEDIUM)


CHECK = Check(
    title="SNMP is not open with words that everybody knows",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 IA-5",),
)
