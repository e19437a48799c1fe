"""Scheduled tasks run plain commands, and no program that users can change with rights that they have not.

Tasks are where programs, and malware, put what has to run again (MITRE ATT&CK T1053.005). Of those of the system's own
accounts and administrators the place of the program counts too: "Task Scheduler Schema" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import held, shown
from imgtools.ops.windows_persistence import looks_odd, where_from
from imgtools.records.audit import Level

if TYPE_CHECKING:
    from imgtools.records.windows import WindowsTask

# SYSTEM, the two accounts of services, and the group of administrators, by their SIDs and names.
HIGHER = frozenset({"s-1-5-18", "s-1-5-19", "s-1-5-20", "s-1-5-32-544", "system", "local service", "network service",
                    "nt authority\\\\system", "administrators"})  # fmt: skip


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each task that is on and runs something odd, or something that users may change."""
    from imgtools.guest.windows.facts import RegistryFacts
    from imgtools.guest.windows.tasks import read_tasks

    for task in read_tasks(RegistryFacts(held(examined).registry)):
        if task.registered and task.enabled:
            yield from _judged(examined, task)


def _judged(examined: Examined, task: WindowsTask) -> Iterator[Flaw]:
    from imgtools.guest.windows.services import program_of

    path = f"{examined.system.os.windows_systemroot}/System32/Tasks{task.path.replace(chr(92), '/')}"
    for action in task.actions:
        place = where_from(program_of(action)) if not action.startswith("{") else ""
        evidence = shown(f"{action} (as {task.user or 'its author'})")
        if odd := looks_odd(action):
            yield Flaw(
                f"a task is odd: {odd}", path, subject=task.path, evidence=evidence, severity=Level.HIGH
            )
            return
        if place and task.user.lower() in HIGHER:
            yield Flaw(f"the program of a task lies {place}", path, subject=task.path, evidence=evidence)
            return


CHECK = Check(
    title="Scheduled tasks are plain, and no user can change their programs",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
