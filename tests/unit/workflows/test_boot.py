"""The workflow of a boot: which machine it is given, what its report says, what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from imgtools.engine.qemu.screen import Picture
from imgtools.errors import NoGuest, TargetExists, UsageError
from imgtools.guest.boot import machine_choice
from imgtools.guest.boot.console import Cause, Stage, Verdict
from imgtools.guest.boot.machine_choice import Wishes
from imgtools.guest.boot.watch import Watched, Watching
from imgtools.guest.guest import the_guest
from imgtools.records.image import ImageInfo
from imgtools.records.machine import DirectKernel, MachineSpec
from imgtools.records.request import ImageRequest, Key
from imgtools.workflows import boot as workflow
from imgtools.workflows.boot import BootReport, BootRequest, boot, boot_opened
from tests.support.memory import memory_guest_image, serve

LINUX = {
    "/etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "/etc/fstab": "/dev/vda1 / ext4 defaults 0 1\n",
    "/bin/sh": "",
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\n",
}
PICTURE = Picture(1, 1, b"\1\2\3")


def _watched(verdict: Verdict = Verdict.LOGIN, *, reached: bool = True) -> Watched:
    causes = (Cause("kernel-panic", 3, "Kernel panic - not syncing: x"),)
    return Watched(
        verdict, reached, Stage.KERNEL, "line", "serial", causes, ("a", "b"), 1.26, 0, "TCG", b"said", PICTURE
    )


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[MachineSpec, Watching]]:
    """What was started, and how it was watched."""
    found: list[MachineSpec] = []
    told: list[tuple[MachineSpec, Watching]] = []

    @contextmanager
    def machine(
        infos: Sequence[ImageInfo], keys: Sequence[Key], spec: MachineSpec, kernel: DirectKernel | None
    ) -> Iterator[None]:
        found.append(spec)
        yield

    def watch(_machine: object, how: Watching, _talk: object, _progress: object) -> Watched:
        told.append((found[-1], how))
        return _watched()

    monkeypatch.setattr(workflow, "open_machine", machine)
    monkeypatch.setattr(workflow, "watch", watch)
    monkeypatch.setattr(machine_choice, "free_memory", lambda: 8 << 30)
    return told


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> ImageRequest:
    return serve(monkeypatch, "boot", memory_guest_image(LINUX))


def test_the_guest_s_machine_is_started(
    linux: ImageRequest, started: list[tuple[MachineSpec, Watching]]
) -> None:
    report = boot(linux, BootRequest(Wishes(memory=512 << 20), seconds=9, expect="x$"))
    ((spec, how),) = started
    assert (spec.bus, spec.memory) == ("virtio", 512 << 20)
    assert (how.seconds, how.is_windows) == (9, False)
    assert how.expect is not None
    assert how.expect.search("x\ny"), "a pattern is of lines"
    assert (report.guest, report.verdict, report.seconds) == ("Debian GNU/Linux 12 (bookworm)", "login", 1.3)
    assert [(one.id, one.line_number) for one in report.causes] == [("kernel-panic", 3)]
    assert "bus: the guest calls a disk /dev/vd..." in report.reasons


def test_a_guest_of_an_open_image(started: list[tuple[MachineSpec, Watching]]) -> None:
    image = memory_guest_image(LINUX)
    report = boot_opened(image, the_guest(image), BootRequest(Wishes(bus="sata")))
    assert (report.image, report.bus, started[0][0].machine) == ("memory.img", "sata", "q35")
    with pytest.raises(UsageError):
        boot_opened(image, the_guest(image), BootRequest(expect="("))


def test_disks_of_nobody(
    monkeypatch: pytest.MonkeyPatch, started: list[tuple[MachineSpec, Watching]]
) -> None:
    request = serve(monkeypatch, "boot", memory_guest_image({"/a": ""}))
    with pytest.raises(NoGuest) as error:
        boot(request, BootRequest())
    assert "--firmware" in error.value.hint
    assert not started
    assert boot(request, BootRequest(Wishes(firmware="bios"))).guest == ""
    with pytest.raises(NoGuest):
        boot(request, BootRequest(Wishes(firmware="bios"), kernel_from_guest=True))


@pytest.mark.parametrize(
    ("verdict", "reached", "code"),
    [
        ("login", True, 0),
        ("kernel-panic", False, 1),
        ("none", False, 33),
        ("kernel-panic", True, 0),
        ("login", False, 1),
    ],
)
def test_exit_codes(linux: ImageRequest, verdict: str, reached: bool, code: int) -> None:
    import dataclasses

    report: BootReport = dataclasses.replace(boot(linux, BootRequest()), verdict=verdict, reached=reached)
    assert report.exit_code == code


def test_screen_and_console_are_kept(linux: ImageRequest, tmp_path: Path) -> None:
    how = BootRequest(screenshot=tmp_path / "a.png", console=tmp_path / "a.log")
    report = boot(linux, how)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.log").read_bytes() == b"said"
    assert (report.screenshot, report.console) == (str(tmp_path / "a.png"), str(tmp_path / "a.log"))
    with pytest.raises(TargetExists):
        boot(linux, how)


@pytest.mark.parametrize(
    "how",
    [
        BootRequest(Wishes(firmware="x")),
        BootRequest(Wishes(bus="x")),
        BootRequest(Wishes(memory=1)),
        BootRequest(Wishes(cpus=0)),
        BootRequest(seconds=0),
        BootRequest(expect="("),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_opened(how: BootRequest) -> None:
    with pytest.raises(UsageError):
        boot(ImageRequest(()), how)


@pytest.mark.parametrize(("firmware", "blamed"), [("bios", "boot-code-missing"), ("uefi", "")])
def test_what_silence_means_is_looked_at_before_the_image_is_closed(
    firmware: str,
    blamed: str,
    linux: ImageRequest,
    started: list[tuple[MachineSpec, Watching]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workflow, "cause_of_silence", lambda _disks, _open: "boot-code-missing")
    boot(linux, BootRequest(Wishes(firmware=firmware)))
    assert [how.mute_code for _spec, how in started] == [blamed]
