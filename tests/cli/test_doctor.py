"""imgtools doctor."""

from __future__ import annotations

import pytest

from imgtools.image.host import Trial
from imgtools.workflows import doctor
from tests.support.command import imgtools
from tests.support.host import healthy_host, without_program


def test_this_host_is_looked_at_and_judged() -> None:
    """Without a stand-in: the checks run wherever the tests run, and the exit code fits what they found."""
    told = imgtools("doctor", "--json", code=None)
    states = {one["state"] for one in told.data["checks"]}
    assert states <= {"ok", "warn", "fail"}
    assert told.code == (1 if "fail" in states else 0)
    assert told.data["healthy"] is (told.code == 0)
    assert told.data["verdict"].startswith("imgtools ")
    names = [one["name"] for one in told.data["checks"]]
    assert len(names) == len(set(names))
    assert {"python", "kvm", "kernel for the appliance", "qemu-nbd", "reading a disk"} <= set(names)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A healthy host instead of this one; a test takes something away from it."""
    monkeypatch.setattr(doctor, "collect_facts", healthy_host)
    monkeypatch.setattr(doctor, "try_direct", lambda: Trial(0.003))
    monkeypatch.setattr(doctor, "try_appliance", lambda: Trial(9.6, "TCG", "6.1.0"))
    return monkeypatch


def test_in_a_pipe_a_check_a_line_and_the_verdict_last(host: pytest.MonkeyPatch) -> None:
    lines = [line.split("\t") for line in imgtools("doctor").out.splitlines()]
    assert lines[0] == ["State", "Check", "Found", "Needed by", "Cause", "Cure"]
    assert {line[0] for line in lines[1:]} == {"ok"}
    assert lines[-1][1] == "verdict"
    assert "--launch tries it" in lines[-1][2]


def test_launch_boots_and_ends_with_a_clear_verdict(host: pytest.MonkeyPatch) -> None:
    told = imgtools("doctor", "--launch")
    assert told.out.splitlines()[-1].split("\t")[2] == (
        "imgtools works on this host: direct engine ok, appliance ok (TCG, 10 s)"
    )


def test_without_launch_nothing_is_booted(host: pytest.MonkeyPatch) -> None:
    def booted() -> Trial:
        raise AssertionError("booted")

    host.setattr(doctor, "try_appliance", booted)
    assert imgtools("doctor", "--json").data["appliance"] is None
    imgtools("doctor", "--launch", "--engine", "direct")


def test_what_is_missing_is_shown_with_its_cure_and_exit_code_1(host: pytest.MonkeyPatch) -> None:
    host.setattr(doctor, "collect_facts", lambda: without_program("qemu-nbd"))
    told = imgtools("doctor", code=1)
    (line,) = [line.split("\t") for line in told.out.splitlines() if line.startswith("fail\tqemu-nbd")]
    assert line[4:] == ["qemu-nbd is not installed", "apt-get install qemu-utils"]


def test_warnings_alone_are_exit_code_0(host: pytest.MonkeyPatch) -> None:
    host.setattr(doctor, "collect_facts", lambda: without_program("e2fsck"))
    assert "warn\te2fsck" in imgtools("doctor").out


def test_one_engine_can_be_enough(host: pytest.MonkeyPatch) -> None:
    host.setattr(doctor, "collect_facts", lambda: without_program("supermin"))
    imgtools("doctor", code=1)
    imgtools("doctor", "--engine", "direct", code=0)


def test_json_holds_checks_trials_and_verdict(host: pytest.MonkeyPatch) -> None:
    told = imgtools("doctor", "--launch", "--json")
    assert told.json["schema"] == "imgtools.doctor/1"
    assert told.data["appliance"] == {
        "seconds": 9.6,
        "accelerator": "TCG",
        "kernel": "6.1.0",
        "error": "",
        "hint": "",
    }
    assert set(told.data["checks"][0]) == {"name", "state", "found", "serves", "cause", "cure", "needed_for"}
