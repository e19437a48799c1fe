"""A process for each image: what one does to its process is told, and is nothing to the others."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from imgtools.errors import EngineFailed, EngineTimeout
from imgtools.image.sharing import booting
from imgtools.workflows import many
from imgtools.workflows.many import ask_each

pytestmark = pytest.mark.host

LONG = 600.0  # seconds that no test waits


def place(number: int, answer: BinaryIO) -> int:
    answer.write(str(number).encode())
    return 0


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
    def count(number: int, answer: BinaryIO) -> int:
        mark = tmp_path / str(number)
        mark.touch()
        answer.write(b"%d" % len(list(tmp_path.iterdir())))
        time.sleep(0.05)
        mark.unlink()
        return 0

    assert max(int(text) for text, _ in answers(6, count, parallel=2).values()) <= 2


def test_a_crash_is_that_images_failure() -> None:
    def crash(number: int, answer: BinaryIO) -> int:
        if number == 1:
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # pytest's own handler would tell of it
            os.kill(os.getpid(), signal.SIGSEGV)
        return place(number, answer)

    found = answers(3, crash, parallel=2)
    assert found[1][1] is EngineFailed
    assert [found[one] for one in (0, 2)] == [(b"0", None), (b"2", None)]


def test_an_exception_stays_in_its_process() -> None:
    def fail(number: int, answer: BinaryIO) -> int:
        raise ValueError(number)

    assert answers(2, fail) == {0: (b"", EngineFailed), 1: (b"", EngineFailed)}


def test_a_limit_of_time_ends_one_and_no_other() -> None:
    def hang(number: int, answer: BinaryIO) -> int:
        if number == 0:
            time.sleep(LONG)
        return place(number, answer)

    found = answers(3, hang, parallel=2, time_limit=2.0)
    assert found == {0: (b"", EngineTimeout), 1: (b"1", None), 2: (b"2", None)}


def test_what_does_not_listen_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "GRACE", 0.05)

    def deaf(number: int, answer: BinaryIO) -> int:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(LONG)
        return 0

    assert answers(1, deaf, time_limit=1.0) == {0: (b"", EngineTimeout)}


def test_what_a_process_has_started_ends_with_it(tmp_path: Path) -> None:
    def leave(number: int, answer: BinaryIO) -> int:
        child = os.fork()
        if child == 0:
            time.sleep(LONG)
        answer.write(str(child).encode())
        return 0

    ((text, _),) = answers(1, leave).values()
    deadline = time.monotonic() + 10
    while not gone(int(text)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone(int(text))


def test_whoever_stops_listening_ends_all(tmp_path: Path) -> None:
    def note(number: int, answer: BinaryIO) -> int:
        (tmp_path / f"{number}.part").write_text(str(os.getpid()))
        (tmp_path / f"{number}.part").rename(tmp_path / str(number))
        if number:
            time.sleep(LONG)
        return 0

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

    def look(number: int, answer: BinaryIO) -> int:
        answer.write(b"%d" % files_without_a_name())
        answer.flush()
        time.sleep(0.1)
        return 0

    before = files_without_a_name()
    assert {int(text) - before for text, _ in answers(3, look, parallel=3).values()} == {1}


def files_without_a_name() -> int:
    """How many descriptors this process has of files that have been removed."""
    places = Path("/proc/self/fd").iterdir()
    return sum("(deleted)" in str(one.readlink()) for one in places if one.is_symlink())


# -- images that share an appliance -------------------------------------------------------------------------


class Appliances:
    """What becomes of the appliances of a run: a note for each, in the order in which they were asked for."""

    def __init__(self, folder: Path) -> None:
        self._notes = folder / "notes"
        self._notes.touch()

    def note(self, text: str) -> None:
        with self._notes.open("a") as file:  # O_APPEND: lines of several processes do not mix
            file.write(f"{text}\n")

    def notes(self) -> list[str]:
        return self._notes.read_text().splitlines()


@pytest.fixture
def appliances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Appliances:
    """One that is shared notes its start and its end; an image that boots alone notes it itself."""
    found = Appliances(tmp_path)

    class Shared:
        def __init__(self) -> None:
            found.note("start")

        def boot(self, servers: object, drives: object, memory: int) -> None:
            found.note("shared")

        def close(self) -> None:
            found.note("end")

    monkeypatch.setattr("imgtools.engine.appliance.shared.SharedAppliance", Shared)
    return found


def boot(found: Appliances) -> str:
    """Do what an image does that needs an appliance; returns whose it has got."""
    shared = booting()
    if shared is None:
        found.note("alone")
        return "alone"
    # As the command line has it: who is told to end unwinds what it holds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    shared((), (), 0)
    return "shared"


def test_images_that_need_an_appliance_share_one(appliances: Appliances) -> None:
    def ask(number: int, answer: BinaryIO) -> int:
        answer.write(b"before ")
        answer.write(boot(appliances).encode() if number % 2 else b"none")
        return 0

    found = answers(8, ask, share_appliance=True)
    assert found == {one: (b"before shared" if one % 2 else b"before none", None) for one in range(8)}
    assert list(found) == [0, 2, 4, 6, 1, 3, 5, 7]
    assert appliances.notes() == ["start", *["shared"] * 4, "end"]


def test_without_the_word_each_has_its_own(appliances: Appliances) -> None:
    def ask(number: int, answer: BinaryIO) -> int:
        answer.write(boot(appliances).encode())
        return 0

    assert answers(3, ask) == dict.fromkeys(range(3), (b"alone", None))
    assert appliances.notes() == ["alone"] * 3


@pytest.mark.parametrize(
    ("count", "parallel", "boots"), [(1, 1, ["alone"]), (5, 2, ["start"] * 2), (2, 2, ["alone"] * 2)]
)
def test_as_many_appliances_as_images_at_a_time(
    count: int, parallel: int, boots: list[str], appliances: Appliances
) -> None:
    def ask(number: int, answer: BinaryIO) -> int:
        boot(appliances)
        return place(number, answer)

    found = answers(count, ask, parallel=parallel, share_appliance=True)
    assert found == {one: (str(one).encode(), None) for one in range(count)}
    assert [note for note in appliances.notes() if note in ("start", "alone")] == boots


def test_no_group_is_larger_than_what_may_be_lost(
    appliances: Appliances, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "MOST_TOGETHER", 3)

    def ask(number: int, answer: BinaryIO) -> int:
        boot(appliances)
        return place(number, answer)

    assert list(answers(7, ask, share_appliance=True)) == [*range(6), 6]
    assert appliances.notes() == [*["start", *["shared"] * 3, "end"] * 2, "start", "shared", "end"]


def test_what_a_crash_takes_along_is_asked_again_alone(appliances: Appliances) -> None:
    def ask(number: int, answer: BinaryIO) -> int:
        whose = boot(appliances)
        if number == 1:
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGSEGV)
        answer.write(whose.encode())
        return 0

    found = answers(4, ask, share_appliance=True)
    assert found == {
        0: (b"shared", None),
        1: (b"", EngineFailed),
        2: (b"alone", None),
        3: (b"alone", None),
    }


def test_a_failure_that_another_image_may_be_to_blame_for_is_not_believed(appliances: Appliances) -> None:
    def ask(number: int, answer: BinaryIO) -> int:
        whose = boot(appliances)
        answer.write(whose.encode())
        return (32 if whose == "shared" else 0) if number == 1 else 10

    found = answers(3, ask, share_appliance=True)
    assert found == {0: (b"shared", None), 2: (b"shared", None), 1: (b"alone", None)}


def test_the_limit_of_time_is_for_each_of_those_that_share(appliances: Appliances) -> None:
    def ask(number: int, answer: BinaryIO) -> int:
        whose = boot(appliances)
        time.sleep(LONG if number == 3 else 2.5)
        answer.write(whose.encode())
        return 0

    found = answers(5, ask, share_appliance=True, time_limit=6.0)  # less than three take
    assert found == {
        **dict.fromkeys(range(3), (b"shared", None)),
        3: (b"", EngineTimeout),
        4: (b"alone", None),
    }
    assert appliances.notes()[4:6] == ["shared", "end"]  # it was told to end, and ended its appliance


def test_an_answer_of_several_comes_when_it_is_there(appliances: Appliances) -> None:
    def ask(number: int, answer: BinaryIO) -> int:
        boot(appliances)
        if number:
            time.sleep(LONG)
        return place(number, answer)

    listening = ask_each(2, ask, share_appliance=True)
    first = next(listening)
    with first.answer:
        assert (first.place, first.answer.read()) == (0, b"0")
    listening.close()
    assert (appliances.notes()[0], appliances.notes()[-1]) == ("start", "end")
