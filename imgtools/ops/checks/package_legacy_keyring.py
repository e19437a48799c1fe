"""A key of a repository vouches for that repository alone.

Keys in /etc/apt/trusted.gpg, and those that somebody put into trusted.gpg.d, vouch for every repository: whoever has
one of them signs a new libc as well. Named by signed-by= they do not. Source: apt-secure(8), apt-key(8) (deprecated),
sources.list(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams, like
from imgtools.ops.station import Examined
from imgtools.ops.tree_facts import owned
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown

OLD, FOLDER = "/etc/apt/trusted.gpg", "/etc/apt/trusted.gpg.d"
ADVICE = "move the key to /etc/apt/keyrings, and name it in the source with signed-by="


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the files of keys that vouch for all repositories and come from no package."""
    files = examined.files
    if files.is_file(OLD) and files.stat(OLD).size:
        yield Flaw("keys here vouch for every repository", OLD, advice=ADVICE)
    keys = [
        path
        for path in files.glob(f"{FOLDER}/*.{{gpg,asc}}")
        if files.is_file(path) and files.stat(path).size
    ]
    packages = examined.once(owned) if keys else None
    if isinstance(packages, NotKnown):
        yield packages
    elif packages is not None:
        for path in keys:
            if path not in packages:
                yield Flaw(
                    "this key vouches for every repository, and no package brought it", path, advice=ADVICE
                )


CHECK = Check(
    title="Keys of repositories vouch for their repository alone",
    severity=Level.LOW,
    look=look,
    families=like("debian"),
    references=("CIS Debian 12 1.2.1.1", "ANSSI R59"),
)
