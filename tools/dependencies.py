"""The versions of Python packages: the newest that the tests have passed with, and the lowest.

`constraints.txt` holds what `make setup` installs, so that a new release of somebody else changes nothing here;
`make constraints` writes it anew. pyproject.toml says from which version on each package will do; `make lowest` runs
tests with exactly those.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
# Debian's, because it has to fit the libaugeas that is there; from PyPI it would have to be compiled.
FROM_DEBIAN = {"python-augeas"}
HEAD = """\
# What `make setup` installs of PyPI's packages: versions that the tests have passed with. `make constraints` writes it;
# run the tests, then commit it. The lowest versions that will do are in pyproject.toml, and tested by `make lowest`.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.dependencies", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "renew", help="write constraints.txt with the newest versions that pyproject.toml allows"
    )
    lowest = commands.add_parser("lowest", help="make a virtual environment with the lowest versions")
    lowest.add_argument("venv", type=Path)
    bring = commands.add_parser(
        "bundled", help="print what a package of Debian's has to bring from PyPI, one a line"
    )
    bring.add_argument("extra", nargs="?", default="", help="of this extra, such as fleet")
    asked = parser.parse_args(words)
    if asked.command == "renew":
        CONSTRAINTS.write_text(HEAD + _newest(requirements()))
    elif asked.command == "lowest":
        _make_lowest(asked.venv, requirements())
    else:
        sys.stdout.write("".join(f"{one}\n" for one in bundled(asked.extra)))
    return 0


def bundled(extra: str = "") -> list[str]:
    """What users need of PyPI, but for what Debian has in a version that will do; or what an extra of theirs needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [one for one in wanted if name_of(one) not in FROM_DEBIAN]


def requirements() -> list[str]:
    """What pyproject.toml names, for users and for the tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *extras["fleet"], *extras["dev"]]


def name_of(requirement: str) -> str:
    """The package that a requirement names, as PyPI compares names (PEP 503)."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def lower_bound(requirement: str) -> str:
    """The version after `>=`, or nothing."""
    found = re.search(r">=\s*([0-9][^,;\s]*)", requirement)
    return found[1] if found else ""


def lowest_constraints(wanted: Sequence[str]) -> str:
    """Constraints that leave no version but the lowest."""
    chosen = [one for one in wanted if name_of(one) not in FROM_DEBIAN]
    return "".join(f"{name_of(one)}=={lower_bound(one)}\n" for one in chosen)


def _newest(wanted: Sequence[str]) -> str:
    """The versions that pip takes today, of these packages and of what they need."""
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        chosen = [one for one in wanted if name_of(one) not in FROM_DEBIAN]
        _pip(venv, "install", "-q", *chosen)
        return _pip(venv, "freeze", "--exclude-editable")


def _make_lowest(venv: Path, wanted: Sequence[str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--system-site-packages", venv], check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write(lowest_constraints(wanted))
        constraints.flush()
        _pip(venv, "install", "-q", "-c", constraints.name, "-e", f"{ROOT}[dev,fleet]")


def _pip(venv: Path, *words: str) -> str:
    command = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
