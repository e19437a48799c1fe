"""The list of decisions, made from the pages beside it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("docs/decisions")
MARK = "<!-- Below this line: made by `make docs` from the pages beside this one. -->\n"


def pages() -> dict[Path, str]:
    """docs/decisions/README.md, the part above the mark as it is."""
    page = FOLDER / "README.md"
    head = (ROOT / page).read_text(encoding="utf-8").partition(MARK)[0]
    others = sorted(one for one in (ROOT / FOLDER).glob("*.md") if one.name != page.name)
    return {page: head + MARK + "\n" + "".join(f"- [{_title(one)}]({one.name})\n" for one in others)}


def _title(page: Path) -> str:
    first = page.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ").strip()
