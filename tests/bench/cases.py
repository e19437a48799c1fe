"""What is compared with what: one entry a case.

A command is written as in a shell, without quoting tricks; `{image}` is the case's image, `{output}` a path where
nothing is yet, `{folder}` a scratch folder with the files of :mod:`tests.bench.images`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.figures import Goal, Kind

Check = Callable[[bytes, bytes], bool]


def same_bytes(ours: bytes, peer: bytes) -> bool:
    """Both wrote exactly the same."""
    return ours == peer


def as_many_lines(ours: bytes, peer: bytes) -> bool:
    """Both listed about as much: the lines differ by at most 5 %."""
    counts = sorted((ours.count(b"\n"), peer.count(b"\n")))
    return counts[0] >= 0.95 * counts[1] > 0


def both_say_something(ours: bytes, peer: bytes) -> bool:
    """The formats differ; both wrote a result."""
    return bool(ours.strip()) and bool(peer.strip())


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the benchmark."""

    name: str
    group: str
    image: str  # a name of tests.bench.images
    ours: str
    goal: Goal
    peer: str = ""  # empty where the goal is in seconds
    check: Check = both_say_something
    # A case that writes gets a fresh copy of the image for every run; copying is not timed.
    writes: bool = False
    # Commands that are run before each timed run, and not timed.
    before_ours: tuple[str, ...] = ()
    before_peer: tuple[str, ...] = ()


def faster(times: float, *, memory: bool = True) -> Goal:
    """At least so many times faster than the peer, in at most 150 MB."""
    return Goal(Kind.FASTER, times) if memory else Goal(Kind.FASTER, times, None)


def within(times: float) -> Goal:
    """At most so many times what the peer takes."""
    return Goal(Kind.WITHIN, times)


READ = "Reading a guest"
FLAT = "What size costs"
START = "Start-up"

CASES = (
    Case(
        "one file, Linux", READ, "real",
        "imgtools cat {image} /etc/os-release", faster(40),
        "virt-cat -a {image} /etc/os-release", same_bytes,
    ),
    Case(
        "one file, Windows", READ, "windows",
        "imgtools cat {image} C:\\Windows\\win.ini", faster(40),
        "virt-cat -a {image} C:\\Windows\\win.ini", same_bytes,
    ),
    Case(
        "every file, long listing", READ, "real",
        "imgtools ls -l -R {image} /", faster(30),
        "virt-ls -lR -a {image} /", as_many_lines,
    ),
    Case(
        "how full", READ, "real",
        "imgtools df {image}", faster(25),
        "virt-df -a {image}", as_many_lines,
    ),
    Case(
        "disks, partitions, LVM, filesystems", READ, "real",
        "imgtools filesystems {image}", faster(40),
        "virt-filesystems --all --long --uuid -a {image}",
    ),
    Case(
        "the system and its packages", READ, "real",
        "imgtools inspect {image}", faster(25),
        "virt-inspector -a {image}",
    ),
    Case(
        "logs", READ, "real",
        "imgtools log {image}", faster(10),
        "virt-log -a {image}",
    ),
    Case(
        "one file of a 100 GB disk, beside a 1 GB disk", FLAT, "100G",
        "imgtools cat {image} /etc/os-release", within(1.2),
        "imgtools cat {folder}/1G.qcow2 /etc/os-release", same_bytes,
    ),
    Case("help", START, "none", "imgtools --help", Goal(Kind.SECONDS, 0.3)),
)  # fmt: skip
