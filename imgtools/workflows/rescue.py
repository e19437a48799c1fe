"""A shell in the appliance with a guest mounted: to look at it, or to change it as a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from imgtools.errors import EngineFailed, NoGuest, OddGuest, RolledBack, UnsupportedGuest, UsageError
from imgtools.guest.find.tree import FileView, view_files
from imgtools.image.edit import ImageEdit
from imgtools.image.handle import Image
from imgtools.image.rescue import Machine, check_written, differences, open_for_rescue, rescue_in, take_over
from imgtools.ops.run_in_guest import require_shell
from imgtools.records.differences import Difference
from imgtools.records.disks import Mount
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.shell import Console, Ended, Order, Shell
from imgtools.records.system import Warned

__all__ = ["Hands", "Machine", "MountedVolume", "Order", "RescueReport", "rescue"]

KEPT = 1 << 20  # bytes of a command's output that a report has
LEAST_MEMORY = 256  # MiB; with less the appliance does not start


@dataclass(frozen=True, slots=True)
class Hands:
    """Whoever asked, for what happens meanwhile.

    ``talk`` joins a terminal with the shell's console and returns when the shell has ended, or is to be. ``out`` and
    ``err`` get what a command writes, as it comes. ``agree`` is asked whether what has changed is to be kept.
    """

    talk: Callable[[Console], None] | None = None
    out: Callable[[bytes], None] | None = None
    err: Callable[[bytes], None] | None = None
    agree: Callable[[RescueReport], bool] | None = None
    ready: Callable[[RescueReport], None] | None = None  # called when all is mounted, before the shell begins


@dataclass(frozen=True, slots=True)
class MountedVolume:
    """A volume, and where the guest mounts it: below /sysroot in the appliance."""

    path: str
    device: str


@dataclass(frozen=True, slots=True)
class RescueReport:
    """What ran, how it ended, and what became of what it has changed.

    ``code`` is the exit code of the command or shell; None: the shell was ended from outside. ``stdout`` and ``stderr``
    are the last MiB of what a command wrote. ``change_count`` counts also the changes that are not listed, because
    there are more than 10,000.
    """

    image: str
    engine: Engine
    mounts: tuple[MountedVolume, ...]
    code: int | None
    written: bool
    changed: bool
    changes: tuple[Difference, ...] = ()
    change_count: int = 0
    output: str = ""  # the new image, if one was made
    stdout: str = ""
    stderr: str = ""
    problems: tuple[Warned, ...] = ()  # what checkers find in the filesystems after the shell
    warnings: tuple[Warned, ...] = ()


class _Kept:
    """The end of what a command writes, which is passed on as it comes."""

    def __init__(self, passed_on: Callable[[bytes], None] | None) -> None:
        self._passed_on, self._held = passed_on, b""

    def __call__(self, piece: bytes) -> None:
        self._held = (self._held + piece)[-KEPT:]
        if self._passed_on is not None:
            self._passed_on(piece)

    @property
    def text(self) -> str:
        return self._held.decode("utf-8", "surrogateescape")


def rescue(
    request: ImageRequest,
    target: Target,
    order: Order,
    machine: Machine,
    hands: Hands,
    *,
    mount: bool = True,
    progress: Progress | None = None,
) -> RescueReport:
    """Run a shell or a command in the appliance, with the guest mounted at /sysroot.

    Read-only as a rule: what is written goes to an overlay that is thrown away. Where ``target`` writes, it is a
    transaction: if the shell ends with 0 and ``agree`` says so, what it changed is committed, else it never happened.

    :param mount: look for a guest and mount it; without, the shell has the bare disks.
    :raises UsageError: the parts of the request contradict each other.
    :raises NoGuest: nothing to mount was found; ``mount`` False does without.
    :raises EngineFailed: the guest's root cannot be mounted, or the user insists on the direct engine.
    :raises UnsupportedGuest: ``chroot`` and the guest has no shell that runs here.
    :raises RolledBack: what was changed could not be kept; the image is as it was.
    """
    _refuse(request, order, machine, hands, mount)
    with open_for_rescue(request, target, machine) as image:
        view = _view(image, request) if mount else None
        if order.chroot:
            _require_shell(view)
        mounts = view.mounts if view else ()
        warnings = view.warnings if view else image.warnings
        report = RescueReport(
            image=request.name,
            engine=Engine.APPLIANCE,
            mounts=tuple(MountedVolume(mount.path, mount.volume.device) for mount in mounts),
            code=None,
            written=False,
            changed=False,
            warnings=warnings,
        )
        with rescue_in(image, mounts, machine, request.backing) as (shell, said):
            report = replace(report, warnings=(*warnings, *said))
            report, ended = _run(shell, report, order, hands)
        if not isinstance(image, ImageEdit):
            return report
        return _settle(image, request, target, report, mounts, ended, hands, progress)


def _refuse(request: ImageRequest, order: Order, machine: Machine, hands: Hands, mount: bool) -> None:
    if order.command and order.script:
        raise UsageError("a command and a script are two things to run", hint="choose one")
    if order.chroot and not mount:
        raise UsageError(
            "there is nothing to chroot into where nothing is mounted", hint="leave --no-mount away"
        )
    if order.interactive and hands.talk is None:
        raise UsageError("there is no terminal for a shell", hint="-c COMMAND or --run SCRIPT needs none")
    if request.engine is Engine.DIRECT:
        raise EngineFailed("a shell runs in the appliance", hint="leave --engine away, or use --engine auto")
    if machine.memory and machine.memory < LEAST_MEMORY:
        raise UsageError(
            f"{machine.memory} MiB are not enough for the appliance", hint=f"{LEAST_MEMORY} or more"
        )


def _view(image: Image, request: ImageRequest) -> FileView:
    """Find the guest; where there is none to be found, somebody may want a shell all the more."""
    try:
        return view_files(image, request)
    except (NoGuest, OddGuest) as error:
        error.hint = "; ".join(one for one in (error.hint, "--no-mount gives a shell without it") if one)
        raise


def _require_shell(view: FileView | None) -> None:
    if view is None or view.guest is None:
        raise UnsupportedGuest(
            "there is no guest to enter", hint="without --chroot it is mounted at /sysroot"
        )
    require_shell(view.guest)


def _run(shell: Shell, report: RescueReport, order: Order, hands: Hands) -> tuple[RescueReport, Ended]:
    if hands.ready is not None:
        hands.ready(report)
    if order.interactive:
        assert hands.talk is not None  # refused before
        ended = shell.open(order, hands.talk)
        return replace(report, code=ended.code), ended
    out, err = _Kept(hands.out), _Kept(hands.err)
    ended = shell.run(order, out, err)
    return replace(report, code=ended.code, stdout=out.text, stderr=err.text), ended


def _settle(
    image: ImageEdit,
    request: ImageRequest,
    target: Target,
    report: RescueReport,
    mounts: Sequence[Mount],
    ended: Ended,
    hands: Hands,
    progress: Progress | None,
) -> RescueReport:
    """Keep what was changed, or throw it away."""
    if ended.code != 0:
        return report  # the overlays go with the edit
    if ended.busy:
        raise RolledBack(
            f"{ended.busy[0]} is still in use and cannot be unmounted", hint="the image is as it was"
        )
    problems = check_written(image, mounts) if target.check else ()
    found = differences(image, request, mounts, alone=not ended.remounted)
    take_over(image)  # before a yes: that the host had no room is found out now
    report = replace(
        report,
        changed=bool(found.count),
        changes=found.found,
        change_count=found.count,
        problems=problems,
        warnings=(*report.warnings, *found.warnings, *problems),
    )
    if not found.count and not image.output:
        return report
    if problems and hands.agree is None:
        raise RolledBack(problems[0].text, hint="the image is as it was; --no-check writes it all the same")
    if hands.agree is not None and not hands.agree(report):
        return report
    image.commit(progress=progress)
    return replace(report, written=True, output=image.output)
