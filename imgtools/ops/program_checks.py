"""Looks for programs that should not be there, and for lists of the users who may use one."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Flaw, Look, Seen
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotThere

FOLDERS = ("/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin")


def programs_there(said: str, advice: str) -> Look:
    """Return a look that finds those of the programs in ``params.names`` that are there, each once.

    :param said: what is wrong, in front of the program's name.
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        seen: set[str] = set()
        for path in (f"{folder}/{name}" for name in params.names for folder in FOLDERS):
            if examined.files.is_file(path) and (true := examined.files.resolve(path)) not in seen:
                seen.add(true)
                yield Flaw(f"{said}: {path.rpartition('/')[2]}", path, advice=advice)

    return look


def names_who_may(name: str, programs: tuple[str, ...], *, root_alone: bool) -> Look:
    """Return a look that finds a guest without the list of those who may use ``name``: ``/etc/NAME.allow``.

    :param root_alone: without that list and without ``/etc/NAME.deny``, only root may.
    """
    allow, deny = f"/etc/{name}.allow", f"/etc/{name}.deny"

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        files = examined.files
        has_deny = files.is_file(deny)
        if not any(files.is_file(path) for path in programs):
            yield NotThere(f"the guest has no {name}")
        elif not files.is_file(allow) and (has_deny or not root_alone):
            said = f"only those in {deny} may not" if has_deny else ""
            yield Flaw(
                f"every user may use {name}", allow, evidence=said, advice=f"name in {allow} those who may"
            )

    return look
