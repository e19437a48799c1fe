"""The recipe of the container: what it installs is what packages.apt names, and what it copies is there."""

from __future__ import annotations

import re
import tomllib

from tests.house.source import ROOT

RECIPE = ROOT / "Containerfile"


def test_it_installs_the_packages_of_users_and_nothing_else() -> None:
    text = RECIPE.read_text(encoding="utf-8").replace("\\\n", " ")
    installed = re.findall(r"apt-get [^&]*\binstall ([^&]*)", text)
    assert [re.split(r"\s+", one.strip(), maxsplit=2) for one in installed] == [
        ["--no-install-recommends", "ca-certificates", "$(sed 's/#.*//' /srv/imgtools/packages.apt)"]
    ]
    assert "-c /srv/imgtools/constraints.txt" in text


def test_what_it_copies_is_there_and_is_enough_to_install_from() -> None:
    lines = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert lines[0] == "*" and all((ROOT / name).exists() for name in let_in)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"imgtools", "pyproject.toml", "packages.apt", "constraints.txt", project["readme"]} <= let_in
