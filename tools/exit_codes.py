"""The second half of docs/exit-codes.md: every error with its code, made from imgtools/errors.py."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from imgtools import errors

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("docs/exit-codes.md")
MARK = "<!-- Below this line: made by `make docs` from imgtools/errors.py. -->\n"
# The ranges that the page promises, and what each is called.
RANGES = (
    (range(2, 10), "Usage, and other named errors"),
    (range(10, 20), "The image"),
    (range(20, 30), "The guest"),
    (range(30, 40), "An engine"),
    (range(40, 50), "An edit, and a new disk"),
    (range(50, 60), "A fleet"),
)


def error_classes() -> list[type[errors.ImgtoolsError]]:
    """Every error that a user can meet, by code, then as they stand in the file."""
    found = [
        one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.ImgtoolsError)
    ]
    return sorted(found, key=lambda one: one.exit_code)


def pages() -> dict[Path, str]:
    """docs/exit-codes.md, the part above the mark as it is."""
    head = (ROOT / PAGE).read_text(encoding="utf-8").partition(MARK)[0]
    return {PAGE: head + MARK + "".join(_sections())}


def _sections() -> Iterator[str]:
    for codes, title in RANGES:
        mine = [one for one in error_classes() if one.exit_code in codes]
        rows = [f"| {one.exit_code} | `{one.__name__}` | {_about(one)} |" for one in mine]
        yield "\n".join([f"\n## {title}\n", "| Code | Class | Meaning |", "|---|---|---|", *rows]) + "\n"


def _about(error: type[errors.ImgtoolsError]) -> str:
    text = (inspect.getdoc(error) or "").partition("\n\n")[0].replace("\n", " ")
    return text.replace("``", "`").replace("|", "\\|")
