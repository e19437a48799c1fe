"""What the documentation promises, checked against the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from imgtools import errors
from imgtools.cli.app import command_modules
from tests.house.source import ROOT, modules, report, tracked_files

DOCS = ROOT / "docs"
SCHEMA = re.compile(r"imgtools\.[a-z0-9-]+(?:\.[a-z0-9-]+)*/\d+")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]*))?\)")
# A command line of ours in a block of code: "    $ imgtools df ..." or "    imgtools df ...".
CALL = re.compile(r"^ {4}(?:\$ )?imgtools ([a-z][a-z-]*)", re.MULTILINE)


def pages() -> list[Path]:
    """Every Markdown page that people read, relative to the checkout."""
    return [
        path for path in tracked_files() if path.suffix == ".md" and path.parts[0] in {"README.md", "docs"}
    ]


def error_classes() -> list[type[errors.ImgtoolsError]]:
    """Every error that a user can meet."""
    found = [value for _, value in inspect.getmembers(errors, inspect.isclass)]
    return [one for one in found if issubclass(one, errors.ImgtoolsError)]


def test_every_exit_code_is_documented() -> None:
    text = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    broken = [
        f"{one.__name__} has exit code {one.exit_code}: add a row `| {one.exit_code} | `{one.__name__}` | ...`"
        for one in error_classes()
        if not re.search(rf"^\| {one.exit_code} \| `{one.__name__}` \| .+ \|$", text, re.MULTILINE)
    ]
    assert not broken, report("docs/exit-codes.md lists every class of imgtools/errors.py", broken)


def test_no_exit_code_is_documented_that_is_not_there() -> None:
    text = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    named = {(int(code), name) for code, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)}
    known = {(one.exit_code, one.__name__) for one in error_classes()}
    gone = [f"{code} {name}" for code, name in sorted(named - known)]
    assert not gone, report("docs/exit-codes.md names errors that imgtools/errors.py does not have", gone)


def test_every_schema_is_documented() -> None:
    text = (DOCS / "json.md").read_text(encoding="utf-8")
    broken = [
        f"{module.path} prints {schema}"
        for module in modules()
        if module.rooms[0:1] in {("cli",), ("workflows",)}
        for schema in sorted(set(SCHEMA.findall(module.text)))
        if f"`{schema}`" not in text
    ]
    assert not broken, report("docs/json.md describes every schema", broken)


def test_no_schema_is_documented_that_is_not_there() -> None:
    used = {schema for module in modules() for schema in SCHEMA.findall(module.text)}
    text = (DOCS / "json.md").read_text(encoding="utf-8")
    gone = sorted(set(re.findall(rf"`({SCHEMA.pattern})`", text)) - used)
    assert not gone, report("docs/json.md describes schemas that no command prints", gone)


def test_every_decision_is_listed() -> None:
    folder = DOCS / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    broken = [
        page.name
        for page in sorted(folder.glob("*.md"))
        if page.name != "README.md" and f"({page.name})" not in listed
    ]
    assert not broken, report("docs/decisions/README.md links every page beside it", broken)


@pytest.mark.parametrize("page", pages(), ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    broken = []
    for target, anchor in LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        place = (ROOT / page).parent / target
        if not place.exists() or (anchor and place.suffix == ".md" and anchor not in _anchors(place)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    assert not broken, report(f"{page} has links that lead nowhere", broken)


def _anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page make, as forges spell them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=str)
def test_pages_show_commands_that_exist(page: Path) -> None:
    known = set(command_modules())
    shown = set(CALL.findall((ROOT / page).read_text(encoding="utf-8")))
    assert shown <= known, report(f"{page} shows commands that do not exist", sorted(shown - known))
