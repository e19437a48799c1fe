"""What a callback raises is kept: it is raised when C has come back."""

from __future__ import annotations

import ctypes

import pytest

from imgtools.filesystems.ext.callbacks import Raised, guarded

COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


@pytest.mark.parametrize("error", [ValueError("odd"), KeyboardInterrupt()])
def test_what_is_raised_is_kept_and_nothing_is_printed(
    error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    """qsort(3) calls back, and goes on with the answer."""

    def compare(*_pair: object) -> int:
        raise error

    failed = Raised()
    numbers = (ctypes.c_int * 2)(2, 1)
    ctypes.CDLL(None).qsort(numbers, 2, ctypes.sizeof(ctypes.c_int), COMPARE(guarded(compare, -1, failed)))
    assert failed == [error]
    assert list(numbers) == [2, 1]
    assert capfd.readouterr() == ("", "")


def test_an_answer_is_handed_on() -> None:
    failed = Raised()
    assert guarded(lambda left, right: left - right, 0, failed)(5, 3) == 2
    assert not failed
