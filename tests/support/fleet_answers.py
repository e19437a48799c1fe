"""Answers of images that were never asked, and runs of them, in a fleet's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imgtools.fleet.identity import Identity
from imgtools.fleet.kind import load_kind
from imgtools.fleet.store import Store
from imgtools.fleet.work import Answer, Cell, Failure

Rows = Sequence[Sequence[Cell]]


def run(store: Store, kind: str, answers: Mapping[str, Answer], state: str = "done") -> None:
    """Write a run of a question, by image."""
    number = store.begin_run(kind, len(answers))
    for name, answer in answers.items():
        store.add(number, store.image(name), kind, load_kind(kind), Identity("x"), answer)
    store.end_run(number, state)


def said(**tables: Rows) -> Answer:
    """What an image says, by table."""
    return Answer(0, None, (), tables, 1.0, "h")


def failed(error: str, message: str = "it is bad", hint: str = "") -> Answer:
    """An image that has no answer."""
    return Answer(10, Failure(error, message, hint, 10), (), {}, 0.0, "h")


def finding(severity: str, waived: str = "", *, check: str = "x", text: str = "text") -> Sequence[Cell]:
    """What an audit found."""
    return [check, severity, 3, text, "/p", 1, "s", "e", False, waived]


def guest(
    distro: str,
    name: str,
    major: int,
    minor: int = 0,
    *,
    hostname: str = "",
    osinfo: str = "",
    machine: str = "",
) -> Sequence[Cell]:
    """An operating system on /dev/sda1."""
    start: list[Cell] = ["/dev/sda1", "linux", distro, name, "", major, minor, "x86_64", hostname, "", osinfo]
    return [*start, "", "", "", machine, *[""] * 5, None, None]


def package(name: str, version: str, release: str = "", epoch: int = 0) -> Sequence[Cell]:
    """A package of that system."""
    return ["/dev/sda1", name, version, release, epoch, "amd64", "", "", ""]


def usage(percent: float, *, device: str = "/dev/sda1", uuid: str = "", size: int = 1000) -> Sequence[Cell]:
    """A filesystem."""
    used = size * round(percent * 10) // 1000
    return [device, "ext4", "", uuid, size, used, size - used, percent, 10, 1, 9, ""]


def unread(device: str) -> Sequence[Cell]:
    """A filesystem that cannot be read."""
    return [device, "xfs", "", "", *[None] * 7, "it is damaged"]


def disk(taken: int, promised: int) -> Sequence[Cell]:
    """An image file."""
    return ["/x", "qcow2", promised, taken, "", False, False, 1, 0, "", None, ""]
