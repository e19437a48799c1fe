"""The output in the README and the tutorial, and the README's picture, are what the commands print now."""

from __future__ import annotations

import difflib

from tools import picture, transcript
from tools.transcript import ROOT


def test_pages_show_what_the_commands_print() -> None:
    for page, fresh in transcript.stale().items():
        shown = (ROOT / page).read_text(encoding="utf-8").splitlines()
        change = "\n".join(
            difflib.unified_diff(shown, fresh.splitlines(), "shown", "printed now", lineterm="")
        )
        raise AssertionError(f"{page} is stale; run `make docs` and look at what changed\n{change}")


def test_picture_shows_what_the_commands_print() -> None:
    for path, fresh in picture.pictures().items():
        assert (ROOT / path).read_text(encoding="utf-8") == fresh, f"{path} is stale; run `make docs`"
