"""Signals that come while a commit runs have no effect, and the next ones have theirs again."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from imgtools.disk.transaction.signals import SIGNALS, uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_until_the_commit_is_over(number: int, caplog: pytest.LogCaptureFixture) -> None:
    came: list[int] = []
    before = signal.signal(number, lambda number, frame: came.append(number))
    try:
        with uninterrupted("the edit was being committed"):
            # To this thread: of a process the kernel may give it to another one, which runs when it likes.
            signal.pthread_kill(threading.get_ident(), number)
            assert number in signal.pthread_sigmask(signal.SIG_BLOCK, ()), "programs are spared too"
        assert came == []
        assert f"{signal.Signals(number).name} came when the edit was being committed" in caplog.text
        os.kill(os.getpid(), number)
        assert came == [number]
    finally:
        signal.signal(number, before)


def test_after_an_error_all_is_as_it_was() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(ValueError), uninterrupted("x"):
        raise ValueError
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(SIGNALS)


def test_another_thread_only_spares_its_programs() -> None:
    seen: list[object] = []

    def work() -> None:
        with uninterrupted("x"):
            seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert set(SIGNALS) <= seen[0]  # type: ignore[operator]
