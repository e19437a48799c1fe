"""Imports go down the stairs: cli, compat, door, reports, workflows, ops, the domain, floor 0, the ground."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from tests.house.source import PACKAGE, ROOT, Module, modules, report

# Each room, and which other rooms it may import. The ground (errors, records, units) is everybody's. The command line
# reaches past workflows/ for what people type (a --key, a list of operations), never to open an image. The door for
# programs does so for what it offers of the domain itself: images, guests, changes.
DOMAIN = {"guest", "image", "change", "files", "disk", "resize", "libvirt", "newdisk"}
FLOOR_0 = {"engine", "filesystems", "volumes"}
MAY_IMPORT = {
    "cli": {"compat", "fleet", "workflows", "ops", "reports"} | DOMAIN,
    "compat": {"door", "workflows", "ops", "reports"} | DOMAIN,
    "door": {"fleet", "workflows", "ops", "reports"} | DOMAIN,
    "fleet": {"reports", "workflows"} | DOMAIN,
    "reports": {"workflows", "ops"} | DOMAIN,
    "workflows": {"ops"} | DOMAIN,
    "ops": {"guest", "change", "files", "disk"},
    "guest": {"image", "change", "files"} | FLOOR_0,
    "image": {"change", "files", "disk"} | FLOOR_0,
    "change": {"files"} | FLOOR_0,
    "files": FLOOR_0,
    "resize": {"disk"} | FLOOR_0,
    "libvirt": {"disk"} | FLOOR_0,
    "newdisk": {"change", "files", "disk"} | FLOOR_0,
    "disk": FLOOR_0,
    "engine": {"filesystems", "volumes"},
    "filesystems": {"volumes"},
    "volumes": set(),
}
GROUND = {"errors", "records", "units", "yaml_nodes"}

ADVICE = {
    "engine": "give a room of the domain a function that does it, and call that",
    "filesystems": "give a room of the domain a function that does it, and call that",
    "volumes": "give a room of the domain a function that does it, and call that",
    "image": "a workflow opens the image; take what you need as an argument, or move the line to workflows/",
    "change": "what shall be different is said above; take what you need as an argument",
    "files": "the tree of files is at the bottom of the domain; take what you need as an argument",
    "disk": "a workflow opens the image file; take what you need as an argument, or move the line to workflows/",
    "resize": "sizes are decided in resize/, and asked for by a workflow",
    "newdisk": "what a new disk holds is decided in newdisk/, and asked for by a workflow",
    "libvirt": "domains are asked for by a workflow",
    "guest": "what an operating system is like is decided in guest/; lower rooms get it as an argument",
    "ops": "an operation is found and run by a workflow; move the line to workflows/",
    "workflows": "a verb's story is told once, in workflows/; move the shared part down to the room that knows it",
    "cli": "only cli/ talks to people; return a record and let cli/ show it",
    "compat": "the names of other programs are for `imgtools virt` alone; take it from the room that it is in",
    "door": "what programs import is for programs; take it from the room that it is in",
    "fleet": "a fleet asks what single commands ask; what one image is asked belongs in workflows/",
    "reports": "a report becomes a document for other programs there; what it says is found out in workflows/",
}

# Programs and libraries that open images: the engines of the house. (Their names as one imports them.)
ENGINES = {"guestfs", "nbd", "hivex", "augeas", "pytsk3", "Evtx", "subprocess", "libvirt"}
ENGINE_PREFIXES = ("pyfs", "pyvs", "pyevtx", "pybde", "pyluksde", "dfvfs", "dissect")
TALKERS = {"typer", "rich", "click"}
# The ground and the domain stay on the standard library, on what reads a guest's own formats, and on what knows the
# rules by which its packages are named and numbered.
DOMAIN_LIBRARIES = {"packageurl", "packaging", "yaml"}
# What writes documents in the formats of others.
REPORT_LIBRARIES = {"jinja2", "junitparser", "markupsafe"}
# What spreads questions over hosts, and keeps the answers: docs/decisions/fleet.md.
FLEET_LIBRARIES = {"alembic", "dask", "distributed", "prometheus_client", "pyarrow", "sqlalchemy"}


def _imported(module: Module) -> Iterator[tuple[ast.stmt, str]]:
    """Every module that this one imports, anywhere in it; `from imgtools.x import y` counts as imgtools.x.y."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.name.split(".")[: len(module.name.split(".")) - node.level + 1]
            start = ".".join(package) + "." if node.level else ""
            yield from ((node, f"{start}{node.module or ''}.{alias.name}") for alias in node.names)


def _ours(module: Module) -> Iterator[tuple[ast.stmt, tuple[str, ...]]]:
    for node, name in _imported(module):
        if name.split(".")[0] == "imgtools":
            yield node, tuple(name.split(".")[1:])


def _theirs(module: Module) -> Iterator[tuple[ast.stmt, str]]:
    for node, name in _imported(module):
        if (top := name.split(".")[0]) not in sys.stdlib_module_names | {"imgtools"} or top == "subprocess":
            yield node, top


def _room(rooms: tuple[str, ...]) -> str:
    """The room of a module; `python -m imgtools` is a door of the command line, `import imgtools` that of programs."""
    return "cli" if rooms == ("__main__",) else rooms[0] if rooms else "door"


def _room_of_import(rooms: tuple[str, ...]) -> str:
    """The room that an import leads to: a name that `imgtools` itself has is the door's, but for its version."""
    there = _room(rooms)
    return there if there in {*MAY_IMPORT, *GROUND, "__version__"} else "door"


def test_every_module_stands_in_a_room() -> None:
    known = set(MAY_IMPORT) | GROUND
    broken = [str(module.path) for module in modules() if _room(module.rooms) not in known]
    assert not broken, report(f"a module stands in one of the rooms {sorted(MAY_IMPORT)}", broken)


def test_imports_go_down_only() -> None:
    broken = []
    for module in modules():
        here = _room(module.rooms)
        for node, rooms in _ours(module):
            there = _room_of_import(rooms)
            if there in MAY_IMPORT and there != here and there not in MAY_IMPORT.get(here, set()):
                broken.append(f"{module.where(node)} {here} imports {there}: {ADVICE[there]}")
    assert not broken, report("imports go down the stairs, never up", broken)


def test_shelves_do_not_import_each_other() -> None:
    """ops/sysprep/a.py imports neither ops/sysprep/b.py nor ops/customize/c.py: what both need is no operation."""
    broken = []
    for module in modules():
        if _room(module.rooms) != "ops" or len(module.rooms) < 3:
            continue
        for node, rooms in _ours(module):
            if len(rooms) > 3 and rooms[0] == "ops" and rooms[:3] != module.rooms[:3]:
                broken.append(
                    f"{module.where(node)} imports {'.'.join(rooms)}: move what both need to guest/"
                )
    assert not broken, report("an operation is one file and knows no other operation", broken)


def test_engines_are_imported_in_engine_only() -> None:
    broken = [
        f"{module.where(node)} imports {name}: move the line to engine/, and let image/ or guest/ call it"
        for module in modules()
        for node, name in _theirs(module)
        if (name in ENGINES and _room(module.rooms) != "engine")
        or (name.startswith(ENGINE_PREFIXES) and _room(module.rooms) not in FLOOR_0)
    ]
    assert not broken, report("programs and libraries that open images belong in engine/", broken)


def test_typer_and_rich_are_imported_in_cli_only() -> None:
    broken = [
        f"{module.where(node)} imports {name}: return a record and let cli/ show it"
        for module in modules()
        for node, name in _theirs(module)
        if name in TALKERS and _room(module.rooms) != "cli"
    ]
    assert not broken, report("only cli/ talks to people", broken)


def test_the_domain_stays_on_the_standard_library() -> None:
    broken = [
        f"{module.where(node)} imports {name}: what it does belongs in engine/"
        for module in modules()
        for node, name in _theirs(module)
        if _room(module.rooms) not in FLOOR_0 | {"cli"}
        and not (_room(module.rooms) == "reports" and name.split(".")[0] in REPORT_LIBRARIES)
        and not (_room(module.rooms) == "fleet" and name in FLEET_LIBRARIES)
        and name not in ENGINES | TALKERS | DOMAIN_LIBRARIES
        and not name.startswith(ENGINE_PREFIXES)
    ]
    assert not broken, report("workflows, ops, the domain and the ground are plain Python", broken)


def test_the_unit_tests_mirror_the_rooms() -> None:
    """A folder of tests/unit is a folder of imgtools; what tests something else stands with it."""
    elsewhere = {"fixtures", "tools"}
    folders = {path.parent for path in (ROOT / "tests" / "unit").rglob("test_*.py")}
    places = [folder.relative_to(ROOT / "tests" / "unit") for folder in folders]
    broken = [
        f"tests/unit/{place}"
        for place in sorted(places)
        if not (PACKAGE / place).is_dir() and place.parts[0] not in elsewhere
    ]
    assert not broken, report("tests/unit has the folders of imgtools", broken)
