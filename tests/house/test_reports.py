"""Everything that writes says so in the same words, and a change has few hands."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil

import imgtools.workflows
from tests.house.source import report

WORDS = {"written", "changed", "changes", "warnings"}
OLD = {"applied", "plan"}


def test_reports_of_what_writes_have_the_same_words() -> None:
    broken = []
    for info in pkgutil.iter_modules(imgtools.workflows.__path__):
        module = importlib.import_module(f"imgtools.workflows.{info.name}")
        for name, kind in vars(module).items():
            if not (
                isinstance(kind, type)
                and dataclasses.is_dataclass(kind)
                and kind.__module__ == module.__name__
            ):
                continue
            words = {field.name for field in dataclasses.fields(kind)}
            if name.endswith(("Report", "Change")) and ("written" in words or words & OLD):
                broken += [f"{info.name}.{name} has no {word}" for word in sorted(WORDS - words)]
                broken += [f"{info.name}.{name} has {word}" for word in sorted(words & OLD)]
    assert not broken, report(f"a report of what writes has {sorted(WORDS)}", broken)
