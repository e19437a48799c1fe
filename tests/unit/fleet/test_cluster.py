"""Whoever asks for us has our versions."""

from __future__ import annotations

from typing import Any

import pytest

from imgtools.errors import OtherVersions
from imgtools.fleet import cluster


class Client:
    """What a client of Dask tells of versions."""

    def __init__(self, **others: Any) -> None:
        packages = {**cluster.versions(), "python": "3.11.2.final.0"} | others
        scheduler = {name: version for name, version in packages.items() if name != "imgtools"}
        self._found = {"scheduler": {"packages": scheduler}, "workers": {"tcp://w:1": {"packages": packages}}}

    def get_versions(self, packages: list[str]) -> Any:
        """As Dask's."""
        return self._found


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    same = {"dask": "2026.8.0", "distributed": "2026.8.0", "python": "3.11", "imgtools": "0.1.0"}
    monkeypatch.setattr(cluster, "versions", lambda: same)


def test_the_same_versions_are_fine() -> None:
    cluster._require_our_versions(Client(), "tcp://s:1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (
            {"distributed": "2025.1.0"},
            "the scheduler tcp://s:1 has distributed 2025.1.0, and this host has 2026.8.0",
        ),
        ({"python": "3.13.1.final.0"}, "python 3.13, and this host has 3.11"),
        ({"imgtools": "0.0.9"}, "the worker tcp://w:1 has imgtools 0.0.9, and this host has 0.1.0"),
        ({"imgtools": None}, "imgtools not at all"),
    ],
)
def test_others_are_both_named(others: dict[str, Any], said: str) -> None:
    with pytest.raises(OtherVersions, match=said.replace("(", "\\(")):
        cluster._require_our_versions(Client(**others), "tcp://s:1")  # type: ignore[arg-type]
