"""Results of a run, kept in a file as they come, so that one that was cut goes on where it was."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tests.bench.cases import Case
from tests.bench.figures import Result, Sample


class Kept:
    """The results in a file, a line of JSON each; without a file nothing is kept.

    What a case measures is part of it: a case that was changed since is run again.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        lines = file.read_text().splitlines() if file is not None and file.exists() else []
        self._rows = {row["name"]: row for row in map(json.loads, lines)}

    def known(self, case: Case) -> Result | None:
        """Return what an earlier run has measured of a case."""
        row = self._rows.get(case.name)
        if row is None or (row["ours_words"], row["peer_words"]) != (case.ours, case.peer):
            return None
        return Result(
            case.name,
            case.ours,
            case.peer,
            case.goal,
            _sample(row["ours"]),
            row["peer"] and _sample(row["peer"]),
        )

    def keep(self, result: Result) -> Result:
        """Write a result down, and return it."""
        if self._file is not None:
            row = asdict(result)
            del row["goal"]
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
        return result


def _sample(row: dict[str, object]) -> Sample:
    return Sample(tuple(row["seconds"]), row["memory"])  # type: ignore[arg-type]
