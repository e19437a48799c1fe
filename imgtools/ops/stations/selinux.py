"""SELinux: whether a guest that enforces it has its policy, and labels on the files that a boot needs.

Files that were written from outside (a rescue system, an unpacked archive) have no labels: init, PAM or sshd may then
not read them, and nobody gets in. Files that are labelled with another type than the policy gives them are named too.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.health.programs import has_programs, hidden_system, runs_systemd
from imgtools.guest.health.selinux_labels import (
    MODES,
    WrongLabel,
    config_values,
    is_off_by_kernel,
    will_relabel,
    wrong_labels,
)
from imgtools.guest.selinux import CONFIG, Selinux, find_selinux
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity

MOST_SHOWN = 6


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what SELinux would stop."""
    files = examined.files
    if hidden := hidden_system(examined.system):
        yield NotKnown(f"{hidden} could not be mounted")
        return
    selinux = find_selinux(files)
    if not selinux.mode:
        yield NotThere("no SELinux")
        return
    if is_off_by_kernel(files):
        yield NotThere("the kernel's arguments switch it off")
        return
    yield from _config(examined)
    if selinux.mode != "enforcing":
        return
    if lost := _lost_policy(examined, selinux):
        yield lost
    elif not will_relabel(files):
        yield from _labels(examined)


def _config(examined: Examined) -> Iterator[Finding]:
    mode, _policy = config_values(examined.files)
    if mode.lower() not in MODES:
        yield Finding(
            "selinux-config",
            f"SELINUX={mode} is no mode of SELinux",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(CONFIG, text=f"SELINUX={mode}"),),
            advice="write enforcing, permissive or disabled: imgtools edit",
        )


def _lost_policy(examined: Examined, selinux: Selinux) -> Finding | None:
    """A policy that is not there freezes systemd at its very start."""
    folder = f"/etc/selinux/{selinux.policy or 'targeted'}"
    compiled = any(True for _path in examined.files.glob(f"{folder}/policy/policy.*"))
    if compiled or (examined.files.is_dir(folder) and not runs_systemd(examined.files)):
        return None
    return Finding(
        "selinux-policy-missing",
        f"SELinux is enforcing, and the policy {selinux.policy} is not there: systemd freezes when it loads it",
        evidence=(
            Evidence(CONFIG, text=f"SELINUXTYPE={selinux.policy}"),
            Evidence(f"{folder}/policy", text="empty"),
        ),
        remedy=Remedy("selinux-permissive"),
        confidence=Confidence.MEDIUM,
    )


def _labels(examined: Examined) -> Iterator[Seen]:
    wrong = wrong_labels(examined.files)
    if wrong is None:
        yield NotKnown("the guest's list of labels cannot be read here")
        return
    if not wrong:
        return
    if not has_programs(examined.files) and all(not one.has for one in wrong) and len(wrong) > MOST_SHOWN:
        yield NotKnown("nothing has a label in this tree of a few files")
        return
    bare = [one for one in wrong if one.is_unlabelled]
    yield Finding(
        "selinux-labels",
        _words(wrong, bare),
        severity=Severity.BROKEN if bare else Severity.SUSPICIOUS,
        confidence=Confidence.HIGH if bare else Confidence.MEDIUM,
        evidence=tuple(_shown(one) for one in (*bare, *(one for one in wrong if one not in bare)))[
            :MOST_SHOWN
        ],
        remedy=Remedy("selinux-relabel"),
    )


def _words(wrong: tuple[WrongLabel, ...], bare: list[WrongLabel]) -> str:
    if bare:
        return f"{len(bare)} files that a boot needs have no SELinux label, and SELinux is enforcing"
    return f"{len(wrong)} files that a boot needs have another SELinux label than the policy gives them"


def _shown(one: WrongLabel) -> Evidence:
    return Evidence(one.path, text=f"{one.has or 'no label'}, not {one.wanted}")


STATION = Station(
    summary="SELinux: its policy and the labels of essential files",
    place=420,
    look=look,
    families=LINUX,
    causes={
        "selinux-labels": "Files that a boot needs have no label, or a wrong one: they were written by a system "
        "without SELinux. Enforcing, programs may not read or execute them.",
        "selinux-policy-missing": "SELinux is enforcing, and the policy that /etc/selinux/config names is not "
        "installed: systemd says Failed to load SELinux policy, and freezes.",
        "selinux-config": "/etc/selinux/config names a mode that there is not.",
    },
    mended={
        "selinux-permissive": ("selinux-policy-missing",),
        "selinux-relabel": ("selinux-labels",),
    },
)
