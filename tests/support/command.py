"""Run the command line inside the test, as a user would: words in, exit code and both outputs back."""

from __future__ import annotations

import contextlib
import io
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgtools.cli.app import main


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # Any: JSON
        """The one document on standard output."""
        return json.loads(self.out)

    @property
    def data(self) -> Any:  # Any: JSON
        """The data of a successful document."""
        document = self.json
        assert document["ok"], document
        return document["data"]


def imgtools(*words: str | Path, code: int | None = 0) -> Ran:
    """Run ``imgtools WORDS`` and expect an exit code (None: any)."""
    out, err = io.StringIO(), io.StringIO()
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    ended = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            ended = end.code if isinstance(end.code, int) else 1
    for number, handler in signals.items():
        signal.signal(number, handler)
    ran = Ran(ended, out.getvalue(), err.getvalue())
    assert "Traceback" not in ran.err and ran.code != 70, ran.err
    if code is not None:
        assert ran.code == code, f"exit code {ran.code}\n{ran.out}\n{ran.err}"
    return ran
