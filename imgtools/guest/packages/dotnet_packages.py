"""NuGet packages of .NET programs: the .deps.json that stands beside a published program.

Source: dotnet/sdk, documentation/specs/runtime-configuration-file.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.packages.manifests import one_line, read_json
from imgtools.guest.packages.purls import language_purl
from imgtools.records.components import Component, ComponentKind

SUFFIX = ".deps.json"
MOST = 10_000  # packages of one program
# What a library is of: the program itself is a project, and what the runtime brings is named by its pack.
PACKAGES = ("package", "runtimepack")


def read_dotnet(files: GuestReader, path: str) -> Iterator[Component]:
    """Yield the packages that a program was published with."""
    libraries = read_json(files, path).get("libraries")
    for title, facts in list(libraries.items())[:MOST] if isinstance(libraries, dict) else ():
        name, _, version = one_line(str(title)).partition("/")
        if name and version and isinstance(facts, dict) and facts.get("type") in PACKAGES:
            name = name.removeprefix("runtimepack.")
            yield Component(
                ComponentKind.NUGET, name, version, language_purl("nuget", name, version), paths=(path,)
            )
