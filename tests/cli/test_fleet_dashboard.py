"""imgtools fleet run --dashboard: Dask shows what goes on, on the loopback unless another host is said."""

from __future__ import annotations

import http.client
import json
import os
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fleet import Fleet, children, until
from tests.support.remote_servers import free_port


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    found = Fleet(tmp_path)
    found.images("many", a="fine", b="wait")
    return found


def test_the_dashboard_is_there_while_it_runs(fleet: Fleet) -> None:
    port = free_port()
    words = ("--dashboard", str(port), "--json", "--parallel", "1", "--", "many")
    with fleet.start("run", "trial", *words) as program:
        until(lambda: fleet.answered() == 1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=60) as page:
            content = page.read()
        (fleet.folder / "many" / "gate").touch()
        out, err = program.communicate(timeout=60)
    link = f"http://127.0.0.1:{port}/status"
    assert b"bokeh.min.js" in content
    assert program.returncode == 0 and f"imgtools: Dask's dashboard: {link}\n" in err, err
    assert json.loads(out)["data"]["dashboard"] == link


def test_without_it_there_are_no_pages(fleet: Fleet) -> None:
    with fleet.start("run", "trial", "--json", "--parallel", "1", "--", "many") as program:
        until(lambda: fleet.answered() == 1)
        ports = [port for pid in (program.pid, *children(program.pid)) for port in listening(pid)]
        pages = [found for port in ports if (found := page_at(port)) is not None]
        (fleet.folder / "many" / "gate").touch()
        out, err = program.communicate(timeout=60)
    assert ports and not pages, pages
    assert json.loads(out)["data"]["dashboard"] == "" and "ashboard" not in err


def test_a_port_that_is_in_use(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = fleet.run("run", "trial", "--dashboard", str(port), "--", "many", code=3)
    assert ran.err.splitlines()[0] == (
        f"imgtools: the dashboard cannot listen at 127.0.0.1:{port}: somebody does"
    )


def listening(pid: int) -> list[int]:
    """The ports at which a process listens, all of the loopback."""
    sockets = {os.fspath(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()}
    found = []
    for line in (Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()).splitlines():
        words = line.split()
        if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
            host, _, port = words[1].partition(":")
            assert host == "0100007F", "it can be reached from elsewhere"
            found.append(int(port, 16))
    return found


def page_at(port: int) -> bytes | None:
    """What a browser sees at a port."""
    for path in ("/status", "/info/main/workers.html", "/health", "/metrics"):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as page:
                return bytes(page.read())
        except (OSError, http.client.HTTPException):
            continue
    return None


@pytest.mark.parametrize("word", ["status", "127.0.0.1:", "127.0.0.1:70000", ":-1"])
def test_an_address_that_is_none(tmp_path: Path, word: str) -> None:
    words = ("--dashboard", word, "--database", tmp_path / "f.sqlite", "--", "x.qcow2")
    assert "is no address of a dashboard" in imgtools("fleet", "run", "df", *words, code=2).err


def test_a_scheduler_has_its_own(tmp_path: Path) -> None:
    words = ("--dashboard", "8787", "--scheduler", "tcp://127.0.0.1:9", "--database", tmp_path / "f.sqlite")
    assert "dashboard of its own" in imgtools("fleet", "run", "df", *words, "--", "x.qcow2", code=2).err
