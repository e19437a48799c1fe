"""A trial that failed: the cure is never to ask doctor, who made it."""

from __future__ import annotations

import time

import pytest

from imgtools.engine.appliance.failure import DOCTOR, launch_failed
from imgtools.engine.appliance.trial import TOO_SLOW, failed_trial
from imgtools.errors import EngineTimeout, ImgtoolsError, ToolMissing


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (launch_failed("No space left on device\n", ""), "make room, or name another folder with TMPDIR"),
        (launch_failed("[    1.5] Kernel panic - not syncing\n", ""), ""),
        (
            EngineTimeout("it did not start within 300 s", hint=f"a damaged image can do this; {DOCTOR}"),
            TOO_SLOW,
        ),
        (
            ToolMissing("supermin is not installed", hint="apt-get install supermin"),
            "apt-get install supermin",
        ),
    ],
)
def test_the_cure_is_never_doctor_itself(error: ImgtoolsError, cure: str) -> None:
    trial = failed_trial(time.monotonic(), error)
    assert trial.error == error.message
    assert trial.hint.startswith(cure)
    assert "imgtools doctor" not in trial.hint
