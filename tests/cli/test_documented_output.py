"""The output in the README and the tutorial is what the commands print now."""

from __future__ import annotations

import difflib

from tools import transcript
from tools.transcript import ROOT


def test_pages_show_what_the_commands_print() -> None:
    for page, fresh in transcript.stale().items():
        shown = (ROOT / page).read_text(encoding="utf-8").splitlines()
        change = "\n".join(
            difflib.unified_diff(shown, fresh.splitlines(), "shown", "printed now", lineterm="")
        )
        raise AssertionError(f"{page} is stale; run `make docs` and look at what changed\n{change}")
