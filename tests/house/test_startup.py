"""`imgtools --help` in a fresh process imports no engine, nor anything else that help does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from imgtools.cli.command.listing import command_modules
from tests.house.source import ROOT
from tests.house.test_floors import ENGINE_PREFIXES, ENGINES
from tests.support.fixtures import fixture_image

PROGRAM = """
import sys
from imgtools.cli.app import main
try:
    main({words!r})
except SystemExit as end:
    code = end.code or 0
known = sorted(sys.modules)
import json
ours = [module for name, module in sys.modules.items() if name.startswith("imgtools")]
classes = {{one for module in ours for one in vars(module).values() if isinstance(one, type)}}
ours = [one for one in classes if one.__module__.startswith("imgtools")]
records = [one.__qualname__ for one in ours if "__dataclass_fields__" in vars(one)]
print(json.dumps([code, known, sorted(records)]), file=sys.stderr)
"""
# subprocess is part of Python's own start-up paths (asyncio, platform); what we forbid is what opens images.
HEAVY = (ENGINES - {"subprocess"}) | {"yaml", "asyncio", "xml.etree.ElementTree", "sqlite3"}

# What one command's start may bring at most. No timing: a module costs a tenth of a millisecond, a dataclass three or
# four. A few above what there are; who needs more asks first whether each start has to pay for them.
MOST_MODULES, MOST_DATACLASSES = 108, 22
# What other commands need, or other images.
ELSEWHERE = frozenset(
    {
        "base64",
        "glob",
        "json",
        "pkgutil",
        "rich",
        "shlex",
        "unicodedata",
        "imgtools.cli.command.each",
        "imgtools.cli.command.several",
        "imgtools.cli.output.documents",
        "imgtools.cli.output.views",
        "imgtools.disk.headers.foreign",
        "imgtools.disk.headers.others",
        "imgtools.disk.headers.qed",
        "imgtools.disk.headers.vhd",
        "imgtools.disk.headers.vmdk",
        "imgtools.disk.new_file",
        "imgtools.disk.transaction.marker",
        "imgtools.engine.held_folder",
        "imgtools.files.patterns",
        "imgtools.filesystems.ext.xattr",
        "imgtools.filesystems.fat",
        "imgtools.filesystems.xfs",
        "imgtools.guest.find.ostree",
        "imgtools.guest.windows.registry",
        "imgtools.guest.windows.system",
        "imgtools.records.orders",
        "imgtools.records.usage",
        "imgtools.volumes.foreign_tables",
        "imgtools.volumes.fat_boot_sector",
        "imgtools.volumes.lvm",
    }
)


def _run(words: list[str]) -> tuple[str, set[str]]:
    text, imported, _ = _run_whole(words)
    return text, imported


def _run_whole(words: list[str]) -> tuple[str, set[str], list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(words=words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, imported, records = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, f"exit {code}\n{done.stdout}{done.stderr}"
    return done.stdout, set(imported), records


def _heavy(imported: set[str]) -> list[str]:
    own = ("imgtools.engine", "imgtools.image", "imgtools.guest", "imgtools.ops")
    return sorted(
        name for name in imported if name in HEAVY or name.startswith(ENGINE_PREFIXES) or name.startswith(own)
    )


def test_help_imports_no_engine() -> None:
    text, imported = _run(["--help"])
    assert "imgtools" in text
    assert not _heavy(imported), "import these inside the command's function, not at the top of a cli module"
    commands = imported & set(command_modules().values())
    assert not commands, "the list of commands is read from their sources: docs/decisions/list-of-commands.md"


@pytest.mark.parametrize("name", sorted(command_modules()))
def test_a_commands_help_imports_no_engine(name: str) -> None:
    text, imported = _run([name, "--help"])
    assert name in text
    assert not _heavy(imported), f"cli/{name}: import workflows inside the function `command`"


def test_a_command_that_runs_imports_no_validator(tmp_path: Path) -> None:
    """Each start would pay for it: docs/decisions/typer-without-pydantic.md."""
    image = tmp_path / "disk.raw"
    image.write_bytes(bytes(1 << 20))
    text, imported = _run(["info", str(image)])
    assert "raw" in text
    assert not {"pydantic", "pydantic_core"} & imported


def test_reading_a_file_imports_no_cryptography() -> None:
    """OpenSSL's library alone costs 4 ms of each start; what it is wanted for is told by the system's random bytes."""
    text, imported = _run(["cat", str(fixture_image("debian")), "/etc/hostname"])
    assert text.strip()
    assert not {"_hashlib", "hmac", "secrets", "ssl", "_ssl"} & imported


def test_reading_a_file_imports_what_it_needs() -> None:
    """The goal is 60 ms of processor time for the imports: docs/benchmarks.md."""
    text, imported, records = _run_whole(["cat", str(fixture_image("debian")), "/etc/hostname"])
    assert text.strip()
    assert sorted(ELSEWHERE & imported) == [], "import these in the function that needs them"
    ours = [name for name in imported if name.startswith("imgtools")]
    assert len(ours) <= MOST_MODULES, sorted(ours)
    assert len(records) <= MOST_DATACLASSES, records
