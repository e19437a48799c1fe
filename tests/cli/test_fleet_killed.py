"""A fleet's client, workers and scheduler are killed in the middle: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fleet import Fleet, children, command_line, members, scheduler, until

TWICE = "SELECT image_id FROM answers GROUP BY image_id HAVING count(*) > 1"
FORKER = "imgtools.fleet.forker"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Two images that answer, and three that wait for a gate."""
    found = Fleet(tmp_path)
    found.images("many", a="fine", b="fine", c="wait", d="wait", e="wait")
    return found


def open_gate(fleet: Fleet) -> None:
    (fleet.folder / "many" / "gate").touch()


def asking(pid: int) -> list[int]:
    """The workers below a process that have an image asked now: their forkers have children."""
    return [
        one
        for one in children(pid)
        for forker in children(one)[:1]
        if FORKER in command_line(forker) and FORKER not in command_line(one) and children(forker)
    ]


def test_the_client_is_killed_and_called_again(fleet: Fleet) -> None:
    with fleet.start("run", "trial", "--parallel", "2", "--", "many") as program:
        until(lambda: fleet.answered() == 2 and len(asking(program.pid)) == 2)
        program.kill()
        program.communicate(timeout=30)
    until(lambda: not members(program.pid), 30)  # workers, forkers and the processes of images
    assert fleet.rows("SELECT state FROM runs") == [("running",)]
    open_gate(fleet)
    again = fleet.run("run", "trial", "--json", "--", "many").data
    assert (again["kept"], again["asked"], again["failed"]) == (2, 3, 0)
    assert fleet.answered() == 5 and not fleet.rows(TWICE)


def test_a_worker_is_killed_and_its_image_is_asked_by_another(fleet: Fleet) -> None:
    with fleet.start("run", "trial", "--parallel", "2", "--json", "--", "many") as program:
        until(lambda: fleet.answered() == 2 and len(asking(program.pid)) == 2)
        os.kill(asking(program.pid)[0], signal.SIGKILL)
        open_gate(fleet)
        out, err = program.communicate(timeout=120)
    assert program.returncode == 0, err
    assert json.loads(out)["data"]["asked"] == 5
    assert (
        fleet.answered() == 5
        and not fleet.rows(TWICE)
        and not fleet.rows("SELECT 1 FROM answers WHERE NOT ok")
    )


def test_a_scheduler_with_two_workers_and_what_is_killed_of_it(fleet: Fleet) -> None:
    with scheduler(fleet) as cluster:
        words = ("run", "trial", "--scheduler", cluster.address, "--json", "--", "many")
        with fleet.start(*words) as program:
            until(lambda: fleet.answered() == 2 and all(map(is_asking, cluster.workers)))
            cluster.workers[0].kill()
            open_gate(fleet)
            out, err = program.communicate(timeout=120)
        assert program.returncode == 0, err
        assert json.loads(out)["data"]["asked"] == 5
        assert fleet.answered() == 5 and not fleet.rows(TWICE)

        (fleet.folder / "many" / "gate").unlink()
        with fleet.start(*words[:-2], "--all", *words[-2:]) as program:
            until(lambda: fleet.answered() == 7 and is_asking(cluster.workers[1]))
            cluster.program.kill()
            out, err = program.communicate(timeout=120)
        assert program.returncode == 53 and "the scheduler went away" in err, err
    open_gate(fleet)
    again = fleet.run("run", "trial", "--json", "--", "many").data
    assert (again["asked"], again["kept"], again["failed"]) == (0, 5, 0)
    assert fleet.rows("SELECT state FROM runs ORDER BY id") == [("done",), ("cut",), ("done",)]


def is_asking(worker: subprocess.Popen[str]) -> bool:
    return any(FORKER in command_line(one) and children(one) for one in children(worker.pid))


def test_keys_go_over_no_open_network(tmp_path: Path) -> None:
    words = (
        "--scheduler",
        "tcp://127.0.0.1:9",
        "--key",
        "all:key:secret",
        "--database",
        tmp_path / "f.sqlite",
    )
    err = imgtools("fleet", "run", "df", *words, "--", tmp_path / "x.qcow2", code=2).err
    assert "tls://" in err and "secret" not in err
