"""What docs/fleet-clusters.md says of clusters is run: two workers on one machine, by SSH and as jobs of a queue."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.house.source import ROOT
from tests.support.fixtures import copy_image, fixture_image
from tests.support.fleet import members, until
from tests.support.remote_servers import free_port, login_server

PAGE = (ROOT / "docs/fleet-clusters.md").read_text()
SBATCH = """#!/bin/sh
cp "$1" "{folder}/script.$$"
setsid sh "{folder}/script.$$" >"{folder}/job.$$" 2>&1 &
echo $! >>"{folder}/jobs"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
for job; do kill -- "-$job"; done
"""


def block(language: str, number: int = 0) -> str:
    """A block of code of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[number]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Some images."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "b", "c"):
        copy_image(fixture_image("debian"), folder).rename(folder / f"{name}.qcow2")
    return folder


@contextmanager
def running(words: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; then it is told so as a person does, and leaves nothing behind."""
    with log.open("wb") as said:
        program = subprocess.Popen(
            words, stdout=said, stderr=said, env={**os.environ, **environment}, start_new_session=True
        )
        try:
            yield program
            program.send_signal(signal.SIGINT)
            program.wait(timeout=60)
        finally:
            for pid in members(program.pid):
                os.kill(pid, signal.SIGKILL)
            program.wait()


def ask(scheduler: str, images: Path, log: Path) -> None:
    """Ask a fleet as the page does, and find that two workers have answered."""
    database = images.parent / "fleet.sqlite"
    words = ["-m", "imgtools", "fleet", "run", "df", "--scheduler", scheduler, "--database", database]
    ran = subprocess.run(
        [sys.executable, *words, "--recursive", "--", images], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr + log.read_text()
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM answers WHERE ok").fetchone() == (3,)


def has_workers(scheduler: str, count: int) -> bool:
    program = (
        "import sys; from distributed import Client; print(len(Client(sys.argv[1], timeout=5).nthreads()))"
    )
    ran = subprocess.run([sys.executable, "-c", program, scheduler], capture_output=True, text=True)
    return ran.stdout.strip() == str(count)


def test_dask_ssh(images: Path, tmp_path: Path) -> None:
    log, port = tmp_path / "log", free_port()
    with login_server() as server:
        words = shlex.split(block("sh"))
        assert words[0] == "dask-ssh" and words[-2:] == ["node1", "node2"]
        words = ["127.0.0.1" if word.startswith("node") else word for word in words[1:]]
        words[words.index("8786")] = str(port)
        words[words.index("~/.ssh/fleet")] = str(server.folder / "user")
        words[words.index("--nthreads") + 1] = "1"
        words = ["--ssh-port", str(server.port), "--ssh-username", server.user, *words]
        with running([sys.executable, "-m", "distributed.cli.dask_ssh", *words], log):
            scheduler = f"tcp://127.0.0.1:{port}"
            until(lambda: has_workers(scheduler, 2))
            ask(scheduler, images, log)
        assert not has_workers(scheduler, 2)


def test_jobs_of_slurm(images: Path, tmp_path: Path) -> None:
    log, program, port = tmp_path / "log", tmp_path / "cluster.py", free_port()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text.format(folder=tmp_path) if name == "sbatch" else text)
        (tmp_path / name).chmod(0o755)
    text = block("python")
    assert "8786" in text
    program.write_text(text.replace("8786", str(port)))
    path = f"{tmp_path}:{os.environ['PATH']}"
    with running([sys.executable, str(program)], log, PATH=path):
        until(lambda: "tcp://" in log.read_text())
        scheduler = log.read_text().split()[-1]
        until(lambda: has_workers(scheduler, 2))
        ask(scheduler, images, log)
    jobs = [int(word) for word in (tmp_path / "jobs").read_text().split()]
    assert len(jobs) == 2
    until(lambda: not any(members(job) for job in jobs), 30)


def test_the_resource_of_kubernetes_has_what_the_operator_asks_for() -> None:
    resource = yaml.safe_load(block("yaml"))
    assert (resource["apiVersion"], resource["kind"]) == ("kubernetes.dask.org/v1", "DaskCluster")
    worker, scheduler = resource["spec"]["worker"], resource["spec"]["scheduler"]
    assert worker["replicas"] == 2
    for part, program in ((worker, "worker"), (scheduler, "scheduler")):
        (container,) = part["spec"]["containers"]
        assert container["args"][:2] == ["dask", program] and container["image"]
        assert all(isinstance(word, str) for word in container["args"])
    names = {one["name"] for one in worker["spec"]["volumes"]}
    assert {one["name"] for one in worker["spec"]["containers"][0]["volumeMounts"]} == names
    assert scheduler["service"]["selector"]["dask.org/cluster-name"] == resource["metadata"]["name"]
