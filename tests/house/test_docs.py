"""What the documentation promises, checked against the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from imgtools.cli.command.listing import command_modules
from imgtools.guest.guest import Guest
from imgtools.records.disks import Holder, Volume
from imgtools.records.system import OsInfo, OsType
from tests.house.source import ROOT, modules, report, tracked_files
from tests.support.memory import memory_files
from tools.exit_codes import RANGES, error_classes
from tools.schemas import reports

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


def test_every_exit_code_is_documented() -> None:
    text = (DOCS / "exit-codes.md").read_text(encoding="utf-8")
    broken = [
        f"{one.__name__} has exit code {one.exit_code}: add a row `| {one.exit_code} | `{one.__name__}` | ...`"
        for one in error_classes()
        if not re.search(rf"^\| {one.exit_code} \| `{one.__name__}` \| .+ \|$", text, re.MULTILINE)
    ]
    assert not broken, report("docs/exit-codes.md lists every class of imgtools/errors.py", broken)


def test_exit_codes_keep_their_ranges() -> None:
    """0, 1, 70 and 128+n are not for named errors; every class is in a range that the page promises."""
    promised = [code for codes, _ in RANGES for code in codes]
    broken = [
        f"{one.__name__} has {one.exit_code}" for one in error_classes() if one.exit_code not in promised
    ]
    assert not broken, report("exit codes stay in the ranges of docs/exit-codes.md", broken)


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


def test_every_schema_has_its_record() -> None:
    broken = [schema for schema, (record, _) in reports().items() if record is None]
    assert not broken, report("tools/schemas.py ELSEWHERE: say which record these show", broken)


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


def test_the_example_operation_works() -> None:
    """The file that docs/adding-an-operation.md shows is an operation, and plans what the text says."""
    text = (DOCS / "adding-an-operation.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(blocks[0], "adding-an-operation.md", "exec"), found)
    root = Volume("/dev/sda1", Holder.PARTITION, 1 << 20)
    files = memory_files({"/etc/frobnicator/agent.key": "secret", "/etc/frobnicator/agent.conf": "mine"})
    guest = Guest(root, OsInfo(OsType.LINUX), (), files)
    plan = list(found["OPERATION"].plan(guest, found["OPERATION"].params()))
    assert [change.path for change in plan] == ["/etc/frobnicator/agent.key"]


def test_the_tests_that_safety_names_exist() -> None:
    """A promise on docs/safety.md points to what shows it; a renamed test must not leave it empty."""
    text = (DOCS / "safety.md").read_text(encoding="utf-8")
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    gone = [name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in written]
    gone += [name for name in re.findall(r"`(tests/[\w/.]+)`", text) if not (ROOT / name).is_file()]
    assert not gone, report("docs/safety.md names tests that do not exist", gone)
