"""Databases that listen on the network ask who is there.

Redis, memcached and MongoDB have no password unless they are given one, PostgreSQL believes whom pg_hba.conf says
"trust" of, and MySQL everybody with skip-grant-tables. Such ones are found within hours. Source: the configuration of
each: redis.conf, memcached(1), mongod.conf, pg_hba.conf, my.cnf.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from imgtools.guest.logs.keepers import texts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

MAX_LINE = 1000
LOCAL = re.compile(r"-?(127\.\S*|localhost|::1|-::1|/\S*)$")


def _value(text: str, key: str) -> str | None:
    """The last value of a key, whatever stands between; None if there is none. Long lines are passed over."""
    pattern = re.compile(rf"\s*{key}(?:\s*[:=]|\s)(.*)", re.IGNORECASE)
    lines = [line for line in text.split("\n") if len(line) < MAX_LINE]
    found = [said[1].strip().strip("\"'") for line in lines if (said := pattern.match(line))]
    return found[-1] if found else None


def redis(text: str) -> int:
    """Return the line that opens Redis to everybody; 0 if none does."""
    # In protected mode it answers nobody from elsewhere as long as it has no password.
    if (_value(text, "protected-mode") or "yes").lower() != "no" or _value(text, "requirepass") is not None:
        return 0
    if _value(text, "aclfile") is not None or re.search(r"(?m)^[ \t]*user[ \t]", text):
        return 0
    bind = _value(text, "bind")
    is_local = bind is not None and all(LOCAL.match(word) for word in bind.split())
    return 0 if is_local else _line(text, r"protected-mode")


def memcached(text: str) -> int:
    """Return the line that has memcached listen on the network; it has no passwords."""
    found = re.search(r"(?m)^(?![ \t]*#).*?-l[ \t]*([^\s\"']+)", text)
    if (
        found is None
        or all(LOCAL.match(word) for word in found[1].split(","))
        or re.search(r"(?m)^[ \t]*-S\b", text)
    ):
        return 0
    return text.count("\n", 0, found.start(1)) + 1


def mongodb(text: str) -> int:
    """Return the line that has MongoDB listen on the network without accounts."""
    if re.search(r"(?m)^[ \t]*(authorization:\s*[\"']?enabled|auth\s*=\s*true|keyFile)", text):
        return 0
    address = _value(text, "bind_?ip") or "127.0.0.1"
    everywhere = (_value(text, "bind_?ip_?all") or "").lower() == "true"
    is_local = all(LOCAL.match(word) for word in address.replace(",", " ").split())
    return 0 if is_local and not everywhere else _line(text, r"bind_?ip")


def postgresql(text: str) -> int:
    """Return the line that believes everybody from elsewhere."""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if (
            len(words) > 4
            and words[0].startswith("host")
            and words[-1] == "trust"
            and not LOCAL.match(words[3])
        ):
            return number
    return 0


def mysql(text: str) -> int:
    """Return the line that switches off who may do what."""
    return (
        _line(text, r"skip[-_]grant[-_]tables")
        if re.search(r"(?m)^[ \t]*skip[-_]grant[-_]tables\s*(=\s*(1|on|true))?\s*$", text, re.IGNORECASE)
        else 0
    )


def _line(text: str, pattern: str) -> int:
    found = re.search(rf"(?im)^[ \t]*{pattern}", text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


# How a database is called, its files, and who tells whether it is open.
DATABASES: tuple[tuple[str, tuple[str, ...], Callable[[str], int]], ...] = (
    ("Redis", ("/etc/redis/*.conf", "/etc/redis.conf", "/etc/valkey/*.conf"), redis),
    ("memcached", ("/etc/memcached.conf", "/etc/sysconfig/memcached"), memcached),
    ("MongoDB", ("/etc/mongod.conf", "/etc/mongodb.conf"), mongodb),
    (
        "PostgreSQL",
        (
            "/etc/postgresql/*/*/pg_hba.conf",
            "/var/lib/pgsql/data/pg_hba.conf",
            "/var/lib/pgsql/*/data/pg_hba.conf",
        ),
        postgresql,
    ),
    ("MySQL", ("/etc/my.cnf", "/etc/my.cnf.d/*.cnf", "/etc/mysql/*.cnf", "/etc/mysql/*.d/*.cnf"), mysql),
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the configurations that let everybody in."""
    there = False
    for name, patterns, is_open in DATABASES:
        for path, text in texts(examined.files, patterns):
            there = True
            if line := is_open(text):
                yield Flaw(f"{name} lets everybody in who reaches it", path, line, subject=name)
    if not there:
        yield NotThere("the guest has none of these databases")


CHECK = Check(
    title="Databases on the network ask who is there",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 AC-3", "NIST 800-53 IA-2"),
)
