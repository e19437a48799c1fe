"""Work whose end nobody knows: it is shown that it goes on, and what is printed is not drawn over."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import time
from collections.abc import Iterator
from types import ModuleType

import pytest

from imgtools.cli.command.listing import command_modules
from imgtools.cli.output import progress
from imgtools.cli.output.output import Output
from imgtools.cli.output.progress import open_waiting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setattr(progress, "SECOND", 0.05)


def until(stream: io.StringIO, words: str) -> bool:
    deadline = time.monotonic() + 10
    while words not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    return words in stream.getvalue()


def test_long_work_is_shown_on_a_terminal() -> None:
    stream = Terminal()
    with open_waiting("inspect", mode="auto", quiet=False, stream=stream):
        assert until(stream, "inspect")


def test_short_work_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 60)
    stream = Terminal()
    with open_waiting("inspect", mode="auto", quiet=False, stream=stream):
        pass
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("mode", "quiet"), [("none", False), ("auto", True)])
def test_nor_where_nobody_wants_it(mode: str, quiet: bool) -> None:
    stream = Terminal()
    with open_waiting("inspect", mode=mode, quiet=quiet, stream=stream):
        time.sleep(0.15)
    assert stream.getvalue() == ""


def test_nothing_in_a_pipe() -> None:
    stream = io.StringIO()
    with open_waiting("inspect", mode="auto", quiet=False, stream=stream):
        time.sleep(0.15)
    assert stream.getvalue() == ""


def test_programs_get_lines() -> None:
    stream = io.StringIO()
    with open_waiting("inspect", mode="json", quiet=False, stream=stream):
        assert until(stream, "\n")
    told = json.loads(stream.getvalue().splitlines()[0])["progress"]
    assert (told["stage"], told["total"]) == ("inspect", 0)
    assert 0 <= told["done"] < 60  # seconds


@pytest.mark.parametrize("say", ["line", "warn", "note", "text"])
def test_it_ends_before_anything_is_printed(say: str) -> None:
    both = Terminal()
    out = Output(stdout=both, stderr=both)
    with out.waiting("inspect"):
        assert until(both, "inspect")
        getattr(out, say)("the answer")
        length = len(both.getvalue())
        time.sleep(0.25)
        assert len(both.getvalue()) == length, "it drew on after the answer"
    assert both.getvalue().rstrip().endswith("the answer")


def test_own_progress_takes_its_place() -> None:
    both = Terminal()
    out = Output(stdout=both, stderr=both)
    with out.waiting("ls"):
        assert until(both, "ls")
        with out.progress("reading"):
            length = len(both.getvalue())
            time.sleep(0.2)
            assert len(both.getvalue()) == length


def test_an_error_ends_it() -> None:
    stream = Terminal()
    out = Output(stdout=stream, stderr=stream)
    with pytest.raises(ValueError, match="mine"), out.waiting("cat"):
        raise ValueError("mine")


def modules(package: str = "imgtools.cli") -> Iterator[ModuleType]:
    for name in command_modules(package).values():
        module = importlib.import_module(name)
        if hasattr(module, "__path__"):
            yield from modules(name)
        else:
            yield module


# They say what they find, or do, as they go; shell, virt and with run what has the terminal to itself.
TALKERS = {"apply", "map", "mount", "run", "shell", "tail", "unmount", "virt", "with"}


def test_a_command_shows_one_or_the_other() -> None:
    """One that has its own progress needs no other; one that has none says at least that it works."""
    silent = [
        module.__name__
        for module in modules()
        if not getattr(module, "WAITS", False) and "progress(" not in inspect.getsource(module)
    ]
    assert {name.rpartition(".")[2] for name in silent} == TALKERS
