"""A process for each image: what one does to its process is told, and is nothing to the others."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from imgtools.errors import EngineFailed, EngineTimeout
from imgtools.workflows import many
from imgtools.workflows.many import ask_each

pytestmark = pytest.mark.host

LONG = 600.0  # seconds that no test waits


def place(number: int, answer: BinaryIO) -> None:
    answer.write(str(number).encode())


def answers(count: int, ask: many.Ask, **how: float) -> dict[int, tuple[bytes, type | None]]:
    """What each wrote, and the class of its failure."""
    found = {}
    for ended in ask_each(count, ask, **how):  # type: ignore[arg-type]
        with ended.answer:
            found[ended.place] = (ended.answer.read(), ended.failure and type(ended.failure))
    return found


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("parallel", [1, 3])
def test_each_answers_once(parallel: int) -> None:
    assert answers(7, place, parallel=parallel) == {one: (str(one).encode(), None) for one in range(7)}


def test_one_at_a_time_is_the_order_given() -> None:
    assert list(answers(5, place)) == [0, 1, 2, 3, 4]


def test_no_image_is_no_answer() -> None:
    assert answers(0, place) == {}


def test_as_many_at_a_time_as_allowed(tmp_path: Path) -> None:
    def count(number: int, answer: BinaryIO) -> None:
        mark = tmp_path / str(number)
        mark.touch()
        answer.write(b"%d" % len(list(tmp_path.iterdir())))
        time.sleep(0.05)
        mark.unlink()

    assert max(int(text) for text, _ in answers(6, count, parallel=2).values()) <= 2


def test_a_crash_is_that_images_failure() -> None:
    def crash(number: int, answer: BinaryIO) -> None:
        if number == 1:
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # pytest's own handler would tell of it
            os.kill(os.getpid(), signal.SIGSEGV)
        place(number, answer)

    found = answers(3, crash, parallel=2)
    assert found[1][1] is EngineFailed
    assert [found[one] for one in (0, 2)] == [(b"0", None), (b"2", None)]


def test_an_exception_stays_in_its_process() -> None:
    def fail(number: int, answer: BinaryIO) -> None:
        raise ValueError(number)

    assert answers(2, fail) == {0: (b"", EngineFailed), 1: (b"", EngineFailed)}


def test_a_limit_of_time_ends_one_and_no_other() -> None:
    def hang(number: int, answer: BinaryIO) -> None:
        if number == 0:
            time.sleep(LONG)
        place(number, answer)

    found = answers(3, hang, parallel=2, time_limit=2.0)
    assert found == {0: (b"", EngineTimeout), 1: (b"1", None), 2: (b"2", None)}


def test_what_does_not_listen_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "GRACE", 0.05)

    def deaf(number: int, answer: BinaryIO) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(LONG)

    assert answers(1, deaf, time_limit=1.0) == {0: (b"", EngineTimeout)}


def test_what_a_process_has_started_ends_with_it(tmp_path: Path) -> None:
    def leave(number: int, answer: BinaryIO) -> None:
        child = os.fork()
        if child == 0:
            time.sleep(LONG)
        answer.write(str(child).encode())

    ((text, _),) = answers(1, leave).values()
    deadline = time.monotonic() + 10
    while not gone(int(text)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone(int(text))


def test_whoever_stops_listening_ends_all(tmp_path: Path) -> None:
    def note(number: int, answer: BinaryIO) -> None:
        (tmp_path / f"{number}.part").write_text(str(os.getpid()))
        (tmp_path / f"{number}.part").rename(tmp_path / str(number))
        if number:
            time.sleep(LONG)

    listening = ask_each(3, note, parallel=3)
    with next(listening).answer:
        pass
    deadline = time.monotonic() + 10
    while len(list(tmp_path.glob("?"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    listening.close()
    assert [gone(int(one.read_text())) for one in tmp_path.glob("?")] == [True] * 3


def test_answers_of_other_images_are_not_in_reach() -> None:
    """A process has no descriptor of what another one writes."""

    def look(number: int, answer: BinaryIO) -> None:
        answer.write(b"%d" % files_without_a_name())
        answer.flush()
        time.sleep(0.1)

    before = files_without_a_name()
    assert {int(text) - before for text, _ in answers(3, look, parallel=3).values()} == {1}


def files_without_a_name() -> int:
    """How many descriptors this process has of files that have been removed."""
    places = Path("/proc/self/fd").iterdir()
    return sum("(deleted)" in str(one.readlink()) for one in places if one.is_symlink())
