"""Hosts whose KVM is sound, hangs or aborts: what a command does there, for real, but for KVM itself.

A stand-in for QEMU behaves as QEMU does on such a host (tests/support/qemu.py); whatever runs, runs without KVM.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from imgtools.engine.appliance import guard
from imgtools.engine.appliance.launch import Drive, launch_appliance
from imgtools.engine.qemu import kvm
from imgtools.engine.qemu.kernels import kernel_to_try
from tests.support.command import imgtools
from tests.support.qemu import Kvm, KvmHost, make_kvm_host

pytestmark = pytest.mark.appliance

AGES = 600.0  # seconds, for what is sound and only as slow as this host


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """An empty disk."""
    path = tmp_path / "disk"
    path.write_bytes(bytes(1 << 20))
    return path


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hangs is given up sooner, so that the tests do not wait."""
    monkeypatch.setattr(kvm, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(guard, "SILENT_SECONDS", 0.5)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who works is waited for, however slow the host is."""
    for module, name in ((kvm, "SILENT_SECONDS"), (kvm, "WHOLE_SECONDS"), (guard, "SILENT_SECONDS")):
        monkeypatch.setattr(module, name, AGES)
    monkeypatch.setattr(guard, "KVM_SECONDS", AGES)


def boot(disk: Path) -> str:
    """Launch the appliance, see that it works, and return how it ran."""
    appliance = launch_appliance([Drive(host_path=disk)])
    try:
        assert appliance.shell("echo up").strip() == b"up"
        return appliance.accelerator
    finally:
        appliance.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said to the user."""
    return [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]


def remembered(host: KvmHost) -> kvm.KvmVerdict:
    """The verdict that later commands will go by."""
    verdict = host.verdict()
    assert verdict is not None
    return verdict


def test_a_sound_kvm_is_found_and_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, disk: Path, patient: None
) -> None:
    host = make_kvm_host(monkeypatch, tmp_path, Kvm.SOUND)
    assert boot(disk) == "KVM"
    assert remembered(host).usable
    assert host.starts == 2  # the probe and the launch


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Kvm.HANGS, "a Linux kernel hangs under it: not a line in"),
        (Kvm.ABORTS, "failed to set MSR 0x10a to 0x69"),
    ],
)
def test_the_first_command_goes_on_without_kvm_and_the_second_does_not_try(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    disk: Path,
    hurried: None,
    caplog: pytest.LogCaptureFixture,
    kind: Kvm,
    reason: str,
) -> None:
    host = make_kvm_host(monkeypatch, tmp_path, kind)
    assert boot(disk) == "TCG"
    assert host.starts == 1
    (warning,) = warnings(caplog)
    assert reason in warning
    assert boot(disk) == "TCG"
    assert host.starts == 1
    assert len(warnings(caplog)) == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Kvm.HANGS, "nothing on its console in 0.5 s"),
        (Kvm.STOPS, "it was not up in 2 s"),
        (Kvm.ABORTS, "failed to set MSR 0x10a"),
    ],
)
def test_a_launch_does_not_trust_what_is_remembered_and_takes_it_back(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    disk: Path,
    hurried: None,
    caplog: pytest.LogCaptureFixture,
    kind: Kvm,
    reason: str,
) -> None:
    monkeypatch.setattr(guard, "KVM_SECONDS", 2.0)
    host = make_kvm_host(monkeypatch, tmp_path, kind)
    host.believe_in_kvm()
    assert boot(disk) == "TCG"
    verdict = remembered(host)
    assert not verdict.usable
    assert reason in verdict.reason
    (warning,) = warnings(caplog)
    assert reason in warning
    assert not left_running(host)


def left_running(host: KvmHost) -> list[str]:
    """Stand-ins that were not ended."""
    found = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.exists()]
    return [words.decode() for words in found if os.fsencode(host.qemu) in words.split(b"\0")]


def test_the_probe_boots_the_kernel_of_this_host_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, patient: None
) -> None:
    """A kernel that says other words at the end of its start would make every KVM "broken"."""
    host, kernel = make_kvm_host(monkeypatch, tmp_path, Kvm.SOUND), kernel_to_try()
    assert kernel is not None
    assert kvm.probe(str(host.qemu), kernel).usable


def test_doctor_says_what_was_tried_and_what_is_used_instead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hurried: None
) -> None:
    host = make_kvm_host(monkeypatch, tmp_path, Kvm.HANGS)
    told = imgtools("doctor", "--launch", "--engine", "appliance", "--json", code=None)
    assert (told.data["appliance"]["error"], told.data["appliance"]["accelerator"]) == ("", "TCG")
    assert told.data["verdict"].startswith("imgtools works on this host: appliance ok (TCG,")
    (check,) = [one for one in told.data["checks"] if one["name"] == "kvm"]
    assert check["state"] == "warn"
    assert check["found"].startswith("there, but does not work: a Linux kernel hangs under it")
    assert f"tried with {kernel_to_try()} under {host.qemu}" in check["cause"]
    assert "emulated instead (TCG)" in check["cause"]
    assert "imgtools doctor" not in check["cure"]


def test_doctor_does_not_try_kvm_that_is_not_to_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = make_kvm_host(monkeypatch, tmp_path, Kvm.HANGS)
    monkeypatch.setenv("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg")
    told = imgtools("doctor", "--json", code=None)
    (check,) = [one for one in told.data["checks"] if one["name"] == "kvm"]
    assert (check["state"], check["found"]) == ("ok", "not used: force_tcg is set")
    assert host.starts == 0
