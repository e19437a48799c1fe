"""What has to be installed: Debian's packages and PyPI's, each known to be needed, and in versions known to do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from imgtools.engine.host import BINDINGS
from imgtools.engine.process import PACKAGE_OF, require
from imgtools.workflows.host_needs import MODULES
from tests.house.source import ROOT, modules, report
from tools.dependencies import (
    CONSTRAINTS,
    FROM_DEBIAN,
    lower_bound,
    lowest_constraints,
    name_of,
    requirements,
)

# Of packages that are on every Debian (Essential: yes, and mount, which they depend on).
EVERYWHERE = {"sh", "cp", "umount"}
# Used where it is installed, and where the kernel has nothing better.
WELCOME = {"bwrap"}
ON_EVERY_DEBIAN = {"util-linux"}
# Calls whose first argument is a program, or a command that begins with one.
STARTING = {"run", "_run", "work", "require", "which", "open_stream", "limited"}
# Their lists of words are for the appliance, which has programs of its own.
IN_APPLIANCE = {"crypt.py", "grow.py", "session.py", "rescue.py"}


def packages(name: str) -> dict[str, str]:
    """The packages of a list, each with what it is for."""
    lines = (ROOT / name).read_text().splitlines()
    split = (line.partition("#") for line in lines if line and not line.startswith("#"))
    return {package.strip(): what.strip() for package, _, what in split}


@pytest.mark.parametrize("name", ["packages.apt", "packages-dev.apt"])
def test_packages_are_one_name_a_line(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    broken = [line for line in lines if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+\??( +# \S.*)?", line)]
    assert not broken, report(f"{name} holds names of Debian packages, one a line", broken)
    assert len(lines) == len(packages(name)), f"{name} names a package twice"


def test_every_package_that_a_user_needs_says_what_for() -> None:
    broken = [name for name, what in packages("packages.apt").items() if not what]
    assert not broken, report("packages.apt says what each package is for", broken)


def test_no_package_is_in_both_lists() -> None:
    both = packages("packages.apt").keys() & packages("packages-dev.apt").keys()
    assert not both, f"in packages.apt already: {sorted(both)}"


# -- programs ---------------------------------------------------------------------------------------------


def _first_word(node: ast.expr) -> str:
    """The text that an expression begins with, if it is written there."""
    if isinstance(node, ast.List | ast.Tuple) and node.elts:
        return _first_word(node.elts[0])
    if isinstance(node, ast.BinOp):
        return _first_word(node.left)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _words_of(node: ast.AST, *, in_engine: bool) -> str:
    """The first word of a command, if a node is one: what a starting call is given, or a list with an option in it.

    Elsewhere than in the engine, such a list may be words for anybody.
    """
    if isinstance(node, ast.Call) and node.args:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return _first_word(node.args[0]) if called in STARTING else ""
    if in_engine and isinstance(node, ast.List):
        return _first_word(node) if any(_first_word(one).startswith("-") for one in node.elts[1:]) else ""
    if in_engine and isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "argv":
        return _first_word(node.value)
    return ""


def _named_programs() -> dict[str, str]:
    """The programs that imgtools names in commands of the host, and where."""
    found = {}
    for module in modules():
        in_engine = module.rooms[0:1] == ("engine",)
        if module.rooms[:2] == ("engine", "appliance") and module.path.name in IN_APPLIANCE:
            continue
        for node in ast.walk(module.tree):
            word = _words_of(node, in_engine=in_engine)
            if re.fullmatch(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*", word):
                found[word] = module.where(node)
    return found


def test_programs_that_imgtools_starts_have_a_package() -> None:
    """Whoever starts another program names its package in engine/process.py, and doctor what it is for."""
    broken = [
        f"{where} {word}"
        for word, where in _named_programs().items()
        if word not in PACKAGE_OF.keys() | EVERYWHERE | WELCOME
    ]
    assert not broken, report("PACKAGE_OF (engine/process.py) knows every program that is started", broken)


def test_no_package_is_asked_for_without_need() -> None:
    never = PACKAGE_OF.keys() - _named_programs().keys()
    assert not never, f"imgtools starts none of these: {sorted(never)}"


def test_programs_come_from_packages_that_users_are_told_to_install() -> None:
    named = {package for words in PACKAGE_OF.values() for package in words.split()}
    missing = named - packages("packages.apt").keys() - ON_EVERY_DEBIAN
    assert not missing, f"not in packages.apt: {sorted(missing)}"


@pytest.mark.parametrize("program", sorted(PACKAGE_OF))
def test_debian_agrees_which_package_brings_a_program(program: str) -> None:
    """Asked on the Debian that runs the tests: each release has its own answer."""
    found = subprocess.run(
        ["dpkg-query", "-S", f"*bin/{program}"], capture_output=True, text=True, check=True
    )
    owners = {line.partition(":")[0] for line in found.stdout.splitlines() if line.endswith(f"/{program}")}
    assert owners & set(PACKAGE_OF[program].split()), f"{require(program)} is of {owners}"


def test_bindings_come_from_packages_that_users_are_told_to_install() -> None:
    ours = {name_of(one) for one in requirements()}
    wanted = {MODULES[name].package for name in BINDINGS if MODULES[name].package} - {"python3-yaml"}
    assert "pyyaml" in ours, "python3-yaml stands for it in the words of doctor"
    assert wanted <= packages("packages.apt").keys()


# -- Python packages ---------------------------------------------------------------------------------------


def test_every_requirement_has_a_lowest_version() -> None:
    broken = [one for one in requirements() if not lower_bound(one)]
    assert not broken, report(
        "pyproject.toml: >= the lowest version that `make lowest` was green with", broken
    )
    assert lowest_constraints(["Typer>=0.26.0,<0.29", "python-augeas>=0.5.0"]) == "typer==0.26.0\n"


def test_every_requirement_is_constrained() -> None:
    """A package without a line in constraints.txt is installed in whichever version is the newest on that day."""
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    versions = dict(line.split("==") for line in lines)
    constrained = {name_of(name) for name in versions}
    missing = {name_of(one) for one in requirements()} - constrained - FROM_DEBIAN
    assert not missing, f"make constraints: {sorted(missing)} not in constraints.txt"


# What Debian's packages bring to its own Python; there is no distribution of that name on PyPI, or another program.
DEBIANS = {"augeas", "guestfs", "hivex", "libvirt", "nbd"}
# Only `make fuzz` and `make mutants` install them (docs/testing.md).
OF_TARGETS = {"atheris", "mutmut"}
# Of the type checker alone.
OF_TYPES = {"_typeshed"}
# Of the standard library from Python 3.14 on.
OF_LATER = {"compression"}


def _imported(tree: ast.AST) -> set[str]:
    """The top names of the modules that a source imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_every_module_that_is_imported_is_asked_for() -> None:
    """A package that some other one happens to bring is missing on the next machine."""
    asked = {name_of(one) for one in requirements()} | OF_TARGETS
    own = {path.name.removesuffix(".py") for path in ROOT.iterdir()} | {"tests"}
    brings = packages_distributions()
    files = [
        path for room in ("imgtools", "fixtures", "tools", "tests") for path in (ROOT / room).rglob("*.py")
    ]
    strays = {}
    for path in files:
        for name in (
            _imported(ast.parse(path.read_text()))
            - own
            - sys.stdlib_module_names
            - DEBIANS
            - OF_TARGETS
            - OF_TYPES
            - OF_LATER
        ):
            if not {name_of(one) for one in brings.get(name, ())} & asked:
                strays[name] = str(path.relative_to(ROOT))
    assert not strays, f"pyproject.toml does not ask for {strays}"


def test_the_demo_needs_nothing_that_only_tests_are_given() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    dev = {name_of(one) for one in project["optional-dependencies"]["dev"]}
    absent = sorted(
        name for name, of in packages_distributions().items() if {name_of(one) for one in of} & dev
    )
    assert "pytest" in absent and "cryptography" in absent
    program = f"import sys\nfor name in {absent}: sys.modules[name] = None\nimport tools.demo\n"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
