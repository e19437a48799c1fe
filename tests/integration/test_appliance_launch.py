"""Launches for real: what ends them, and that nothing of them stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imgtools.engine.appliance.launch import Appliance, Drive, launch_appliance
from imgtools.errors import ApplianceFailed, EngineTimeout
from tests.support.command import imgtools

pytestmark = pytest.mark.appliance

PATIENCE = 60.0  # seconds; QEMU is gone after one, as a rule
HOLDER = """
import sys, time
from pathlib import Path
from imgtools.engine.appliance.launch import Drive, launch_appliance
print(launch_appliance([Drive(host_path=Path(sys.argv[1]))]).pid, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """An empty disk."""
    path = tmp_path / "disk"
    path.write_bytes(bytes(1 << 20))
    return path


def is_running(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def assert_ends(pid: int) -> None:
    """Wait until a process has gone."""
    deadline = time.monotonic() + PATIENCE
    while is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


@contextmanager
def launched(disk: Path) -> Iterator[Appliance]:
    """A running appliance."""
    appliance = launch_appliance([Drive(host_path=disk)])
    try:
        yield appliance
    finally:
        appliance.close()


def test_a_call_that_hangs_is_given_up_and_the_appliance_with_it(disk: Path) -> None:
    with launched(disk) as appliance:
        pid = appliance.pid
        with pytest.raises(EngineTimeout, match="does not answer within"):
            appliance.shell("sleep 1000", seconds=0.5)
        assert_ends(pid)
        with pytest.raises(ApplianceFailed, match="has ended"):
            appliance.shell("true")


def test_a_launch_that_takes_too_long_is_ended(disk: Path) -> None:
    with pytest.raises(EngineTimeout, match="did not start within"):
        launch_appliance([Drive(host_path=disk)], seconds=0.5)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children if is_running(int(pid))]
    assert not any(b"imgtools-" in command and b"qemu-system" in command for command in commands)


def test_when_imgtools_is_killed_the_appliance_ends(disk: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(disk)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        pid = int(holder.stdout.readline())
        assert is_running(pid)
        holder.send_signal(signal.SIGKILL)
    assert_ends(pid)


def test_a_disk_that_is_not_there_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(ApplianceFailed, match=r"did not start: .*nothing\.sock"):
        launch_appliance([Drive(socket=str(tmp_path / "nothing.sock"))])


def test_doctor_launches_and_says_that_it_works() -> None:
    told = imgtools("doctor", "--launch", "--engine", "appliance", "--json", code=None)
    assert told.data["appliance"]["error"] == ""
    assert told.data["appliance"]["accelerator"] in ("TCG", "KVM")
    assert "appliance ok" in told.data["verdict"] or "appliance fails" in told.data["verdict"]
