"""imgtools fleet run --dashboard: Dask shows what goes on, on the loopback unless another host is said."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fleet import Fleet, until
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


def test_without_it_nobody_listens_for_a_browser(fleet: Fleet) -> None:
    (fleet.folder / "many" / "gate").touch()
    ran = fleet.run("run", "trial", "--json", "--parallel", "1", "--", "many")
    assert ran.data["dashboard"] == "" and not re.search("dashboard", ran.err)


@pytest.mark.parametrize("word", ["status", "127.0.0.1:", "127.0.0.1:70000", ":-1"])
def test_an_address_that_is_none(tmp_path: Path, word: str) -> None:
    words = ("--dashboard", word, "--database", tmp_path / "f.sqlite", "--", "x.qcow2")
    assert "is no address of a dashboard" in imgtools("fleet", "run", "df", *words, code=2).err


def test_a_scheduler_has_its_own(tmp_path: Path) -> None:
    words = ("--dashboard", "8787", "--scheduler", "tcp://127.0.0.1:9", "--database", tmp_path / "f.sqlite")
    assert "dashboard of its own" in imgtools("fleet", "run", "df", *words, "--", "x.qcow2", code=2).err
